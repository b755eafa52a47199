/*-------------------------------------------------------------------------
 *
 * fence.c
 *	  Keep writers off the source's database during a cutover.
 *
 * The fence is a setting of the database (fence_setting.c).  Sessions read it when they
 * begin, so those of before must end; a pool opens new ones, which can read and not
 * write.  SHARE locks on the tables are the proof that nobody writes, also against who
 * sets the parameter back for himself: they conflict with every writer, even one whose
 * commit waits for a standby.
 *
 * A session is idle between its transactions; ending it then costs its client a new
 * connection and no work.  The state is read a moment before, so that now and then
 * one is ended that has just begun.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"

#include "source/names.h"
#include "stream/fence.h"

/* Tables in one LOCK TABLE. */
#define TABLES_PER_STATEMENT 500

/* How many names a message lists. */
#define MOST_NAMES 20

#define SETTING "default_transaction_read_only"

/*
 * The client sessions of this database that began in a span, $1 to $2, but for those
 * of our job.  What the role may not see is NULL.  An application name alone proves
 * nothing: ours have the role and the address of this session too.
 */
#define SESSIONS_CTE \
"WITH me AS (" \
" SELECT a.datid, a.usesysid, a.client_addr, r.rolsuper," \
"  pg_catalog.substring(a.application_name, '^pgcopy job [0-9]+ ') AS job" \
" FROM pg_catalog.pg_stat_activity AS a" \
" JOIN pg_catalog.pg_roles AS r ON r.oid = a.usesysid" \
" WHERE a.pid = pg_catalog.pg_backend_pid()" \
"), sessions AS (" \
" SELECT a.pid, a.usename, a.application_name, a.backend_type, a.xact_start," \
"  COALESCE(a.state = 'idle', false) AS is_idle," \
"  me.rolsuper OR (NOT COALESCE(r.rolsuper, true)" \
"   AND (pg_catalog.pg_has_role(r.oid, 'USAGE')" \
"    OR pg_catalog.pg_has_role('pg_signal_backend', 'USAGE'))) AS may_end" \
" FROM me JOIN pg_catalog.pg_stat_activity AS a ON a.datid = me.datid" \
" LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = a.usesysid" \
" WHERE COALESCE(a.backend_type, 'client backend') = 'client backend'" \
"  AND a.pid <> pg_catalog.pg_backend_pid()" \
"  AND (me.job IS NULL OR a.usesysid <> me.usesysid" \
"   OR a.client_addr IS DISTINCT FROM me.client_addr" \
"   OR pg_catalog.\"left\"(a.application_name, pg_catalog.length(me.job)) <> me.job)" \
"  AND ($1::pg_catalog.timestamptz IS NULL OR a.backend_start IS NULL" \
"   OR a.backend_start >= $1::pg_catalog.timestamptz)" \
"  AND ($2::pg_catalog.timestamptz IS NULL OR a.backend_start IS NULL" \
"   OR a.backend_start < $2::pg_catalog.timestamptz)" \
")"

static const char count_sql[] =
SESSIONS_CTE
" SELECT pg_catalog.count(*) FILTER (WHERE s.is_idle),"
" pg_catalog.count(*) FILTER (WHERE NOT s.is_idle AND s.backend_type IS NOT NULL),"
" pg_catalog.count(*) FILTER (WHERE s.backend_type IS NULL),"
" pg_catalog.count(*) FILTER (WHERE NOT s.may_end),"
" (SELECT pg_catalog.format('pid %s (%s, %s), in a transaction for %s s', o.pid, o.usename,"
"  o.application_name, GREATEST(pg_catalog.date_part('epoch',"
"   pg_catalog.clock_timestamp() - o.xact_start), 0)::pg_catalog.int8)"
"  FROM sessions AS o WHERE o.xact_start IS NOT NULL ORDER BY o.xact_start LIMIT 1)"
" FROM sessions AS s";

static const char end_sql[] =
SESSIONS_CTE
" SELECT pg_catalog.count(*) FILTER (WHERE CASE"
"  WHEN s.may_end AND (s.is_idle OR $3::pg_catalog.bool)"
"  THEN pg_catalog.pg_terminate_backend(s.pid) ELSE false END)"
" FROM sessions AS s";

static const char now_sql[] =
"SELECT pg_catalog.clock_timestamp()::pg_catalog.text";

