/*-------------------------------------------------------------------------
 *
 * session_query.c
 *	  Send queries to the source and check its answers.
 *
 * Everything but the rows of a COPY goes through here.  Results are read in
 * single-row mode, so that libpq never holds an endless answer in memory, and
 * the number of rows is compared with the command tag.
 *
 * An answer that does not fit the question (a COPY, too many results, other
 * columns) breaks the protocol.  The session cannot be used after that: libpq
 * may repeat such a result forever.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "libpq-fe.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "source/ahead.h"
#include "source/session_state.h"

/* When to call back about a wait, ms: first, and how often from then on. */
#define FIRST_NOTICE	1000
#define NEXT_NOTICE		10000

/* More than any query of ours has statements, or can cause notices. */
#define MAX_RESULTS		100
#define MAX_NOTICES		100000

/* What pgcopy_session_ask() sends. */
#define QUESTION		"SELECT 1"

void
pgcopy_session_query_forget(SourceSession *session)
{
	PQclear(session->result);
	PQclear(session->failure);
	session->result = NULL;
	session->failure = NULL;
	session->results = 0;
	session->rows = 0;
	session->notices = 0;
}

void
pgcopy_session_violation(SourceSession *session, const char *sql,
						 const char *detail)
{
	session->is_broken = true;
	pgcopy_session_error_answer(sql, detail);
}

static bool
is_row(const PGresult *result)
{
	return PQresultStatus(result) == PGRES_SINGLE_TUPLE;
}

static bool
is_failure(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK &&
		status != PGRES_SINGLE_TUPLE;
}

static bool
is_copy(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status == PGRES_COPY_OUT || status == PGRES_COPY_IN ||
		status == PGRES_COPY_BOTH;
}

/* Throw unless the session can take a query. */
static void
check_usable(SourceSession *session, const char *sql)
{
	if (session->conn == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CONNECTION_DOES_NOT_EXIST),
				 errmsg("the session to the source is closed")));
	if (PQstatus(session->conn) == CONNECTION_BAD)
		pgcopy_session_error_result(session->conn, NULL, sql);
	if (session->is_broken || PQtransactionStatus(session->conn) == PQTRANS_ACTIVE)
		ereport(ERROR,
				(errcode(ERRCODE_CONNECTION_DOES_NOT_EXIST),
				 errmsg("the session to the source has not finished its previous query")));
}

/*
 * Flush libpq's buffer, and read meanwhile: the source may stop reading until we
 * read.
 */
static void
flush_query(SourceSession *session)
{
	while (PQflush(session->conn) == 1)
	{
		pgcopy_session_wait(session, WL_SOCKET_READABLE | WL_SOCKET_WRITEABLE, -1);
		if (PQconsumeInput(session->conn) == 0)
			return;
	}
}

/* PQsendQueryParams() takes one statement, PQsendQuery() several. */
void
pgcopy_session_send(SourceSession *session, const char *sql, int nparams,
					const char *const *params)
{
	int			is_sent;

	Assert(nparams == 0 || params != NULL);
	check_usable(session, sql);
	pgcopy_session_query_forget(session);
	if (params != NULL)
		is_sent = PQsendQueryParams(session->conn, sql, nparams, NULL, params,
									NULL, NULL, 0);
	else
		is_sent = PQsendQuery(session->conn, sql);
	if (!is_sent)
		pgcopy_session_error_result(session->conn, NULL, sql);
	(void) PQsetSingleRowMode(session->conn);
	flush_query(session);
}

/* Wait for more of an answer; call back if that takes long. */
static void
wait_for_answer(SourceSession *session)
{
	TimestampTz start = GetCurrentTimestamp();
	long		limit = FIRST_NOTICE;
	bool		is_told = false;

	while (!pgcopy_session_wait(session, WL_SOCKET_READABLE,
								session->waits != NULL ? limit : -1))
	{
		long		waited = TimestampDifferenceMilliseconds(start, GetCurrentTimestamp());

		if (session->waits == NULL || waited < limit)
			continue;
		session->waits(session->waits_arg, (int) (waited / 1000));
		is_told = true;
		limit += NEXT_NOTICE;
	}
	if (is_told)
		session->waits(session->waits_arg, 0);
}

/* Discard notifications: a source may send them although nobody listens. */
static void
drop_notifications(SourceSession *session, const char *sql)
{
	PGnotify   *notification;

	while ((notification = PQnotifies(session->conn)) != NULL)
	{
		PQfreemem(notification);
		session->notices++;
	}
	if (session->notices > MAX_NOTICES)
		pgcopy_session_violation(session, sql,
								 "It sends notices without end.");
}

/* Take the result that libpq has ready; NULL after the last one. */
static PGresult *
take_result(SourceSession *session, const char *sql)
{
	PQclear(session->result);
	session->result = PQgetResult(session->conn);
	if (session->result == NULL || is_row(session->result))
		return session->result;
	if (++session->results > MAX_RESULTS)
		pgcopy_session_violation(session, sql,
								 "It sends results without end.");
	return session->result;
}

