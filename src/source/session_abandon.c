/*-------------------------------------------------------------------------
 *
 * session_abandon.c
 *	  Get a session back that an error has left in the middle of an answer.
 *
 * Most sessions are closed after an error.  That of the leader holds snapshot and
 * locks of the whole job, so it is worth waiting a moment for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "libpq-fe.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/timestamp.h"

#include "source/session_state.h"

/* How long it may take, ms, and how long to wait at a time. */
#define ABANDON_TIME	10000
#define ABANDON_POLL	500

/* Read away a piece of what is left; false when the connection is lost. */
static bool
skip_some(SourceSession *session)
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
		(void) pgcopy_session_wait(session, WL_SOCKET_READABLE, ABANDON_POLL);
		return PQconsumeInput(conn) != 0;
	}
	PQclear(PQgetResult(conn));
	return true;
}

static bool
is_at_it(PGconn *conn)
{
	return PQstatus(conn) == CONNECTION_OK &&
		PQtransactionStatus(conn) == PQTRANS_ACTIVE;
}

void
pgcopy_session_abandon(SourceSession *session)
{
	PGconn	   *conn = session->conn;
	TimestampTz started = GetCurrentTimestamp();

	if (conn == NULL)
		return;
	if (!pgcopy_session_is_alive(session))
	{
		pgcopy_session_close(session);
		return;
	}
	pgcopy_session_cancel(conn);
	while (is_at_it(conn) && skip_some(session) &&
		   !TimestampDifferenceExceeds(started, GetCurrentTimestamp(), ABANDON_TIME))
		CHECK_FOR_INTERRUPTS();
	if (PQstatus(conn) != CONNECTION_OK || is_at_it(conn))
		pgcopy_session_close(session);
}