static const char tables_sql[] =
"SELECT n.nspname, c.relname FROM pg_catalog.pg_class AS c"
" JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
" WHERE c.oid = ANY ($1::pg_catalog.oid[]) AND c.relkind IN ('r', 'p')"
" ORDER BY c.oid";

/* Who holds a lock that keeps SHARE locks from these tables.  $1: names. */
static const char blockers_sql[] =
"SELECT pg_catalog.format('%s (pid %s, %s, %s) on %s', COALESCE(a.backend_type, 'a session'),"
"  l.pid, COALESCE(a.usename, '-'), a.application_name, l.relation::pg_catalog.regclass)"
" FROM pg_catalog.pg_locks AS l"
" LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid"
" WHERE l.locktype = 'relation' AND l.granted AND l.pid <> pg_catalog.pg_backend_pid()"
"  AND l.mode NOT IN ('AccessShareLock', 'RowShareLock', 'ShareLock')"
"  AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d"
"   WHERE d.datname = pg_catalog.current_database())"
"  AND l.relation IN (SELECT pg_catalog.to_regclass(t)::pg_catalog.oid"
"   FROM pg_catalog.unnest($1::pg_catalog.text[]) AS t)"
" ORDER BY a.xact_start LIMIT 1";

static const char locks_sql[] =
"SELECT pg_catalog.count(*) FROM pg_catalog.pg_locks AS l"
" WHERE l.locktype = 'relation' AND l.granted AND l.mode = 'ShareLock'"
"  AND l.pid = pg_catalog.pg_backend_pid()";

static const char waiting_sql[] =
SESSIONS_CTE
", waiting AS ("
" SELECT DISTINCT w.pid FROM pg_catalog.pg_locks AS l"
" JOIN pg_catalog.pg_locks AS w ON w.database = l.database AND w.relation = l.relation"
" WHERE l.locktype = 'relation' AND l.granted AND l.mode = 'ShareLock'"
"  AND l.pid = pg_catalog.pg_backend_pid() AND w.locktype = 'relation' AND NOT w.granted"
")"
" SELECT pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE"
"  CASE WHEN s.may_end THEN pg_catalog.pg_terminate_backend(s.pid) ELSE false END)"
" FROM waiting AS w JOIN sessions AS s ON s.pid = w.pid";

/* A session locks its database before it reads settings, until it is to be seen. */
static const char beginning_sql[] =
"SELECT pg_catalog.array_agg(l.pid)::pg_catalog.text FROM pg_catalog.pg_locks AS l"
" WHERE l.locktype = 'object' AND l.granted AND l.mode = 'RowExclusiveLock'"
"  AND l.classid = 'pg_catalog.pg_database'::pg_catalog.regclass"
"  AND l.objid = (SELECT d.oid FROM pg_catalog.pg_database AS d"
"   WHERE d.datname = pg_catalog.current_database())"
"  AND l.pid <> pg_catalog.pg_backend_pid()"
"  AND ($1::pg_catalog.int4[] IS NULL OR l.pid = ANY ($1::pg_catalog.int4[]))";

static const char flushed_sql[] =
"SELECT pg_catalog.pg_current_wal_flush_lsn()";

static const char prepared_sql[] =
"SELECT p.gid, p.owner, GREATEST(pg_catalog.date_part('epoch',"
"  pg_catalog.clock_timestamp() - p.prepared), 0)::pg_catalog.int8"
" FROM pg_catalog.pg_prepared_xacts AS p"
" WHERE p.database = pg_catalog.current_database() ORDER BY p.prepared LIMIT 100";

static const char writers_sql[] =
"SELECT pg_catalog.format('pid %s (%s, %s), since %s s', a.pid, a.usename, a.application_name,"
"  pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - a.xact_start)::pg_catalog.int8)"
" FROM pg_catalog.pg_stat_activity AS a"
" WHERE a.datname = pg_catalog.current_database() AND a.backend_xid IS NOT NULL"
"  AND a.xact_start < pg_catalog.clock_timestamp() - '30 s'::pg_catalog.interval"
" ORDER BY a.xact_start LIMIT 100";

