/*-------------------------------------------------------------------------
 *
 * create.c
 *	  Databases that a server clone needs and this server has not.
 *
 * They are made from template0, as pg_restore --create does: only that takes
 * another encoding or locale, and has nothing that is not the source's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_collation.h"
#include "commands/tablespace.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/memutils.h"
#include "utils/pg_locale.h"

#include "base/compat.h"
#include "base/finding.h"
#include "run/process.h"
#include "server/create.h"

static List *
add_option(List *options, const char *name, const char *value)
{
	if (value == NULL)
		return options;
	return lappend(options,
				   makeDefElem(pstrdup(name), (Node *) makeString(pstrdup(value)), -1));
}

static CreatedbStmt *
make_statement(const ServerDatabase *database, bool with_owner)
{
	CreatedbStmt *statement = makeNode(CreatedbStmt);
	List	   *options = NIL;
	bool		is_libc = strcmp(database->provider, "libc") == 0;

	options = add_option(options, "template", "template0");
	options = add_option(options, "encoding", database->encoding);
	options = add_option(options, "lc_collate", database->collate);
	options = add_option(options, "lc_ctype", database->ctype);
	if (pgcopy_has_locale_providers())
		options = add_option(options, "locale_provider", database->provider);
	if (!is_libc)
		options = add_option(options, strcmp(database->provider, "icu") == 0 ?
							 "icu_locale" : "builtin_locale", database->locale);
	options = add_option(options, "icu_rules", database->icu_rules);
	options = add_option(options, "tablespace", database->tablespace);
	if (with_owner && OidIsValid(get_role_oid(database->owner, true)))
		options = add_option(options, "owner", database->owner);
	statement->dbname = pstrdup(database->name);
	statement->options = options;
	return statement;
}

void
pgcopy_create_database(const ServerDatabase *database, bool with_owner)
{
	PlannedStmt *planned;

	pgcopy_process_begin_transaction();
	planned = makeNode(PlannedStmt);
	planned->commandType = CMD_UTILITY;
	planned->canSetTag = true;
	planned->utilityStmt = (Node *) make_statement(database, with_owner);
	planned->stmt_location = -1;
	ProcessUtility(planned, "CREATE DATABASE", false, PROCESS_UTILITY_TOPLEVEL, NULL, NULL,
				   None_Receiver, NULL);
	pgcopy_process_end_transaction();
}

/* Make a finding that says what the database lacks here. */
static List *
add_finding(List *findings, const ServerDatabase *database, const char *what,
			const char *name, const char *hint)
{
	Finding		finding = {
		.level = FINDING_ERROR,
		.sqlerrcode = ERRCODE_UNDEFINED_OBJECT,
		.object = database->name,
		.message = psprintf("database \"%s\" needs %s \"%s\", which is not here",
							database->name, what, name),
		.hint = hint
	};

	return list_concat(findings, pgcopy_finding_list(&finding));
}

/* Does this server refuse an ICU locale? */
static bool
lacks_icu_locale(const char *locale)
{
	MemoryContext caller = CurrentMemoryContext;
	volatile bool is_refused = false;

	PG_TRY();
	{
		pgcopy_check_icu_locale(locale);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		FlushErrorState();
		is_refused = true;
	}
	PG_END_TRY();
	return is_refused;
}

List *
pgcopy_create_check(const ServerDatabase *database)
{
	static const char *const locale_hint =
	"Install the locale on this server's operating system and restart the server, or create the database before, with another locale.";
	List	   *findings = NIL;
	int			encoding = pg_char_to_encoding(database->encoding);

	if (!PG_VALID_BE_ENCODING(encoding))
		findings = add_finding(findings, database, "encoding", database->encoding,
							   "Create the database before, with another encoding.");
	if (!check_locale(LC_COLLATE, database->collate, NULL))
		findings = add_finding(findings, database, "locale", database->collate, locale_hint);
	if (strcmp(database->ctype, database->collate) != 0 &&
		!check_locale(LC_CTYPE, database->ctype, NULL))
		findings = add_finding(findings, database, "locale", database->ctype, locale_hint);
	if (!pgcopy_has_locale_provider(database->provider))
		findings = add_finding(findings, database, "locale provider", database->provider,
							   "Create the database before, with another locale provider.");
	else if (strcmp(database->provider, "icu") == 0 && database->locale != NULL &&
			 lacks_icu_locale(database->locale))
		findings = add_finding(findings, database, "ICU locale", database->locale, locale_hint);
	if (database->icu_rules != NULL && !pgcopy_has_icu_rules())
		findings = add_finding(findings, database, "ICU rules", database->icu_rules,
							   "They need PostgreSQL 16: create the database before, without them.");
	if (database->tablespace != NULL &&
		!OidIsValid(get_tablespace_oid(database->tablespace, true)))
		findings = add_finding(findings, database, "tablespace", database->tablespace,
							   "Create it here, use tablespace_map, or no_tablespaces => true.");
	return findings;
}
