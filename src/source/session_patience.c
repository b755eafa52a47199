/*-------------------------------------------------------------------------
 *
 * session_patience.c
 *	  Statements that take strong locks in a database that is in use.
 *
 * Whoever wants a lock that conflicts with ours queues behind us while we wait for
 * it.  So wait briefly, give way for as long, and try again.  The first tries are
 * the shortest; later ones are longer than deadlock_timeout, after which autovacuum
 * gives way.
 *
 * The session's wait callback hears of the whole time, in the middle of a try, when
 * it can find out who is in the way.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "libpq-fe.h"
#include "storage/latch.h"
#include "utils/timestamp.h"

#include "source/session_state.h"

/* How long the first try waits for a lock, and the longest, ms. */
#define FIRST_LOCK_TIME 200
#define LAST_LOCK_TIME	2000

/* How often the callback hears of it, s. */
#define NEXT_NOTICE		10

typedef struct Patience
{
	SessionWaits waits;			/* the session's own; or NULL */
	void	   *arg;
	TimestampTz start;
	int			next;			/* when to call it, s */
	bool		is_told;
} Patience;

/* SessionWaits: of one try, which is told as a part of the whole. */
static void
hear_of_try(void *arg, int seconds)
{
	Patience   *patience = arg;
	int			waited = TimestampDifferenceMilliseconds(patience->start,
														 GetCurrentTimestamp()) / 1000;

	if (seconds == 0 || waited < patience->next)
		return;
	patience->waits(patience->arg, waited);
	patience->is_told = true;
	patience->next = waited + NEXT_NOTICE;
}

/* Try until it works.  SET LOCAL: the statements of a query are one transaction. */
static void
try_often(SourceSession *session, const char *sql)
{
	int			lock_time = FIRST_LOCK_TIME;

	while (!pgcopy_session_try(session,
							   psprintf("SET LOCAL lock_timeout = %d; %s", lock_time, sql),
							   ERRCODE_LOCK_NOT_AVAILABLE,
							   ERRCODE_T_R_DEADLOCK_DETECTED, 0))
	{
		pgcopy_session_pause(session, lock_time);
		lock_time = Min(lock_time * 2, LAST_LOCK_TIME);
	}
}

void
pgcopy_session_exec_patiently(SourceSession *session, const char *sql)
{
	Patience	patience = {session->waits, session->waits_arg, GetCurrentTimestamp(), 1, false};

	Assert(session->conn == NULL || PQtransactionStatus(session->conn) != PQTRANS_INTRANS);
	if (patience.waits != NULL)
		pgcopy_session_on_wait(session, hear_of_try, &patience);
	PG_TRY();
	{
		try_often(session, sql);
	}
	PG_FINALLY();
	{
		pgcopy_session_on_wait(session, patience.waits, patience.arg);
	}
	PG_END_TRY();
	if (patience.is_told)
		patience.waits(patience.arg, 0);
}

void
pgcopy_session_pause(SourceSession *session, long ms)
{
	TimestampTz start = GetCurrentTimestamp();
	long		left = ms;

	while (left > 0 && !pgcopy_session_wait(session, WL_SOCKET_READABLE, left))
		left = ms - TimestampDifferenceMilliseconds(start, GetCurrentTimestamp());
}
