/*-------------------------------------------------------------------------
 *
 * needs_report.c
 *	  What is not met, as findings: one for each kind, with the first names.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "nodes/value.h"
#include "utils/builtins.h"

#include "base/finding.h"
#include "schema/needs_private.h"
#include "source/names.h"

/* How many names a finding lists: all that is in the way, but not without end. */
#define SHOWN_NAMES 200

typedef struct NeedReport
{
	int			sqlerrcode;
	bool		stops_always;	/* even a job that goes on after errors */
	const char *message_one;	/* one %d: the number of names */
	const char *message_many;
	const char *what;			/* introduces the names */
	const char *hint;			/* $role and $database stand for their names */
} NeedReport;

static const NeedReport reports[] = {
	[NEED_EXTENSION_REQUIRED] = {
		ERRCODE_UNDEFINED_OBJECT, true,
		"%d extension needs another one here that the source has not",
		"%d extensions need others here that the source has not",
		"Missing",
		"Create the other extensions here first."
	},
	[NEED_EXTENSION_SUPERUSER] = {
		ERRCODE_INSUFFICIENT_PRIVILEGE, false,
		"%d extension can be created here only by a superuser",
		"%d extensions can be created here only by a superuser",
		"Extensions",
		"Let a superuser run CREATE EXTENSION here first, in the same schema as on the source, or run the job as a superuser."
	},
	[NEED_ROLE] = {
		ERRCODE_UNDEFINED_OBJECT, true,
		"%d role that the source uses does not exist here",
		"%d roles that the source uses do not exist here",
		"Missing",
		"Create them, by hand or with roles => true, or leave ownership and grants out with no_owner => true and no_privileges => true; roles of policies and user mappings are needed in any case."
	},
	[NEED_MEMBERSHIP] = {
		ERRCODE_INSUFFICIENT_PRIVILEGE, false,
		"the job's role cannot act as %d owner or grantor of the source's objects",
		"the job's role cannot act as %d owners or grantors of the source's objects",
		"Roles",
		"Grant these roles to $role, use no_owner => true (for grantors and default privileges: no_privileges => true), or run the job as a superuser."
	},
	[NEED_OWNER_CREATE] = {
		ERRCODE_INSUFFICIENT_PRIVILEGE, false,
		"%d owner of objects may not create objects where they are",
		"%d owners of objects may not create objects where they are",
		"Missing",
		"Grant CREATE (of a foreign-data wrapper: USAGE) here first, use no_owner => true, or run the job as a superuser. Privileges of schemas are cloned last."
	},
	[NEED_OWNER_SUPERUSER] = {
		ERRCODE_INSUFFICIENT_PRIVILEGE, false,
		"%d owner of objects of the source must be a superuser here",
		"%d owners of objects of the source must be superusers here",
		"Owners",
		"ALTER ROLE ... SUPERUSER, or use no_owner => true."
	},
	[NEED_GRANTOR] = {
		ERRCODE_INSUFFICIENT_PRIVILEGE, false,
		"privileges were granted on the source by %d role other than the owner, which needs a superuser here",
		"privileges were granted on the source by %d roles other than the owners, which needs a superuser here",
		"Grantors",
		"Use no_privileges => true, or run the job as a superuser."
	},
	[NEED_GRANT_ON_MEMBER] = {
		ERRCODE_INSUFFICIENT_PRIVILEGE, false,
		"privileges on %d object of an extension or of the system can be changed only by its owner",
		"privileges on %d objects of extensions or of the system can be changed only by their owners",
		"Objects",
		"Use no_privileges => true, or run the job as a superuser."
	},
	[NEED_OWNERSHIP] = {
		ERRCODE_INSUFFICIENT_PRIVILEGE, false,
		"%d object that is here already and is changed does not belong to the job's role",
		"%d objects that are here already and are changed do not belong to the job's role",
		"Objects",
		"Give them to $role by ALTER ... OWNER TO, or run the job as a superuser."
	},
	[NEED_SUPERUSER] = {
		ERRCODE_INSUFFICIENT_PRIVILEGE, false,
		"%d definition of the source can be made here only by a superuser",
		"%d definitions of the source can be made here only by a superuser",
		"Definitions",
		"Run the job as a superuser, or go on without them by on_error => 'continue'."
	},
	[NEED_DATABASE_CREATE] = {
		ERRCODE_INSUFFICIENT_PRIVILEGE, false,
		"the job's role may not create %d object in this database",
		"the job's role may not create %d objects in this database",
		"Objects",
		"GRANT CREATE ON DATABASE $database TO $role"
	},
	[NEED_SCHEMA] = {
		ERRCODE_UNDEFINED_SCHEMA, true,
		"%d schema that the job does not create is missing here",
		"%d schemas that the job does not create are missing here",
		"Missing",
		"Create them first, by CREATE SCHEMA; sections => '{pre-data}' creates all but public."
	},
	[NEED_SCHEMA_CREATE] = {
		ERRCODE_INSUFFICIENT_PRIVILEGE, false,
		"the job's role may not create objects in %d schema that is here already",
		"the job's role may not create objects in %d schemas that are here already",
		"Schemas",
		"GRANT CREATE ON SCHEMA ... TO $role"
	},
	[NEED_TABLESPACE] = {
		ERRCODE_UNDEFINED_OBJECT, true,
		"%d tablespace that the source uses does not exist here",
		"%d tablespaces that the source uses do not exist here",
		"Missing",
		"Create them, or use no_tablespaces => true."
	},
	[NEED_TABLESPACE_CREATE] = {
		ERRCODE_INSUFFICIENT_PRIVILEGE, false,
		"the job's role may not use %d tablespace",
		"the job's role may not use %d tablespaces",
		"Tablespaces",
		"GRANT CREATE ON TABLESPACE ... TO $role, or use no_tablespaces => true."
	},
	[NEED_ACCESS_METHOD] = {
		ERRCODE_UNDEFINED_OBJECT, false,
		"%d access method that the source uses does not exist here",
		"%d access methods that the source uses do not exist here",
		"Missing",
		"Create the extension that has it, or CREATE ACCESS METHOD here first."
	},
	[NEED_LANGUAGE] = {
		ERRCODE_UNDEFINED_OBJECT, false,
		"%d language of functions is not available here",
		"%d languages of functions are not available here",
		"Missing",
		"Install the packages of their extensions on this server, or drop the languages and their functions on the source."
	},
	[NEED_LANGUAGE_USAGE] = {
		ERRCODE_INSUFFICIENT_PRIVILEGE, false,
		"the job's role may not use %d language of functions here",
		"the job's role may not use %d languages of functions here",
		"Languages",
		"GRANT USAGE ON LANGUAGE ... TO $role"
	},
	[NEED_WRAPPER_USAGE] = {
		ERRCODE_INSUFFICIENT_PRIVILEGE, false,
		"the job's role may not make servers of %d foreign-data wrapper",
		"the job's role may not make servers of %d foreign-data wrappers",
		"Foreign-data wrappers",
		"Let a superuser create their extensions here first, and GRANT USAGE ON FOREIGN DATA WRAPPER ... TO $role, or run the job as a superuser."
	},
	[NEED_LIBRARY] = {
		ERRCODE_UNDEFINED_FILE, false,
		"%d library of functions is not installed here",
		"%d libraries of functions are not installed here",
		"Missing",
		"Install them on this server, or drop the functions on the source."
	},
	[NEED_INTERNAL_FUNCTION] = {
		ERRCODE_UNDEFINED_FUNCTION, false,
		"%d function is built in on the source, but not here",
		"%d functions are built in on the source, but not here",
		"Functions",
		"Drop the functions on the source, or replace them by others."
	},
	[NEED_SETTING] = {
		ERRCODE_INSUFFICIENT_PRIVILEGE, false,
		"%d setting of functions (ALTER FUNCTION ... SET) cannot be made here",
		"%d settings of functions (ALTER FUNCTION ... SET) cannot be made here",
		"Settings",
		"Reset them on the source, let a superuser GRANT SET ON PARAMETER ... TO $role (from PostgreSQL 15 on), or run the job as a superuser."
	},
	[NEED_DICTIONARY] = {
		ERRCODE_CONFIG_FILE_ERROR, false,
		"%d text search dictionary does not work here",
		"%d text search dictionaries do not work here",
		"Dictionaries",
		"Install their files in share/tsearch_data of this server."
	},
	[NEED_COLLATION] = {
		ERRCODE_UNDEFINED_OBJECT, false,
		"%d collation of the source cannot be made here",
		"%d collations of the source cannot be made here",
		"Collations",
		"Install the locales on this server's operating system and restart it."
	},
	[NEED_LABEL_PROVIDER] = {
		ERRCODE_INVALID_PARAMETER_VALUE, false,
		"%d provider of security labels is not loaded here",
		"%d providers of security labels are not loaded here",
		"Missing",
		"Load the library of the provider here too, by shared_preload_libraries."
	}
};

