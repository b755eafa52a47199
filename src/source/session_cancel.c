/*-------------------------------------------------------------------------
 *
 * session_cancel.c
 *	  Stop what a session runs.
 *
 * PQcancel() waits for the source without a limit, and people cancel jobs when
 * the source has fallen silent.  So a child calls it, and is killed after a
 * second.  PQcancel() may run in the child of a fork: it is made for signal
 * handlers, allocates nothing and takes no lock.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libpq-fe.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/timestamp.h"

#include "source/session_state.h"

/* How long the child may take, and how often to look whether it has ended, ms. */
#define CANCEL_TIME		1000
#define CANCEL_POLL_TIME	2

/* How long pgcopy_session_abandon() may take, and one of its waits, ms. */
#define ABANDON_TIME	10000
#define ABANDON_POLL_TIME	500

/* Wait until a child ends.  Returns false if that takes longer than CANCEL_TIME. */
static bool
wait_for_child(pid_t child)
{
	TimestampTz started = GetCurrentTimestamp();
	pid_t		ended;

	do
	{
		ended = waitpid(child, NULL, WNOHANG);
		if (ended == child || (ended < 0 && errno != EINTR))
			return true;
		(void) WaitLatch(NULL, WL_TIMEOUT | WL_POSTMASTER_DEATH,
						 CANCEL_POLL_TIME, PG_WAIT_EXTENSION);
	} while (!TimestampDifferenceExceeds(started, GetCurrentTimestamp(), CANCEL_TIME));
	return false;
}

static void
cancel_in_child(PGcancel *cancel)
{
	char		errbuf[256];
	sigset_t	all;
	sigset_t	before;
	pid_t		child;

	/* no handler of this process may run in the child */
	sigfillset(&all);
	(void) sigprocmask(SIG_SETMASK, &all, &before);
	child = fork();
	if (child == 0)
	{
		(void) prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void) PQcancel(cancel, errbuf, sizeof(errbuf));
		_exit(0);
	}
	(void) sigprocmask(SIG_SETMASK, &before, NULL);
	if (child < 0 || wait_for_child(child))
		return;
	(void) kill(child, SIGKILL);
	(void) wait_for_child(child);
}

static bool
is_busy(PGconn *conn)
{
	return PQstatus(conn) == CONNECTION_OK &&
		PQtransactionStatus(conn) == PQTRANS_ACTIVE;
}

bool
pgcopy_session_is_busy(const SourceSession *session)
{
	return session->conn != NULL && is_busy(session->conn);
}

void
pgcopy_session_cancel(PGconn *conn)
{
	PGcancel   *cancel = is_busy(conn) ? PQgetCancel(conn) : NULL;

	if (cancel == NULL)
		return;
	cancel_in_child(cancel);
	PQfreeCancel(cancel);
}

/* Discard a piece of the answer.  Returns false if the connection is lost. */
static bool
discard_some(SourceSession *session)
{
	PGconn	   *conn = session->conn;
	char	   *row = NULL;
	int			length = PQgetCopyData(conn, &row, true);

	if (length > 0)
	{
		PQfreemem(row);
		return true;
	}
	if (length == 0 || PQisBusy(conn))
	{
		(void) pgcopy_session_wait(session, WL_SOCKET_READABLE, ABANDON_POLL_TIME);
		return PQconsumeInput(conn) != 0;
	}
	PQclear(PQgetResult(conn));
	return true;
}

void
pgcopy_session_abandon(SourceSession *session)
{
	PGconn	   *conn = session->conn;
	TimestampTz started = GetCurrentTimestamp();

	if (pgcopy_session_is_alive(session))
	{
		pgcopy_session_cancel(conn);
		while (is_busy(conn) && discard_some(session) &&
			   !TimestampDifferenceExceeds(started, GetCurrentTimestamp(), ABANDON_TIME))
			CHECK_FOR_INTERRUPTS();
	}
	if (!pgcopy_session_is_alive(session) || is_busy(conn))
		pgcopy_session_close(session);
}

/* Read until the answer has ended; returns false at the deadline or if it cannot. */
static bool
read_to_the_end(PGconn *conn, TimestampTz deadline)
{
	while (is_busy(conn))
	{
		long		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);

		if (left <= 0 || PQflush(conn) < 0)
			return false;
		if (PQisBusy(conn))
			(void) WaitLatchOrSocket(NULL, WL_SOCKET_READABLE | WL_TIMEOUT |
									 WL_POSTMASTER_DEATH, PQsocket(conn), left,
									 PG_WAIT_EXTENSION);
		if (PQconsumeInput(conn) == 0)
			return false;
		if (!PQisBusy(conn))
			PQclear(PQgetResult(conn));
	}
	return PQstatus(conn) == CONNECTION_OK;
}

void
pgcopy_session_run_at_exit(SourceSession *session, const char *sql, long ms)
{
	TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ms);

	if (!pgcopy_session_is_alive(session))
		return;
	pgcopy_session_query_forget(session);
	pgcopy_session_cancel(session->conn);
	if (read_to_the_end(session->conn, deadline) && PQsendQuery(session->conn, sql))
		(void) read_to_the_end(session->conn, deadline);
}
