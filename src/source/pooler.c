/*-------------------------------------------------------------------------
 *
 * pooler.c
 *	  Refuse poolers that share server sessions.
 *
 * With a pooler that assigns server processes by transaction or statement, our
 * settings would reach other clients and theirs would change what we read.  Such
 * a pooler does not say what it is, so it must be detected, and before anything
 * is set.
 *
 * A server tells each client the number of its process; a pooler makes one up.  If
 * pg_backend_pid() returns the number we were told, there is no pooler.  The same
 * message sets what a session needs, on that condition: one round trip for all.
 *
 * Otherwise the pooler may still keep one process for each client.  Then ours
 * stays the same and no other client gets it.  Open another connection and ask
 * both which process they have:
 *
 * - If one process is idle in the pool, or the last one used is taken first, the
 *   other connection gets ours.
 * - If processes take turns, or others are busy, ours changes.  Ask twice in a
 *   row: two processes taking turns would look like one for each connection.
 * - If the other connection gets none while we are served, ours is not shared:
 *   the other is first in the queue and would have got it.
 *
 * Several poolers can share one address, and the other connection may reach
 * another one than ours, so try several times.  Many idle poolers behind one
 * address can still be missed: each transaction that reads checks again
 * (session_settings.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "libpq-fe.h"
#include "utils/memutils.h"

#include "source/batch.h"
#include "source/session_state.h"

/*
 * How many other connections to try.  With N poolers behind one address the
 * chance that none of them reaches ours is (1 - 1/N) to this power.
 */
#define OTHERS			16

/* How long the other connection waits before it counts as queued, ms. */
#define QUEUE_TIME		300

/* How often we must be served in that state. */
#define SERVED_MEANWHILE 3

#define ANSWER_BYTES	64

#define PID_SQL "SELECT pg_catalog.pg_backend_pid()::pg_catalog.text"

/*
 * Our process and its start: processes of two servers behind one pooler can have
 * the same number.  Some roles see no start.
 */
static const char process_sql[] =
"SELECT pg_catalog.concat_ws(' ', a.pid, pg_catalog.date_part('epoch', a.backend_start))"
" FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) AS a";

typedef struct Probe
{
	SourceSession *session;
	SourceSession *other;
	long		limit;			/* for an answer to our session, ms; -1: none */
	char		process[ANSWER_BYTES];	/* of our session */
} Probe;

void
pgcopy_pooler_refuse(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("the connection to the source goes through a pooler that shares server sessions"),
			 errdetail_internal("%s", detail),
			 errhint("Connect to the server itself, not to its pooler, or use a pool with pool_mode = session.")));
}

/* A pooler lets clients in before it has a process for them. */
static void
throw_no_answer(long limit)
{
	ereport(ERROR,
			(errcode(ERRCODE_TOO_MANY_CONNECTIONS),
			 errmsg("the source accepted the connection but has not answered for %ld s",
					limit / 1000),
			 errhint("A pooler needs a server connection (pool_size) for each session: use fewer table_jobs or a larger pool.  Without a pooler, check whether the server hangs.")));
}

static bool
is_one_value(const PGresult *result)
{
	return PQresultStatus(result) == PGRES_SINGLE_TUPLE &&
		PQnfields(result) == 1 &&
		!PQgetisnull(result, 0, 0) &&
		PQgetlength(result, 0, 0) < ANSWER_BYTES;
}

/* Read an answer of exactly one short value into a buffer of ANSWER_BYTES. */
static void
take_answer(SourceSession *session, const char *sql, char *answer)
{
	PGresult   *result = pgcopy_session_next_result(session, sql);

	if (result == NULL || PQresultStatus(result) == PGRES_FATAL_ERROR)
		pgcopy_session_error_result(session->conn, result, sql);
	if (!is_one_value(result))
		pgcopy_session_violation(session, sql, "It is not one value.");
	strlcpy(answer, PQgetvalue(result, 0, 0), ANSWER_BYTES);
	result = pgcopy_session_next_result(session, sql);
	if (result == NULL || PQresultStatus(result) == PGRES_FATAL_ERROR)
		pgcopy_session_error_result(session->conn, result, sql);
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		pgcopy_session_violation(session, sql, "It is not one value.");
	if (pgcopy_session_next_result(session, sql) != NULL)
		pgcopy_session_violation(session, sql, "It sent more after its end.");
}

