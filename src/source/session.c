/*-------------------------------------------------------------------------
 *
 * session.c
 *	  A connection to the source, owned by a memory context.
 *
 * Promises to callers:
 *
 * 1. A session closes with the memory context that was current when it was
 *    opened, on ERROR and FATAL too; callers need no PG_TRY.  Its query is
 *    cancelled first: a backend of the source does not notice by itself that its
 *    client is gone.
 * 2. Every wait can be interrupted: the connection is in non-blocking mode, and
 *    no libpq call here blocks but the look-up of a host name.
 * 3. Nothing from the source is trusted: all text is verified in the encoding of
 *    this database.
 *
 * libpq-be-fe-helpers.h will not do: its connect ignores connect_timeout, its
 * exec returns the last of several results, which after a FATAL of the source
 * has no SQLSTATE, and not all minor versions have it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <poll.h>

#include "libpq-fe.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/settings.h"
#include "source/session_state.h"

/* The oldest source we read. */
#define OLDEST_VERSION	100000

static dlist_head open_sessions = DLIST_STATIC_INIT(open_sessions);
static bool exit_hook_is_set = false;

static void
count_notice(void *arg, const PGresult *result)
{
	((SourceSession *) arg)->notices++;
}

void
pgcopy_session_close(SourceSession *session)
{
	PGconn	   *conn = session->conn;

	if (conn == NULL)
		return;
	session->conn = NULL;
	dlist_delete(&session->node);
	pgcopy_session_query_forget(session);
	pgcopy_session_cancel(conn);
	ReleaseExternalFD();
	PQfinish(conn);
}

static void
close_in_callback(void *arg)
{
	pgcopy_session_close((SourceSession *) arg);
}

/* before_shmem_exit callback: a FATAL resets no memory context. */
static void
close_all_at_exit(int code, Datum arg)
{
	while (!dlist_is_empty(&open_sessions))
		pgcopy_session_close(dlist_head_element(SourceSession, node,
												&open_sessions));
}

static SourceSession *
make_session(void)
{
	SourceSession *session = palloc0(sizeof(SourceSession));

	if (!exit_hook_is_set)
	{
		before_shmem_exit(close_all_at_exit, (Datum) 0);
		exit_hook_is_set = true;
	}
	session->callback.func = close_in_callback;
	session->callback.arg = session;
	MemoryContextRegisterResetCallback(CurrentMemoryContext,
									   &session->callback);
	return session;
}

bool
pgcopy_session_wait(SourceSession *session, int events, long timeout_ms)
{
	int			timeout_flag = timeout_ms >= 0 ? WL_TIMEOUT : 0;
	int			rc;

	Assert(session->conn != NULL && INTERRUPTS_CAN_BE_PROCESSED());
	rc = WaitLatchOrSocket(MyLatch,
						   WL_EXIT_ON_PM_DEATH | WL_LATCH_SET |
						   timeout_flag | events,
						   PQsocket(session->conn), timeout_ms, PG_WAIT_EXTENSION);
	if (rc & WL_LATCH_SET)
	{
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	return (rc & events) != 0;
}

/* connect_timeout is the time for each host. */
long
pgcopy_session_connect_time(const SourceConninfo *conninfo)
{
	const char *timeout = pgcopy_conninfo_get(conninfo, "connect_timeout");
	const char *host = pgcopy_conninfo_get(conninfo, "host");
	long		seconds = timeout != NULL ? strtol(timeout, NULL, 10) : 0;
	int			hosts = 1;

	if (seconds <= 0)
		return -1;
	for (; host != NULL && *host != '\0'; host++)
	{
		if (*host == ',')
			hosts++;
	}
	return Min(Max(seconds, 2), 3600) * 1000 * hosts;
}

static void
throw_connect_timeout(const SourceConninfo *conninfo)
{
	ereport(ERROR,
			(errcode(ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION),
			 errmsg("could not connect to the source: timeout expired"),
			 conninfo->printable[0] != '\0'
			 ? errdetail("The source is \"%s\".", conninfo->printable) : 0,
			 errhint("Check host, port and firewalls between this server and the source, or give a longer connect_timeout.")));
}

/* Drive libpq until the connection is made or has failed. */
static void
wait_for_connection(SourceSession *session, const SourceConninfo *conninfo)
{
	long		limit = pgcopy_session_connect_time(conninfo);
	TimestampTz start = GetCurrentTimestamp();
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;

	while (status != PGRES_POLLING_OK && status != PGRES_POLLING_FAILED)
	{
		long		left = -1;
		int			events = status == PGRES_POLLING_READING
			? WL_SOCKET_READABLE : WL_SOCKET_WRITEABLE;

		if (limit >= 0)
		{
			left = limit - TimestampDifferenceMilliseconds(start,
														   GetCurrentTimestamp());
			if (left <= 0)
				throw_connect_timeout(conninfo);
		}
		if (pgcopy_session_wait(session, events, left))
			status = PQconnectPoll(session->conn);
	}
}

/* Start connecting.  The session owns the connection and its descriptor. */
static void
start_connection(SourceSession *session, const SourceConninfo *conninfo,
				 const char *application_name)
{
	const char **keywords;
	const char **values;
	int			n = 0;

	while (conninfo->keywords[n] != NULL)
		n++;
	keywords = palloc0(sizeof(char *) * (n + 3));
	values = palloc0(sizeof(char *) * (n + 3));
	memcpy(keywords, conninfo->keywords, sizeof(char *) * n);
	memcpy(values, conninfo->values, sizeof(char *) * n);
	keywords[n] = "application_name";
	values[n++] = application_name;
	keywords[n] = "client_encoding";
	values[n++] = GetDatabaseEncodingName();

	if (!AcquireExternalFD())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not connect to the source: too many open files on this server"),
				 errhint("Raise max_files_per_process or \"ulimit -n\" of this server.")));
	session->conn = PQconnectStartParams(keywords, values, 0);
	if (session->conn == NULL)
	{
		ReleaseExternalFD();
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	}
	dlist_push_tail(&open_sessions, &session->node);
	pfree(keywords);
	pfree(values);
}