/* The function has one more parameter from 17 on. */
static const char rights_sql[] =
"SELECT pg_catalog.pg_has_role(d.datdba, 'USAGE'),"
" pg_catalog.pg_has_role('pg_signal_backend', 'USAGE'),"
" COALESCE((SELECT pg_catalog.bool_or(pg_catalog.has_function_privilege(f.oid, 'EXECUTE'))"
"  FROM pg_catalog.pg_proc AS f WHERE f.proname = 'pg_logical_emit_message'"
"  AND f.pronamespace = 'pg_catalog'::pg_catalog.regnamespace"
"  AND f.proargtypes[2] = 'text'::pg_catalog.regtype), false)"
" FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database()";

/* A role's own setting comes before the database's. */
static const char overriding_sql[] =
"SELECT DISTINCT r.rolname FROM pg_catalog.pg_db_role_setting AS s"
" JOIN pg_catalog.pg_roles AS r ON r.oid = s.setrole,"
" LATERAL pg_catalog.unnest(s.setconfig) AS c(setting)"
" WHERE (s.setdatabase = 0::pg_catalog.oid OR s.setdatabase = (SELECT d.oid"
"   FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database()))"
"  AND pg_catalog.substr(c.setting, 1, 30) = '" SETTING "='"
"  AND pg_catalog.lower(pg_catalog.substr(c.setting, 31)) NOT IN ('on', 'true', 'yes', '1')"
" ORDER BY 1";

/* $1 NULL: all that are not the server's or an extension's. */
static const char unlockable_sql[] =
"SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class AS c"
" JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
" WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'"
"  AND (c.oid = ANY ($1::pg_catalog.oid[]) OR $1::pg_catalog.oid[] IS NULL"
"   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
"   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d WHERE d.deptype = 'e'"
"    AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid))"
"  AND NOT pg_catalog.has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE')"
" ORDER BY 1";

/* Ask for one text, NULL if there is no row or it is NULL. */
static char *
ask_text(SourceSession *session, const char *sql, int nparams, const char *const *params)
{
	SourceRows *rows = pgcopy_session_query(session, sql, 1, nparams, params);
	const char *text = pgcopy_rows_count(rows) > 0 ? pgcopy_rows_get_or_null(rows, 0, 0) : NULL;
	char	   *copy = text != NULL ? pstrdup(text) : NULL;

	pgcopy_rows_free(rows);
	return copy;
}

/* Ask for texts: List of char *. */
static List *
ask_texts(SourceSession *session, const char *sql, int nparams, const char *const *params)
{
	SourceRows *rows = pgcopy_session_query(session, sql, 1, nparams, params);
	List	   *texts = NIL;

	for (int i = 0; i < pgcopy_rows_count(rows); i++)
		texts = lappend(texts, pstrdup(pgcopy_rows_get(rows, i, 0)));
	pgcopy_rows_free(rows);
	return texts;
}

void
pgcopy_fence_count(SourceSession *session, const FenceSpan *span, FenceSessions *sessions)
{
	const char *params[] = {span->from, span->until};
	SourceRows *rows = pgcopy_session_query_row(session, count_sql, 5,
												lengthof(params), params);
	const char *oldest = pgcopy_rows_get_or_null(rows, 0, 4);

	sessions->idle = (int) pgcopy_rows_get_size(rows, 0, 0);
	sessions->busy = (int) pgcopy_rows_get_size(rows, 0, 1);
	sessions->unknown = (int) pgcopy_rows_get_size(rows, 0, 2);
	sessions->untouchable = (int) pgcopy_rows_get_size(rows, 0, 3);
	sessions->oldest = oldest != NULL ? pstrdup(oldest) : NULL;
	pgcopy_rows_free(rows);
}

int
pgcopy_fence_end_sessions(SourceSession *session, const FenceSpan *span, bool busy_too)
{
	const char *params[] = {span->from, span->until, busy_too ? "t" : "f"};
	SourceRows *rows = pgcopy_session_query_row(session, end_sql, 1,
												lengthof(params), params);
	int			count = (int) pgcopy_rows_get_size(rows, 0, 0);

	pgcopy_rows_free(rows);
	return count;
}

char *
pgcopy_fence_now(SourceSession *session)
{
	SourceRows *rows = pgcopy_session_query_row(session, now_sql, 1, 0, NULL);
	char	   *now = pstrdup(pgcopy_rows_get(rows, 0, 0));

	pgcopy_rows_free(rows);
	return now;
}