static void
ask(SourceSession *session, const char *sql, long limit, char *answer)
{
	pgcopy_session_send(session, sql, 0, NULL);
	if (!pgcopy_session_await_result(session, sql, limit))
		throw_no_answer(limit);
	take_answer(session, sql, answer);
}

/* Throw if another process serves us. */
static void
check_ours(Probe *probe)
{
	char		process[ANSWER_BYTES];

	ask(probe->session, process_sql, probe->limit, process);
	if (strcmp(process, probe->process) != 0)
		pgcopy_pooler_refuse("Two queries of one connection were run by two processes of the server.");
}

/*
 * Whether the other connection, which has sent its query, gets no process while
 * we are served.
 */
static bool
is_queued(Probe *probe)
{
	if (pgcopy_session_await_result(probe->other, process_sql, QUEUE_TIME))
		return false;
	for (int i = 0; i < SERVED_MEANWHILE; i++)
		check_ours(probe);
	return !pgcopy_session_await_result(probe->other, process_sql, 0);
}

/*
 * Throw if both connections share processes.  Returns true if that is ruled out,
 * false if there was no sign of it.
 */
static bool
compare_with_other(Probe *probe)
{
	char		process[ANSWER_BYTES];

	pgcopy_session_send(probe->other, process_sql, 0, NULL);
	check_ours(probe);
	if (is_queued(probe))
		return true;
	take_answer(probe->other, process_sql, process);
	if (strcmp(process, probe->process) == 0)
		pgcopy_pooler_refuse("One process of the server serves several connections.");
	check_ours(probe);
	check_ours(probe);
	return false;
}

/* Compare with a new connection, which closes with its memory context. */
static bool
try_other(Probe *probe, const SourceConninfo *conninfo,
		  const char *application_name)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pgcopy other connection",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	volatile bool is_known = false;

	PG_TRY();
	{
		probe->other = pgcopy_session_connect(conninfo, application_name);
		is_known = compare_with_other(probe);
	}
	PG_FINALLY();
	{
		MemoryContextSwitchTo(caller);
		MemoryContextDelete(context);
	}
	PG_END_TRY();
	return is_known;
}

int
pgcopy_pooler_ask_pid(SourceSession *session, const SourceConninfo *conninfo)
{
	char		answer[ANSWER_BYTES];

	ask(session, PID_SQL, pgcopy_session_connect_time(conninfo), answer);
	return (int) strtol(answer, NULL, 10);
}

/* Throw if a pooler shares what is behind the connection. */
static void
check_shared(SourceSession *session, const SourceConninfo *conninfo,
			 const char *application_name)
{
	Probe		probe = {
		.session = session,
		.limit = pgcopy_session_connect_time(conninfo)
	};

	ask(session, process_sql, probe.limit, probe.process);
	for (int i = 0; i < OTHERS; i++)
	{
		if (try_other(&probe, conninfo, application_name))
			break;
	}
}

/*
 * Ask for the process, and set all if it is the one we were told of.  Returns whether
 * that has been done.
 */
static bool
set_if_told(SourceSession *session, const SourceConninfo *conninfo)
{
	int			told = PQbackendPID(session->conn);
	SourceBatch *batch = pgcopy_batch_begin(session);
	long		limit = pgcopy_session_connect_time(conninfo);

	pgcopy_batch_add_row(batch, PID_SQL, 1);
	pgcopy_batch_add_query(batch, pgcopy_session_settings_sql(conninfo, told), 1, 0, NULL);
	if (!pgcopy_batch_begins_within(batch, limit))
		throw_no_answer(limit);
	if (pgcopy_batch_run(batch) < pgcopy_batch_count(batch))
	{
		/* a platform may refuse a setting; else the next query says what it is */
		if (!pgcopy_session_is_alive(session))
			pgcopy_batch_throw(batch);
		return false;
	}
	session->pid = (int) pgcopy_rows_get_int64(pgcopy_batch_rows(batch, 0), 0, 0);
	pgcopy_rows_free(pgcopy_batch_rows(batch, 0));
	pgcopy_rows_free(pgcopy_batch_rows(batch, 1));
	return session->pid == told;
}

void
pgcopy_pooler_settle(SourceSession *session, const SourceConninfo *conninfo,
					 const char *application_name)
{
	if (set_if_told(session, conninfo))
		return;
	session->pid = pgcopy_pooler_ask_pid(session, conninfo);
	if (session->pid != PQbackendPID(session->conn))
		check_shared(session, conninfo, application_name);
	pgcopy_session_settings_apply(session, conninfo);
}
