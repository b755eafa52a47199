/*-------------------------------------------------------------------------
 *
 * leave_out.c
 *	  Leave statements out of a dump: what belongs to this extension, and what is
 *	  not chosen.
 *
 * An entry of the archive bears the OID of its object, or none.  Those without
 * are about other entries, on which they depend, and go with these: comments,
 * security labels, grants, what attaches a partition.  Grants on members of an
 * extension depend on an entry that is not in the dump, and user mappings depend
 * on nothing: they are known by name.
 *
 * What is chosen is chosen whole, so nothing that stays should need something that
 * goes.  A part of a table goes then, with a notice; anything else is an error.
 * pg_dump has left out unchosen relations itself, so look for them by name, too.
 *
 * Publications and subscriptions of jobs that follow their source are never cloned,
 * whoever's jobs they are: they go when these are done.
 *
 * The schema of the extension may be on both sides: it need not be created, but
 * owner, grants and comment are the source's, as for public.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_event_trigger.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_publication.h"
#include "catalog/pg_publication_rel.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_subscription.h"
#include "catalog/pg_trigger.h"
#include "utils/hsearch.h"

#include "base/compat.h"
#include "base/finding.h"
#include "base/object_filter.h"
#include "base/options.h"
#include "base/words.h"
#include "schema/dump.h"
#include "source/listing.h"
#include "source/own.h"

/* How a name is known. */
typedef enum NameKind
{
	NAME_RELATION,
	NAME_MEMBER,				/* of an extension */
	NAME_SERVER
} NameKind;

typedef struct NameEntry
{
	struct
	{
		NameKind	kind;
		NameData	schema;
		NameData	name;
	}			key;
} NameEntry;

typedef struct DumpEntries
{
	const LeaveOut *what;
	int			max_toc_id;
	bool	   *is_there;		/* by toc id: the dump has this entry */
	bool	   *is_out;			/* it is left out */
	const DumpStatement **first;	/* the entry's first statement */
	HTAB	   *names;			/* NameEntry: what is not cloned; NULL: all is */
	List	   *notices;
} DumpEntries;

static bool
is_user_mapping(const DumpStatement *statement)
{
	return strcmp(statement->tag, "CREATE USER MAPPING") == 0 ||
		strcmp(statement->tag, "ALTER USER MAPPING") == 0;
}

static bool
begins_with(const DumpStatement *statement, const char *words)
{
	size_t		length = strlen(words);

	return statement->length >= length && memcmp(statement->text, words, length) == 0;
}

/* A name in the statement would end in a quote. */
static bool
ends_with(const DumpStatement *statement, const char *words)
{
	size_t		length = strlen(words);

	return statement->length >= length &&
		memcmp(statement->text + statement->length - length, words, length) == 0;
}

static bool
is_refresh(const DumpStatement *statement)
{
	return statement->class == STATEMENT_REFRESH;
}

/* The kinds, of EXCLUDE_*, that an entry with an OID is of. */
static int
kind_of_object(const DumpStatement *statement)
{
	switch (statement->class_oid)
	{
		case EventTriggerRelationId:
			return EXCLUDE_EVENT_TRIGGERS;
		case PublicationRelationId:
		case PublicationRelRelationId:
		case PublicationNamespaceRelationId:
			return EXCLUDE_PUBLICATIONS;
		case SubscriptionRelationId:
			return EXCLUDE_SUBSCRIPTIONS;
		case PolicyRelationId:
			return EXCLUDE_POLICIES;
		case RewriteRelationId:
			/* else it is what makes a view */
			return strcmp(statement->tag, "CREATE RULE") == 0 ? EXCLUDE_RULES : 0;
		case TriggerRelationId:
			return EXCLUDE_TRIGGERS;
		case StatisticExtRelationId:
			return EXCLUDE_STATISTICS;
		default:
			return 0;
	}
}

/* The kinds that a single statement is of, whatever its entry. */
static int
kind_of_statement(const DumpStatement *statement)
{
	if (is_refresh(statement))
		return EXCLUDE_MATVIEW_ROWS;
	if (is_user_mapping(statement))
		return EXCLUDE_USER_MAPPINGS;
	if (strcmp(statement->tag, "COMMENT") == 0)
		return EXCLUDE_COMMENTS |
			(begins_with(statement, "COMMENT ON EXTENSION ") ? EXCLUDE_EXTENSION_COMMENTS : 0);
	if (strcmp(statement->tag, "SECURITY LABEL") == 0)
		return EXCLUDE_SECURITY_LABELS;
	if (strcmp(statement->tag, "ALTER TABLE") == 0 &&
		(ends_with(statement, " ENABLE ROW LEVEL SECURITY") ||
		 ends_with(statement, " FORCE ROW LEVEL SECURITY")))
		return EXCLUDE_POLICIES;
	return 0;
}