/*
 * Throw if the source is of a version that cannot be cloned.  That a newer pg_dump can
 * be had changes nothing: it writes what this server does not know.
 */
static void
check_version(int version)
{
	if (version < OLDEST_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the source is too old: its version number is %d", version),
				 errhint("Sources from PostgreSQL 10 up can be cloned; upgrade the source first.")));
	if (version / 10000 > COMPAT_MAJOR_VERSION &&
		!pgcopy_setting_allow_unsupported_newer_source)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the source is newer than this server"),
				 errdetail("The source is PostgreSQL %d, this server is PostgreSQL %d.",
						   version / 10000, COMPAT_MAJOR_VERSION),
				 errhint("Upgrade this server first, or clone into one of PostgreSQL %d or later.",
						 version / 10000)));
}

/* Check what only an open connection shows. */
static void
check_connection(SourceSession *session, const SourceConninfo *conninfo)
{
	if (conninfo->needs_password && !PQconnectionUsedPassword(session->conn))
		pgcopy_session_error_password();
	check_version(session->version);
}

static bool
has_standard_strings(PGconn *conn)
{
	const char *value = PQparameterStatus(conn, "standard_conforming_strings");

	return value != NULL && strcmp(value, "on") == 0;
}

static void
establish(SourceSession *session, const SourceConninfo *conninfo,
		  const char *application_name)
{
	start_connection(session, conninfo, application_name);
	PQsetErrorVerbosity(session->conn, PQERRORS_VERBOSE);
	PQsetNoticeReceiver(session->conn, count_notice, session);
	if (PQstatus(session->conn) != CONNECTION_BAD)
		wait_for_connection(session, conninfo);
	if (PQstatus(session->conn) != CONNECTION_OK)
		pgcopy_session_error_connect(session->conn, conninfo);
	PQsetErrorVerbosity(session->conn, PQERRORS_DEFAULT);
	session->version = PQserverVersion(session->conn);
	session->has_standard_strings = has_standard_strings(session->conn);
	check_connection(session, conninfo);
	if (PQsetnonblocking(session->conn, 1) != 0)
		pgcopy_session_error_connect(session->conn, conninfo);
}

SourceSession *
pgcopy_session_connect(const SourceConninfo *conninfo,
					   const char *application_name)
{
	SourceSession *session = make_session();

	/* close at once: the context may outlive the error for long */
	PG_TRY();
	{
		establish(session, conninfo, application_name);
	}
	PG_CATCH();
	{
		pgcopy_session_close(session);
		PG_RE_THROW();
	}
	PG_END_TRY();
	return session;
}

SourceSession *
pgcopy_session_open(const SourceConninfo *conninfo,
					const char *application_name)
{
	SourceSession *session = pgcopy_session_connect(conninfo, application_name);

	PG_TRY();
	{
		pgcopy_pooler_settle(session, conninfo, application_name);
	}
	PG_CATCH();
	{
		pgcopy_session_close(session);
		PG_RE_THROW();
	}
	PG_END_TRY();
	return session;
}

void
pgcopy_session_on_wait(SourceSession *session, SessionWaits waits, void *arg)
{
	session->waits = waits;
	session->waits_arg = arg;
}

void
pgcopy_session_give_up(void *arg, int seconds)
{
	if (seconds >= *(const int *) arg)
		ereport(ERROR,
				(errcode(ERRCODE_CONNECTION_FAILURE),
				 errmsg("the source has not answered for %d s", seconds)));
}

int
pgcopy_session_pid(const SourceSession *session)
{
	return session->pid;
}

bool
pgcopy_session_is_alive(const SourceSession *session)
{
	return session->conn != NULL && !session->is_broken &&
		PQstatus(session->conn) == CONNECTION_OK;
}

bool
pgcopy_session_has_news(const SourceSession *session)
{
	struct pollfd socket = {.fd = PQsocket(session->conn),.events = POLLIN};

	return poll(&socket, 1, 0) != 0;
}

int
pgcopy_session_version(const SourceSession *session)
{
	return session->version;
}

bool
pgcopy_session_has_standard_strings(const SourceSession *session)
{
	return session->has_standard_strings;
}