StaticAssertDecl(lengthof(reports) == NEED_KINDS, "a report for each kind");

bool
pgcopy_needs_report_is_first(Needs *needs, NeedKind kind, const char *name)
{
	char		key[NEEDS_KEY_SIZE];
	uint32		hash = DatumGetUInt32(hash_any((const unsigned char *) name, strlen(name)));
	bool		is_known;

	/* the hash tells long names apart */
	snprintf(key, sizeof(key), "%d %08x %s", kind, hash, name);
	(void) hash_search(needs->seen, key, HASH_ENTER, &is_known);
	return !is_known;
}

void
pgcopy_needs_report_add(Needs *needs, NeedKind kind, const char *name)
{
	char	   *key = psprintf("reported %s", name);
	MemoryContext caller;

	if (!pgcopy_needs_report_is_first(needs, kind, key))
		return;
	caller = MemoryContextSwitchTo(needs->context);
	needs->names[kind] = lappend(needs->names[kind], pstrdup(name));
	MemoryContextSwitchTo(caller);
}

/* The object's type is the command tag without its verb, in lower case. */
char *
pgcopy_needs_report_label(const DumpStatement *statement)
{
	const char *type = strchr(statement->tag, ' ');
	StringInfoData label;

	initStringInfo(&label);
	for (const char *c = type != NULL ? type + 1 : statement->tag; *c != '\0'; c++)
		appendStringInfoChar(&label, pg_tolower((unsigned char) *c));
	if (statement->name != NULL)
		appendStringInfo(&label, " %s",
						 statement->schema != NULL ?
						 quote_qualified_identifier(statement->schema, statement->name) :
						 quote_identifier(statement->name));
	return label.data;
}