static NameEntry
make_name(NameKind kind, const char *schema, const char *name)
{
	NameEntry	entry;

	memset(&entry, 0, sizeof(entry));
	entry.key.kind = kind;
	strlcpy(NameStr(entry.key.schema), schema ? schema : "", NAMEDATALEN);
	strlcpy(NameStr(entry.key.name), name, NAMEDATALEN);
	return entry;
}

static bool
has_name(const DumpEntries *entries, NameKind kind, const char *schema, const char *name)
{
	NameEntry	entry;

	if (entries->names == NULL || name == NULL)
		return false;
	entry = make_name(kind, schema, name);
	return hash_search(entries->names, &entry.key, HASH_FIND, NULL) != NULL;
}

static void
note_names(DumpEntries *entries)
{
	HASHCTL		ctl = {
		.keysize = sizeof(((NameEntry *) NULL)->key),
		.entrysize = sizeof(NameEntry),.hcxt = CurrentMemoryContext
	};
	ListCell   *lc;

	if (entries->what->unknown == NIL)
		return;
	entries->names = hash_create("pgcopy names left out", 1024, &ctl,
								 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	foreach(lc, entries->what->unknown)
	{
		const ListedObject *object = lfirst(lc);
		NameEntry	entry =
			make_name(object->class_oid == RelationRelationId ? NAME_RELATION :
					  object->is_member ? NAME_MEMBER : NAME_SERVER,
					  object->schema, object->name);

		(void) hash_search(entries->names, &entry.key, HASH_ENTER, NULL);
	}
}

/* Is it a publication or a subscription of a job that follows its source? */
static bool
is_of_a_job(const DumpStatement *statement)
{
	return (kind_of_object(statement) & (EXCLUDE_PUBLICATIONS | EXCLUDE_SUBSCRIPTIONS)) != 0 &&
		statement->name != NULL && pgcopy_words_is_stream_name(statement->name);
}

/* Is the entry's object left out by itself? */
static bool
is_object_out(const LeaveOut *what, const DumpStatement *statement)
{
	if (is_refresh(statement))
		return (what->exclude & EXCLUDE_MATVIEW_ROWS) != 0 ||
			!pgcopy_filter_has_rows(what->filter, statement->object_oid);
	if (!OidIsValid(statement->class_oid))
		return false;
	return pgcopy_own_has(what->own, statement->class_oid, statement->object_oid) ||
		(kind_of_object(statement) & what->exclude) != 0 || is_of_a_job(statement) ||
		!pgcopy_filter_has(what->filter, statement->class_oid, statement->object_oid);
}

static void
note_entries(DumpEntries *entries, List *statements)
{
	Size		n;
	ListCell   *lc;

	foreach(lc, statements)
		entries->max_toc_id = Max(entries->max_toc_id, ((DumpStatement *) lfirst(lc))->toc_id);
	n = entries->max_toc_id + 1;
	entries->is_there = palloc0(sizeof(bool) * n);
	entries->is_out = palloc0(sizeof(bool) * n);
	entries->first = palloc0(sizeof(DumpStatement *) * n);
	foreach(lc, statements)
	{
		const DumpStatement *statement = lfirst(lc);

		entries->is_there[statement->toc_id] = true;
		entries->is_out[statement->toc_id] |= is_object_out(entries->what, statement);
		if (entries->first[statement->toc_id] == NULL)
			entries->first[statement->toc_id] = statement;
	}
}

/* Return an entry of these that a statement depends on, or 0. */
static int
find_needed(const DumpStatement *statement, const DumpEntries *entries, const bool *which)
{
	ListCell   *lc;

	foreach(lc, statement->dependencies)
	{
		if (lfirst_int(lc) <= entries->max_toc_id && which[lfirst_int(lc)])
			return lfirst_int(lc);
	}
	return 0;
}

static char *
describe(const DumpStatement *statement)
{
	const char *name = statement->name ? statement->name : statement->table_name;

	return psprintf("%s%s%s%s%s", statement->tag, name ? " " : "",
					name && statement->schema ? statement->schema : "",
					name && statement->schema ? "." : "", name ? name : "");
}

/*
 * Describe what a statement needs and is left out: another entry, or a relation
 * that the dump does not have.  NULL if there is nothing.
 */
static char *
find_missing(const DumpStatement *statement, const DumpEntries *entries)
{
	int			toc_id = find_needed(statement, entries, entries->is_out);

	if (toc_id != 0)
		return describe(entries->first[toc_id]);
	if (has_name(entries, NAME_RELATION, statement->table_schema, statement->table_name))
		return psprintf("%s.%s", statement->table_schema, statement->table_name);
	if (has_name(entries, NAME_RELATION, statement->referenced_schema, statement->referenced_name))
		return psprintf("%s.%s", statement->referenced_schema, statement->referenced_name);
	return NULL;
}

/* May the entry go without a word to those who need it? */
static bool
is_part(const DumpStatement *statement)
{
	switch (statement->class_oid)
	{
		case ConstraintRelationId:
		case TriggerRelationId:
		case PolicyRelationId:
		case StatisticExtRelationId:
		case PublicationRelRelationId:
		case PublicationNamespaceRelationId:
			return true;
		case RewriteRelationId:
			return strcmp(statement->tag, "CREATE RULE") == 0;
		case RelationRelationId:
			return strcmp(statement->tag, "CREATE INDEX") == 0;
		default:
			return !OidIsValid(statement->class_oid);
	}
}

static void
tell_part(DumpEntries *entries, const DumpStatement *statement, const char *missing)
{
	Finding		finding = {
		.level = FINDING_NOTICE,
		.object = describe(statement),
		.message = psprintf("left out with what it needs: %s", missing)
	};

	/* what belongs to a publication or has no OID goes with it in silence */
	if (OidIsValid(statement->class_oid) ? statement->class_oid != PublicationRelRelationId &&
		statement->class_oid != PublicationNamespaceRelationId : is_refresh(statement))
		entries->notices = list_concat(entries->notices, pgcopy_finding_list(&finding));
}

/* Let an entry go with what it needs.  Returns whether that is new. */
static bool
follow(DumpEntries *entries, const DumpStatement *statement)
{
	char	   *missing;

	if (entries->is_out[statement->toc_id] || statement->toc_id == 0)
		return false;
	missing = find_missing(statement, entries);
	if (missing == NULL)
		return false;
	if (!is_part(statement))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("what is cloned needs what is left out: %s needs %s",
						describe(statement), missing),
				 errhint("Include both or leave out both, and report this as a bug.")));
	entries->is_out[statement->toc_id] = true;
	tell_part(entries, statement, missing);
	return true;
}

