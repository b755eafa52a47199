/*-------------------------------------------------------------------------
 *
 * stream.c
 *	  COPY ... TO STDOUT on a session, one message at a time.
 *
 * To get a row, ask libpq for what it has, then read the socket, then wait: while
 * the source is ahead no system call is spent on waiting.  The stream waits on
 * one WaitEventSet for its whole life.
 *
 * A callback of the memory context frees libpq's row and the WaitEventSet, so
 * nothing leaks on an error.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "libpq-fe.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "source/ahead.h"
#include "source/session_state.h"
#include "source/stream.h"

/* Rows between two checks for interrupts. */
#define ROWS_PER_INTERRUPT_CHECK 64

struct CopyStream
{
	SourceSession *session;
	PGconn	   *conn;
	char	   *sql;
	char	   *row;			/* to be freed by PQfreemem() */
	WaitEventSet *wait;
	int			columns;
	int64		bytes;
	uint64		claimed_rows;	/* by the command tag, at the end */
	uint32		calls;
	bool		is_part;		/* of a series: more answers follow */
	bool		has_ended;
	bool		has_failed;		/* by an error of the source */
	MemoryContextCallback cleanup;
};

static void
release_stream(void *arg)
{
	CopyStream *stream = arg;

	if (stream->row != NULL)
		PQfreemem(stream->row);
	stream->row = NULL;
	if (stream->wait != NULL)
		FreeWaitEventSet(stream->wait);
	stream->wait = NULL;
}

static void
wait_for_source(CopyStream *stream)
{
	WaitEvent	event;

	if (WaitEventSetWait(stream->wait, -1L, &event, 1, PG_WAIT_EXTENSION) > 0 &&
		(event.events & WL_LATCH_SET) != 0)
		ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

static void
read_from_source(CopyStream *stream)
{
	if (PQconsumeInput(stream->conn) == 0)
		pgcopy_session_error_result(stream->conn, NULL, stream->sql);
}

/* Return the next result of the command; NULL after the last one. */
static PGresult *
next_result(CopyStream *stream)
{
	PGresult   *result = pgcopy_session_next_result(stream->session, stream->sql);

	if (result == NULL && PQstatus(stream->conn) == CONNECTION_BAD)
		pgcopy_session_error_result(stream->conn, NULL, stream->sql);
	return result;
}

/* Throw unless a result has this status. */
static void
check_status(CopyStream *stream, const PGresult *result, ExecStatusType wanted)
{
	if (result != NULL && PQresultStatus(result) == wanted)
		return;
	stream->has_failed = result != NULL &&
		PQresultStatus(result) == PGRES_FATAL_ERROR &&
		PQstatus(stream->conn) == CONNECTION_OK;
	if (result != NULL && PQresultStatus(result) == PGRES_FATAL_ERROR)
		pgcopy_session_error_result(stream->conn, result, stream->sql);
	pgcopy_session_violation(stream->session, stream->sql,
							 "It is not a COPY, or does not end like one.");
}

/* Wait for the COPY that has been asked for. */
static CopyStream *
begin_stream(SourceSession *session, const char *sql, bool is_part)
{
	CopyStream *stream = palloc0(sizeof(CopyStream));
	PGresult   *result;

	stream->session = session;
	stream->conn = session->conn;
	stream->sql = pstrdup(sql);
	stream->is_part = is_part;
	stream->cleanup.func = release_stream;
	stream->cleanup.arg = stream;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &stream->cleanup);

	stream->wait = pgcopy_create_wait_event_set(CurrentMemoryContext, 3);
	AddWaitEventToSet(stream->wait, WL_LATCH_SET, PGINVALID_SOCKET,
					  MyLatch, NULL);
	AddWaitEventToSet(stream->wait, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET,
					  NULL, NULL);
	AddWaitEventToSet(stream->wait, WL_SOCKET_READABLE,
					  PQsocket(stream->conn), NULL, NULL);

	result = next_result(stream);
	check_status(stream, result, PGRES_COPY_OUT);
	stream->columns = PQnfields(result);
	return stream;
}

CopyStream *
pgcopy_stream_open(SourceSession *session, const char *sql)
{
	pgcopy_ahead_forget(session);
	pgcopy_session_send(session, sql, 0, NULL);
	return begin_stream(session, sql, false);
}

CopyStream *
pgcopy_stream_join(SourceSession *session, const char *sql)
{
	return begin_stream(session, sql, true);
}

/* After the last row, check that the command ends without an error. */
static void
finish_stream(CopyStream *stream)
{
	PGresult   *result = next_result(stream);

	stream->has_ended = true;
	check_status(stream, result, PGRES_COMMAND_OK);
	stream->claimed_rows = strtou64(PQcmdTuples(result), NULL, 10);
	if (!stream->is_part && next_result(stream) != NULL)
		pgcopy_session_violation(stream->session, stream->sql,
								 "It sent more after its end.");
}

int
pgcopy_stream_next(CopyStream *stream, char **data)
{
	int			length;

	if (stream->has_ended)
		return -1;
	if (stream->row != NULL)
		PQfreemem(stream->row);
	stream->row = NULL;
	if (++stream->calls % ROWS_PER_INTERRUPT_CHECK == 0)
		CHECK_FOR_INTERRUPTS();

	length = PQgetCopyData(stream->conn, &stream->row, true);
	if (length == 0)
	{
		read_from_source(stream);
		while ((length = PQgetCopyData(stream->conn, &stream->row, true)) == 0)
		{
			wait_for_source(stream);
			read_from_source(stream);
		}
	}

	if (length > 0)
	{
		stream->bytes += length;
		*data = stream->row;
		return length;
	}
	if (length < -1)
		pgcopy_session_error_result(stream->conn, PQgetResult(stream->conn),
									stream->sql);
	finish_stream(stream);
	return -1;
}

int
pgcopy_stream_columns(const CopyStream *stream)
{
	return stream->columns;
}

void
pgcopy_stream_check_rows(const CopyStream *stream, int64 rows)
{
	Assert(stream->has_ended);
	if (rows != (int64) stream->claimed_rows)
		pgcopy_session_violation(stream->session, stream->sql,
								 psprintf("It sent " INT64_FORMAT " rows and says that they are " UINT64_FORMAT ".",
										  rows, stream->claimed_rows));
}

bool
pgcopy_stream_has_failed(const CopyStream *stream)
{
	return stream->has_failed;
}

void
pgcopy_stream_drain(CopyStream *stream)
{
	Assert(stream->has_failed);
	if (next_result(stream) != NULL)
		pgcopy_session_violation(stream->session, stream->sql,
								 "It sent more after its end.");
}

SourceSession *
pgcopy_stream_session(const CopyStream *stream)
{
	return stream->session;
}

int64
pgcopy_stream_bytes(const CopyStream *stream)
{
	return stream->bytes;
}

void
pgcopy_stream_close(CopyStream *stream)
{
	Assert(stream->has_ended);
	release_stream(stream);
}