PGresult *
pgcopy_session_next_result(SourceSession *session, const char *sql)
{
	PGconn	   *conn = session->conn;

	while (PQisBusy(conn))
	{
		wait_for_answer(session);
		if (PQconsumeInput(conn) == 0)
		{
			/* PQgetResult() would wait for the dead socket */
			PQclear(session->result);
			session->result = NULL;
			return NULL;
		}
		drop_notifications(session, sql);
	}
	return take_result(session, sql);
}

/* EXPLAIN has rows, and a tag without a number. */
static bool
is_explained(const SourceQuery *query, PGresult *result)
{
	return strncmp(query->sql, "EXPLAIN ", strlen("EXPLAIN ")) == 0 &&
		strcmp(PQcmdStatus(result), "EXPLAIN") == 0;
}

/* Compare the number of rows with the command tag. */
static void
check_row_count(SourceSession *session, const SourceQuery *query,
				PGresult *result, uint64 rows)
{
	const char *claimed = PQcmdTuples(result);

	if (claimed[0] == '\0' ? rows == 0 || query->is_command || is_explained(query, result) :
		strtou64(claimed, NULL, 10) == rows)
		return;
	pgcopy_session_violation(session, query->sql,
							 "It sent a number of rows that differs from its command tag.");
}

/* Keep the first failure; what comes after it is a consequence. */
static void
keep_failure(SourceSession *session)
{
	if (session->failure != NULL)
		return;
	session->failure = session->result;
	session->result = NULL;
}

PGresult *
pgcopy_session_query_run(SourceSession *session, const SourceQuery *query,
						 RowTaker take, void *arg)
{
	pgcopy_session_send(session, query->sql, query->nparams, query->params);
	return pgcopy_session_query_read(session, query, take, arg);
}

PGresult *
pgcopy_session_query_read(SourceSession *session, const SourceQuery *query,
						  RowTaker take, void *arg)
{
	const char *sql = query->sql;
	PGresult   *result;
	uint64		rows = 0;

	while ((result = pgcopy_session_next_result(session, sql)) != NULL)
	{
		if (is_copy(result))
			pgcopy_session_violation(session, sql,
									 "It answered with a COPY that was not asked for.");
		if (is_failure(result))
			keep_failure(session);
		else if (is_row(result))
		{
			rows++;
			if (take != NULL)
				take(arg, result);
		}
		else
		{
			check_row_count(session, query, result, rows);
			session->columns = PQresultStatus(result) == PGRES_TUPLES_OK ?
				PQnfields(result) : -1;
			if (query->take_result != NULL)
				query->take_result(arg, result);
			rows = 0;
		}
		CHECK_FOR_INTERRUPTS();
	}
	if (session->failure == NULL && PQstatus(session->conn) == CONNECTION_BAD)
		pgcopy_session_error_result(session->conn, NULL, sql);
	if (session->failure == NULL && session->results == 0)
		pgcopy_session_violation(session, sql, "It sent no result.");
	return session->failure;
}

/* Run SQL whose rows, if any, are of no interest. */
static PGresult *
run_sql(SourceSession *session, const char *sql)
{
	SourceQuery query = {.sql = sql};

	pgcopy_ahead_forget(session);
	return pgcopy_session_query_run(session, &query, NULL, NULL);
}

void
pgcopy_session_exec(SourceSession *session, const char *sql)
{
	PGresult   *failure = run_sql(session, sql);

	if (failure != NULL)
		pgcopy_session_error_result(session->conn, failure, sql);
}

bool
pgcopy_session_try(SourceSession *session, const char *sql,
				   int accepted, int or_accepted, int or_this)
{
	PGresult   *failure = run_sql(session, sql);
	int			sqlstate;

	if (failure == NULL)
		return true;
	sqlstate = pgcopy_session_error_sqlstate(failure);
	if (sqlstate == 0 || (sqlstate != accepted && sqlstate != or_accepted &&
						  sqlstate != or_this))
		pgcopy_session_error_result(session->conn, failure, sql);
	return false;
}

void
pgcopy_session_ask(SourceSession *session)
{
	pgcopy_session_send(session, QUESTION, 0, NULL);
}

bool
pgcopy_session_await_result(SourceSession *session, const char *sql, long limit)
{
	TimestampTz start = GetCurrentTimestamp();

	while (PQisBusy(session->conn))
	{
		long		left = limit < 0 ? -1 :
		limit - TimestampDifferenceMilliseconds(start, GetCurrentTimestamp());

		if (limit >= 0 && left < 0)
			return false;
		(void) pgcopy_session_wait(session, WL_SOCKET_READABLE, left);
		if (PQconsumeInput(session->conn) == 0)
			pgcopy_session_error_result(session->conn, NULL, sql);
		drop_notifications(session, sql);
	}
	return true;
}

bool
pgcopy_session_has_answered(SourceSession *session, long timeout_ms)
{
	while (pgcopy_session_await_result(session, QUESTION, timeout_ms))
	{
		if (take_result(session, QUESTION) == NULL)
			return true;
		if (is_copy(session->result))
			pgcopy_session_violation(session, QUESTION,
									 "It answered with a COPY that was not asked for.");
		if (is_failure(session->result))
			pgcopy_session_error_result(session->conn, session->result, QUESTION);
		if (is_row(session->result) && ++session->rows > 1)
			pgcopy_session_violation(session, QUESTION, "It sent too many rows.");
		timeout_ms = 0;
	}
	return false;
}