/* Let what needs something that is left out go with it. */
static void
follow_all(DumpEntries *entries, List *statements)
{
	bool		is_new = entries->what->filter != NULL || entries->what->exclude != 0;

	while (is_new)
	{
		ListCell   *lc;

		is_new = false;
		foreach(lc, statements)
			is_new |= follow(entries, lfirst(lc));
	}
}

/* Is a statement about something outside of the dump that is not cloned? */
static bool
is_about_unknown(const DumpEntries *entries, const DumpStatement *statement)
{
	const char *schema = statement->schema ? statement->schema : "";

	if (statement->name == NULL || find_needed(statement, entries, entries->is_there) != 0)
		return false;
	if (is_user_mapping(statement))
		return pgcopy_own_has_name(entries->what->own, schema, statement->name) ||
			has_name(entries, NAME_SERVER, NULL, statement->name) ||
			has_name(entries, NAME_MEMBER, NULL, statement->name);
	return statement->class == STATEMENT_ACL &&
		(pgcopy_own_has_name(entries->what->own, schema, statement->name) ||
		 has_name(entries, NAME_MEMBER, schema, statement->name));
}

static bool
is_left_out(const DumpEntries *entries, const DumpStatement *statement)
{
	if (entries->is_out[statement->toc_id] ||
		(kind_of_statement(statement) & entries->what->exclude) != 0)
		return true;
	if (OidIsValid(statement->class_oid))
		return false;
	return find_needed(statement, entries, entries->is_out) != 0 ||
		is_about_unknown(entries, statement);
}

static bool
creates_schema(const DumpStatement *statement, const char *schema)
{
	return schema != NULL && statement->class_oid == NamespaceRelationId &&
		strcmp(statement->tag, "CREATE SCHEMA") == 0 &&
		strcmp(statement->name, schema) == 0;
}

List *
pgcopy_dump_leave_out(List *statements, const LeaveOut *what, List **notices)
{
	DumpEntries entries = {.what = what};
	List	   *kept = NIL;
	ListCell   *lc;

	note_names(&entries);
	note_entries(&entries, statements);
	follow_all(&entries, statements);
	foreach(lc, statements)
	{
		DumpStatement *statement = lfirst(lc);

		if (!is_left_out(&entries, statement) &&
			!creates_schema(statement, what->schema_here))
			kept = lappend(kept, statement);
	}
	if (entries.names != NULL)
		hash_destroy(entries.names);
	pfree(entries.is_there);
	pfree(entries.is_out);
	pfree(entries.first);
	*notices = entries.notices;
	return kept;
}
