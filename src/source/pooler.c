/*-------------------------------------------------------------------------
 *
 * pooler.c
 *	  Whether a connection to the source is a session.
 *
 * A pooler that hands out server processes by transaction or by statement
 * gives no session: what we set would stay with others, and what others have
 * set would decide what we read.  It does not say so, it must be caught at it,
 * and before anything is set.
 *
 * A server tells each client the number of the process that serves it.  A
 * pooler makes one up, since it needs it to tell its clients apart when one of
 * them wants to cancel.  So where the number is right there is no pooler, and
 * one round trip has shown it.
 *
 * Where it is not, the pooler may still be one that keeps a process for each
 * client.  Then our process stays the same, and no other client gets it.  So
 * another connection is opened, and both are asked which process they have:
 *
 * - With one idle process in the pool, or where the one used last is taken
 *   first, the other connection gets ours.
 * - Where processes take turns, or others are busy in the pool, ours changes.
 *   We ask twice in a row, or two processes that take turns would look like one
 *   for each connection.
 * - Where the other connection gets none, we own ours if we are served while
 *   it stands in the queue: it came first.
 *
 * Several poolers can share one address.  Another connection may then get to
 * another one, and shows nothing, so that is done some times.  Where many poolers
 * with nothing to do share an address we may still miss them: each transaction
 * that reads looks again (session_settings.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "libpq-fe.h"
#include "utils/memutils.h"

#include "source/session_state.h"

/*
 * How many other connections are tried.  Where N poolers share an address all of
 * them get to others than ours with a chance of (1 - 1/N) to this power.
 */
#define OTHERS			16

/* How long another connection may wait before it counts as queued, ms. */
#define QUEUE_TIME		300

/* How often we must be served meanwhile. */
#define SERVED_MEANWHILE 3

#define ANSWER_BYTES	64

#define PID_SQL "SELECT pg_catalog.pg_backend_pid()::pg_catalog.text"

/*
 * The process, and when it began: with several servers behind the pooler two
 * processes can have one number.  Some roles may not see when.
 */
static const char process_sql[] =
"SELECT pg_catalog.concat_ws(' ', a.pid, pg_catalog.date_part('epoch', a.backend_start))"
" FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) AS a";

typedef struct Probe
{
	SourceSession *session;
	SourceSession *other;
	long		limit;			/* for an answer to us, ms; -1: none */
	char		process[ANSWER_BYTES];	/* ours */
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

/*
 * A pooler lets clients in for whom it has no process yet.
 */
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

/*
 * Take the answer, which must be one short value and no more, into a buffer of
 * ANSWER_BYTES.
 */
static void
take_answer(SourceSession *session, const char *sql, char *answer)
{
	PGresult   *result = pgcopy_session_next_result(session, sql);

	if (result == NULL || PQresultStatus(result) == PGRES_FATAL_ERROR)
		pgcopy_session_throw(session, result, sql);
	if (!is_one_value(result))
		pgcopy_session_violation(session, sql, "It is not one value.");
	strlcpy(answer, PQgetvalue(result, 0, 0), ANSWER_BYTES);
	result = pgcopy_session_next_result(session, sql);
	if (result == NULL || PQresultStatus(result) == PGRES_FATAL_ERROR)
		pgcopy_session_throw(session, result, sql);
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

/* Throw when another process serves us now. */
static void
check_ours(Probe *probe)
{
	char		process[ANSWER_BYTES];

	ask(probe->session, process_sql, probe->limit, process);
	if (strcmp(process, probe->process) != 0)
		pgcopy_pooler_refuse("Two queries of one connection were run by two processes of the server.");
}

/*
 * Whether the other connection, which has asked, gets no process although we
 * are served.
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
 * Throw when both connections share processes.  Returns true when that is
 * known not to be so, false when there was only no sign of it.
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

/* The other connection goes away with its memory context. */
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
		/* an error is not kept in there */
		MemoryContextSwitchTo(caller);
		MemoryContextDelete(context);
	}
	PG_END_TRY();
	return is_known;
}

static int
ask_pid(SourceSession *session, long limit)
{
	char		answer[ANSWER_BYTES];

	ask(session, PID_SQL, limit, answer);
	return (int) strtol(answer, NULL, 10);
}

int
pgcopy_pooler_check(SourceSession *session, const SourceConninfo *conninfo,
					const char *application_name)
{
	Probe		probe = {
		.session = session,
		.limit = pgcopy_session_connect_time(conninfo)
	};
	int			pid = ask_pid(session, probe.limit);

	if (pid == PQbackendPID(pgcopy_session_conn(session)))
		return pid;

	ask(session, process_sql, probe.limit, probe.process);
	for (int i = 0; i < OTHERS; i++)
	{
		if (try_other(&probe, conninfo, application_name))
			break;
	}
	return pid;
}
