/*-------------------------------------------------------------------------
 *
 * session_settings.c
 *	  The settings of a session to the source.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "base/path.h"
#include "base/timeouts.h"
#include "source/batch.h"
#include "source/session_state.h"

#define NO_TIMEOUT(name) " ('" name "', '0'),"

/*
 * Set in each session, and again in each transaction that reads: a pooler may
 * have put another server session in its place.  The join with pg_settings leaves
 * out what the source's version does not know.  Messages below an error are not read
 * here, and those of a user's function may tell values that are masked.
 */
#define SET_CONFIG(is_local, more) \
"pg_catalog.set_config(s.name, v.setting, " is_local ")" \
" FROM (VALUES ('search_path', '')," \
" ('row_security', 'off')," \
" ('client_min_messages', 'error')," \
PGCOPY_TIMEOUTS(NO_TIMEOUT) \
" ('default_transaction_isolation', 'read committed')," \
" ('default_transaction_deferrable', 'off')," \
" ('default_transaction_read_only', 'off')," \
" ('extra_float_digits', '3')," \
" ('DateStyle', 'ISO')," \
" ('IntervalStyle', 'postgres')," \
" ('bytea_output', 'hex')," \
" ('xmloption', 'content')," \
" ('lc_monetary', 'C')," \
" ('max_parallel_workers_per_gather', '0')," \
" ('jit', 'off')," \
" ('standard_conforming_strings', 'on')," \
" ('quote_all_identifiers', 'off')," \
" ('synchronize_seqscans', 'off')," \
" ('restrict_nonsystem_relation_kind', 'view, foreign-table')" more \
" ) AS v(name, setting)" \
" JOIN pg_catalog.pg_settings AS s" \
" ON pg_catalog.lower(s.name) OPERATOR(pg_catalog.=) pg_catalog.lower(v.name)"

static const char session_settings[] =
"SELECT " SET_CONFIG("false", "");

static const char transaction_settings[] =
"SELECT pg_catalog.pg_backend_pid(),"
" (SELECT pg_catalog.count(t.set_config) FROM (SELECT " SET_CONFIG("true", "") ") AS t)";

/*
 * Let a busy backend of the source notice that we are gone.  Refused if its
 * platform cannot.
 */
static const char check_interval_setting[] =
"SET client_connection_check_interval = '1s'";

/*
 * Have the source check the connection as often as we do: with its defaults it
 * would keep snapshot and locks for hours after the network is gone.
 */
static const char keepalives_setting[] =
"SELECT pg_catalog.set_config('tcp_keepalives_idle', %s, false),"
" pg_catalog.set_config('tcp_keepalives_interval', %s, false),"
" pg_catalog.set_config('tcp_keepalives_count', %s, false)";

/* All of these at once, if this is the process with a number. */
static const char all_settings[] =
"SELECT " SET_CONFIG("false",
					 ", ('client_connection_check_interval', '1s'),"
					 " ('tcp_keepalives_idle', %s),"
					 " ('tcp_keepalives_interval', %s),"
					 " ('tcp_keepalives_count', %s)")
" WHERE pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.=) %d";

/* An option as a literal: no parameters, a walsender refuses them. */
static char *
option_literal(const SourceConninfo *conninfo, const char *keyword)
{
	const char *value = pgcopy_conninfo_get(conninfo, keyword);

	return value != NULL ? quote_literal_cstr(value) : "NULL";
}

static void
set_keepalives(SourceSession *session, const SourceConninfo *conninfo)
{
	SourceQuery query = {
		psprintf(keepalives_setting,
				 option_literal(conninfo, "keepalives_idle"),
				 option_literal(conninfo, "keepalives_interval"),
				 option_literal(conninfo, "keepalives_count"))
	};

	/* a platform may refuse them */
	(void) pgcopy_session_query_run(session, &query, NULL, NULL);
}

void
pgcopy_session_settings_apply(SourceSession *session, const SourceConninfo *conninfo)
{
	pgcopy_session_exec(session, session_settings);
	set_keepalives(session, conninfo);
	if (session->version >= 140000)
		(void) pgcopy_session_try(session, check_interval_setting,
								  ERRCODE_INVALID_PARAMETER_VALUE, 0, 0);
}

char *
pgcopy_session_settings_sql(const SourceConninfo *conninfo, int pid)
{
	return psprintf(all_settings,
					option_literal(conninfo, "keepalives_idle"),
					option_literal(conninfo, "keepalives_interval"),
					option_literal(conninfo, "keepalives_count"), pid);
}

void
pgcopy_session_settings_apply_again(SourceSession *session)
{
	pgcopy_session_settings_check(session,
								  pgcopy_session_query_row(session, transaction_settings, 2,
														   0, NULL));
}

void
pgcopy_session_settings_add_again(SourceBatch *batch)
{
	pgcopy_batch_add_row(batch, transaction_settings, 2);
}

void
pgcopy_session_settings_check(const SourceSession *session, SourceRows *rows)
{
	int64		pid = pgcopy_rows_get_int64(rows, 0, 0);

	pgcopy_rows_free(rows);
	if (pid != session->pid)
		pgcopy_pooler_refuse("A transaction has begun in another process of the server than the session.");
}

/*
 * What a session of this database would begin with.  ALTER DATABASE ... SET is
 * what its users have in common, so it comes before a setting of the role that
 * clones, which may have nothing to do with what the database is used for.
 * reset_val has that role's, ALTER ROLE ALL, the server's and the default.
 */
const char pgcopy_session_path_sql[] =
"SELECT COALESCE("
" (SELECT pg_catalog.substr(c.setting, 13)"
" FROM pg_catalog.pg_db_role_setting AS s"
" JOIN pg_catalog.pg_database AS d ON d.oid OPERATOR(pg_catalog.=) s.setdatabase,"
" LATERAL pg_catalog.unnest(s.setconfig) AS c(setting)"
" WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()"
" AND s.setrole OPERATOR(pg_catalog.=) 0::pg_catalog.oid"
" AND pg_catalog.substr(c.setting, 1, 12) OPERATOR(pg_catalog.=) 'search_path='"
" LIMIT 1),"
" (SELECT s.reset_val FROM pg_catalog.pg_settings AS s"
" WHERE s.name OPERATOR(pg_catalog.=) 'search_path'), '')";

char *
pgcopy_session_search_path(SourceSession *session)
{
	SourceRows *rows = pgcopy_session_query_row(session, pgcopy_session_path_sql, 1, 0, NULL);
	char	   *path = pstrdup(pgcopy_rows_get(rows, 0, 0));

	pgcopy_rows_free(rows);
	if (!pgcopy_path_is_valid(path))
		path[0] = '\0';
	return path;
}
