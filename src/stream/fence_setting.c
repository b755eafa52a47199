/*-------------------------------------------------------------------------
 *
 * fence_setting.c
 *	  The fence as a setting of the source's database, and whose it is.
 *
 * Several jobs may follow one database, each for a target of its own.  So a fence has an
 * owner, the name of whose publication says so: one without tables, which is made in the
 * transaction that sets the fence and dropped in the one that lifts it.  It survives
 * whatever the setting survives.  Nobody sets a fence while another has one, and nobody
 * lifts but his own.
 *
 * A fence that stays, as after a cutover, has no owner: it is the user's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "stream/fence.h"

/* An advisory lock of the source's database: one at a time looks for owners and sets. */
#define OWNER_LOCK "7377834911520"

#define SETTING "default_transaction_read_only"

static const char setting_sql[] =
"SELECT pg_catalog.substr(c.setting, 31)"
" FROM pg_catalog.pg_db_role_setting AS s"
" JOIN pg_catalog.pg_database AS d ON d.oid = s.setdatabase,"
" LATERAL pg_catalog.unnest(s.setconfig) AS c(setting)"
" WHERE d.datname = pg_catalog.current_database() AND s.setrole = 0::pg_catalog.oid"
" AND pg_catalog.substr(c.setting, 1, 30) = '" SETTING "='";

/* $1: an owner, who comes first. */
static const char owner_sql[] =
"SELECT p.pubname FROM pg_catalog.pg_publication AS p"
" WHERE p.pubname ~ '^pgcopy_[0-9a-f]{12}_[0-9]+_f$'"
" ORDER BY p.pubname = $1::pg_catalog.name, p.pubname LIMIT 1";

static const char is_owner_sql[] =
"SELECT p.pubname FROM pg_catalog.pg_publication AS p"
" WHERE p.pubname = $1::pg_catalog.name";

/* Ask for one text, NULL if there is no row. */
static char *
ask_text(SourceSession *session, const char *sql, int nparams, const char *const *params)
{
	SourceRows *rows = pgcopy_session_query(session, sql, 1, nparams, params);
	char	   *text = pgcopy_rows_count(rows) > 0 ? pstrdup(pgcopy_rows_get(rows, 0, 0)) : NULL;

	pgcopy_rows_free(rows);
	return text;
}

char *
pgcopy_fence_setting(SourceSession *session)
{
	return ask_text(session, setting_sql, 0, NULL);
}

/* "ALTER DATABASE name" */
static char *
alter_database(SourceSession *session)
{
	char	   *name = ask_text(session, "SELECT pg_catalog.current_database()", 0, NULL);

	return psprintf("ALTER DATABASE %s", quote_identifier(name != NULL ? name : ""));
}

static bool
is_owner(SourceSession *session, const char *owner)
{
	return ask_text(session, is_owner_sql, 1, &owner) != NULL;
}

void
pgcopy_fence_check_owner(SourceSession *session, const char *owner)
{
	char	   *other = ask_text(session, owner_sql, 1, &owner);

	if (other == NULL || strcmp(other, owner) == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_IN_USE),
			 errmsg("another job, \"%.*s\", has fenced the source's database",
					(int) strlen(other) - 2, other),
			 errdetail("It is in its cutover, or has not been able to lift its fence yet."),
			 errhint("Wait for its end, resume it or drop it. If it is gone for good, run on the source: DROP PUBLICATION %s, and ALTER DATABASE ... RESET " SETTING ".",
					 quote_identifier(other))));
}

/* If it throws, the lock goes with the session. */
void
pgcopy_fence_set(SourceSession *session, const char *owner)
{
	const char *set = psprintf("%s SET " SETTING " = on", alter_database(session));

	pgcopy_session_exec(session, "SELECT pg_catalog.pg_advisory_lock(" OWNER_LOCK ")");
	pgcopy_fence_check_owner(session, owner);
	if (!is_owner(session, owner))
		set = psprintf("CREATE PUBLICATION %s; %s", quote_identifier(owner), set);
	pgcopy_session_exec(session, set);
	pgcopy_session_exec(session, "SELECT pg_catalog.pg_advisory_unlock(" OWNER_LOCK ")");
}

/* One transaction; as a whole it fails if the fence is not ours. */
char *
pgcopy_fence_lift_sql(SourceSession *session, const char *owner, const char *before)
{
	return psprintf("DROP PUBLICATION %s; %s %s" SETTING "%s%s", quote_identifier(owner),
					alter_database(session), before == NULL ? "RESET " : "SET ",
					before == NULL ? "" : " = ",
					before == NULL ? "" : quote_literal_cstr(before));
}

void
pgcopy_fence_lift(SourceSession *session, const char *owner, const char *before)
{
	if (is_owner(session, owner))
		pgcopy_session_exec(session, pgcopy_fence_lift_sql(session, owner, before));
}
