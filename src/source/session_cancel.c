/*-------------------------------------------------------------------------
 *
 * session_cancel.c
 *	  Ask the source to stop what it does for a connection, for a moment only.
 *
 * PQcancel() waits for the source without a limit, and a source that has fallen
 * silent is what people cancel jobs for.  So a child calls it, which is killed
 * when it takes too long; it may, since the function is made for signal
 * handlers: it allocates nothing and takes no lock.
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

/* How long it may take, ms. */
#define CANCEL_TIME		1000
#define CANCEL_POLL_TIME	2

/* Whether it ends within the time, ms. */
static bool
has_ended(pid_t child, int limit)
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
	} while (!TimestampDifferenceExceeds(started, GetCurrentTimestamp(), limit));
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
	if (child < 0 || has_ended(child, CANCEL_TIME))
		return;
	(void) kill(child, SIGKILL);
	(void) has_ended(child, CANCEL_TIME);
}

void
pgcopy_session_cancel(PGconn *conn)
{
	PGcancel   *cancel;

	if (PQstatus(conn) != CONNECTION_OK ||
		PQtransactionStatus(conn) != PQTRANS_ACTIVE)
		return;
	cancel = PQgetCancel(conn);
	if (cancel == NULL)
		return;
	cancel_in_child(cancel);
	PQfreeCancel(cancel);
}