List *
pgcopy_fence_tables(SourceSession *session, const char *only)
{
	const char *params[] = {only};
	SourceRows *rows = pgcopy_session_query(session, tables_sql, 2, lengthof(params), params);
	List	   *names = NIL;

	for (int i = 0; i < pgcopy_rows_count(rows); i++)
		names = lappend(names, quote_qualified_identifier(pgcopy_rows_get(rows, i, 0),
														  pgcopy_rows_get(rows, i, 1)));
	pgcopy_rows_free(rows);
	return names;
}

/* Lock some tables within so many ms, in an open transaction. */
static bool
lock_some(SourceSession *session, List *tables, int first, long ms)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SET LOCAL lock_timeout = %ld; SET LOCAL statement_timeout = %ld;"
					 " LOCK TABLE ", ms, ms);
	for (int i = first; i < Min(list_length(tables), first + TABLES_PER_STATEMENT); i++)
		appendStringInfo(&sql, "%s%s", i > first ? ", " : "", (char *) list_nth(tables, i));
	appendStringInfoString(&sql, " IN SHARE MODE");
	return pgcopy_session_try(session, sql.data, ERRCODE_LOCK_NOT_AVAILABLE,
							  ERRCODE_QUERY_CANCELED, ERRCODE_T_R_DEADLOCK_DETECTED);
}

bool
pgcopy_fence_lock(SourceSession *session, List *tables, int lock_ms, char **who)
{
	TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), lock_ms);
	const char *params[1];

	pgcopy_session_exec(session, "BEGIN");
	for (int first = 0; first < list_length(tables); first += TABLES_PER_STATEMENT)
	{
		long		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), until);

		if (lock_some(session, tables, first, Max(left, 1)))
			continue;
		pgcopy_session_exec(session, "ROLLBACK");
		params[0] = pgcopy_names_array_literal(tables);
		*who = ask_text(session, blockers_sql, lengthof(params), params);
		return false;
	}
	pgcopy_session_exec(session, "SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0");
	return true;
}

bool
pgcopy_fence_has_locks(SourceSession *session, int tables)
{
	SourceRows *rows = pgcopy_session_query_row(session, locks_sql, 1, 0, NULL);
	int64		locks = pgcopy_rows_get_size(rows, 0, 0);

	pgcopy_rows_free(rows);
	return locks >= tables;
}

int
pgcopy_fence_end_waiting(SourceSession *session, int *ended)
{
	const char *params[] = {NULL, NULL};
	SourceRows *rows = pgcopy_session_query_row(session, waiting_sql, 2,
												lengthof(params), params);
	int			count = (int) pgcopy_rows_get_size(rows, 0, 0);

	*ended = (int) pgcopy_rows_get_size(rows, 0, 1);
	pgcopy_rows_free(rows);
	return count;
}

char *
pgcopy_fence_beginning(SourceSession *session, const char *of)
{
	return ask_text(session, beginning_sql, 1, &of);
}

XLogRecPtr
pgcopy_fence_mark(SourceSession *session)
{
	SourceRows *rows;
	XLogRecPtr	lsn;
	bool		has_error = false;

	pgcopy_session_exec(session,
						"BEGIN; SET LOCAL synchronous_commit = local;"
						" SELECT pg_catalog.pg_logical_emit_message(true, 'pgcopy', 'cutover');"
						" COMMIT");
	rows = pgcopy_session_query_row(session, flushed_sql, 1, 0, NULL);
	lsn = pg_lsn_in_internal(pgcopy_rows_get(rows, 0, 0), &has_error);
	if (has_error || XLogRecPtrIsInvalid(lsn))
		pgcopy_rows_throw(rows, "It sent what is no position in the WAL.");
	pgcopy_rows_free(rows);
	return lsn;
}

static List *
find_prepared(SourceSession *session)
{
	SourceRows *rows = pgcopy_session_query(session, prepared_sql, 3, 0, NULL);
	List	   *found = NIL;

	for (int i = 0; i < pgcopy_rows_count(rows); i++)
	{
		const char *gid = pstrdup(pgcopy_rows_get(rows, i, 0));
		Finding		finding = {
			.level = FINDING_ERROR,
			.sqlerrcode = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			.message = psprintf("prepared transaction \"%s\" is open on the source", gid),
			.detail = psprintf("It is of role \"%s\", prepared " INT64_FORMAT " s ago.",
							   pgcopy_rows_get(rows, i, 1), pgcopy_rows_get_size(rows, i, 2)),
			.hint = psprintf("On the source, COMMIT PREPARED or ROLLBACK PREPARED %s.",
							 quote_literal_cstr(gid))
		};

		found = list_concat(found, pgcopy_finding_list(&finding));
	}
	pgcopy_rows_free(rows);
	return found;
}