/* Replace a word of a hint by a quoted name. */
static char *
fill_in(const char *hint, const char *word, const char *name)
{
	const char *place = strstr(hint, word);

	if (place == NULL)
		return pstrdup(hint);
	return psprintf("%.*s%s%s", (int) (place - hint), hint,
					quote_identifier(name), place + strlen(word));
}

static int
compare_names(const ListCell *a, const ListCell *b)
{
	return strcmp(lfirst(a), lfirst(b));
}

static List *
make_finding(const Needs *needs, List *names, const NeedReport *report, bool goes_on)
{
	int			count = list_length(names);
	Finding		finding = {.sqlerrcode = report->sqlerrcode};
	char	   *shown;

	list_sort(names, compare_names);
	shown = pgcopy_names_list(names, SHOWN_NAMES);
	finding.level = goes_on && !report->stops_always ? FINDING_NOTICE : FINDING_ERROR;
	finding.message = psprintf(count == 1 ? report->message_one : report->message_many, count);
	finding.detail = psprintf("%s: %s.", report->what, shown);
	finding.hint = fill_in(fill_in(report->hint, "$database", needs->database),
						   "$role", needs->role_name);
	if (finding.level == FINDING_NOTICE)
		finding.object = shown;
	return pgcopy_finding_list(&finding);
}

List *
pgcopy_needs_find(Needs *needs, bool goes_on)
{
	List	   *findings = NIL;

	for (int kind = 0; kind < NEED_KINDS; kind++)
	{
		if (needs->names[kind] != NIL)
			findings = list_concat(findings,
								   make_finding(needs, needs->names[kind],
												&reports[kind], goes_on));
	}
	return findings;
}