/* Complete a finding about these; none is one of nobody.  one, many: with their number. */
static List *
find_named(const List *names, Finding *finding, const char *one, const char *many)
{
	int			count = list_length(names);

	if (count == 0)
		return NIL;
	finding->object = pgcopy_names_list(names, MOST_NAMES);
	finding->message = psprintf(count == 1 ? one : many, count);
	return pgcopy_finding_list(finding);
}

static List *
find_writers(SourceSession *session)
{
	Finding		finding = {
		.level = FINDING_NOTICE,
		.hint = "Let them end first; a cutover ends their sessions."
	};

	return find_named(ask_texts(session, writers_sql, 0, NULL), &finding,
					  "%d transaction on the source has been writing for more than 30 s",
					  "%d transactions on the source have been writing for more than 30 s");
}

List *
pgcopy_fence_find_holders(SourceSession *session)
{
	return list_concat(find_prepared(session), find_writers(session));
}

/* Find tables that the role may not lock. */
static List *
find_unlockable(SourceSession *session, const char *only)
{
	const char *params[] = {only};
	List	   *tables = ask_texts(session, unlockable_sql, lengthof(params), params);
	Finding		finding = {
		.level = FINDING_ERROR,
		.sqlerrcode = ERRCODE_INSUFFICIENT_PRIVILEGE,
		.detail = psprintf("Not lockable: %s.", pgcopy_names_list(tables, MOST_NAMES)),
		.hint = "On the source, make the role of the connection a member of their owners, or grant it TRUNCATE on them."
	};

	return find_named(tables, &finding, "the source's role may not lock %d table",
					  "the source's role may not lock %d tables");
}

/* Find roles that the database's setting does not bind. */
static List *
find_overriding(SourceSession *session)
{
	Finding		finding = {
		.level = FINDING_NOTICE,
		.hint = "On the source, ALTER ROLE ... RESET " SETTING " for them."
	};

	return find_named(ask_texts(session, overriding_sql, 0, NULL), &finding,
					  "%d role of the source has " SETTING " off: only the cutover's locks keep it from writing",
					  "%d roles of the source have " SETTING " off: only the cutover's locks keep them from writing");
}

/* A finding of a right that the role lacks. */
static List *
find_right(bool has_right, const char *message, const char *hint)
{
	Finding		finding = {
		.level = FINDING_ERROR,
		.sqlerrcode = ERRCODE_INSUFFICIENT_PRIVILEGE,
		.message = message,
		.hint = hint
	};

	return has_right ? NIL : pgcopy_finding_list(&finding);
}

/* Without the right to end sessions, those of the role itself can be ended. */
static List *
find_signal_right(bool has_right)
{
	Finding		finding = {
		.level = FINDING_NOTICE,
		.message = "the source's role may not end sessions of other roles",
		.hint = "On the source, GRANT pg_signal_backend to the role of the connection; sessions of superusers are for superusers to end."
	};

	return has_right ? NIL : pgcopy_finding_list(&finding);
}

List *
pgcopy_fence_check(SourceSession *session, const char *only, bool locks_only)
{
	List	   *found = find_unlockable(session, only);
	SourceRows *rows = pgcopy_session_query_row(session, rights_sql, 3, 0, NULL);

	found = list_concat(found,
						find_right(pgcopy_rows_get_bool(rows, 0, 2),
								   "the source's role may not execute pg_logical_emit_message()",
								   "On the source, GRANT EXECUTE on it to the role of the connection."));
	if (!locks_only)
	{
		found = list_concat(found,
							find_right(pgcopy_rows_get_bool(rows, 0, 0),
									   "the source's role may not make the database read-only",
									   "Connect as the database's owner, or use fence => 'lock' with the applications stopped."));
		found = list_concat(found, find_signal_right(pgcopy_rows_get_bool(rows, 0, 1)));
		found = list_concat(found, find_overriding(session));
	}
	pgcopy_rows_free(rows);
	return found;
}
