/*-------------------------------------------------------------------------
 *
 * series.c
 *	  Several COPYs of the source by one request.
 *
 * A far source answers each message late, and a small table is read in no time.  So
 * all that a series needs goes out in one message, a simple query of many statements:
 * locks, settings, COPYs.  Their answers come one after the other, and each is read
 * when its turn comes; libpq holds no more than its socket has given.  (Pipeline mode
 * has no COPY.)
 *
 *	  SAVEPOINT pgcopy_lock			or, from the second series on, ROLLBACK TO it
 *	  LOCK TABLE ... NOWAIT			of each table
 *	  SAVEPOINT pgcopy_item
 *	  SELECT set_config(...)		where a table needs settings
 *	  COPY ...
 *	  SELECT set_config(...)		search_path is empty (again)
 *	  COPY ...
 *	  SELECT set_config(...)
 *	  SELECT ...					a query about these tables, where there is one
 *
 * A query follows each COPY even if its search_path was empty: were an answer too many,
 * rows would be taken for those of another table.  So it is found out at the end of
 * the table it comes with, before anybody keeps that.
 *
 * The first statement that fails ends it, and no later one is run.  So the number of
 * answers read tells which one that was.  If one cannot be parsed, none is run: then the
 * position of the error tells.  Locks come first: if one cannot be had, no
 * COPY has begun.  Rolling back to the savepoint before them releases them, so that a
 * transaction holds those of one series only.
 *
 * The answers must be those of the statements, in number, order and kind; a stream
 * too many or too few breaks the protocol.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "libpq-fe.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "source/ahead.h"
#include "source/series.h"
#include "source/session_state.h"
#include "source/snapshot.h"

#define LOCK_SAVEPOINT "pgcopy_lock"

/* More rows than a query of settings has. */
#define MAX_SETTINGS	100

struct CopySeries
{
	SourceSession *session;
	List	   *requests;		/* CopyRequest * */
	const SeriesQuery *query;	/* or NULL */
	List	   *ends;			/* int: where each request ends in the message, bytes */
	int			next;			/* index of the one whose stream comes next */
};

static char *
lock_statement(const char *table)
{
	return psprintf("LOCK TABLE ONLY %s IN ACCESS SHARE MODE NOWAIT", table);
}

static char *
path_query(const char *path)
{
	return psprintf("SELECT pg_catalog.set_config('search_path', %s, true)",
					quote_literal_cstr(path));
}

static const char *
savepoint_statement(const SourceSession *session)
{
	return session->has_savepoint ? "ROLLBACK TO SAVEPOINT " LOCK_SAVEPOINT :
		"SAVEPOINT " LOCK_SAVEPOINT;
}

static bool
has_locks(List *requests)
{
	return ((const CopyRequest *) linitial(requests))->lock != NULL;
}

static void
append_locks(StringInfo sql, const SourceSession *session, List *requests)
{
	ListCell   *lc;

	appendStringInfo(sql, "%s;\n", savepoint_statement(session));
	foreach(lc, requests)
	{
		char	   *statement = lock_statement(((CopyRequest *) lfirst(lc))->lock);

		appendStringInfo(sql, "%s;\n", statement);
		pfree(statement);
	}
	appendStringInfoString(sql, "SAVEPOINT " SNAPSHOT_SAVEPOINT ";\n");
}

/* Write the message.  Each statement has lines of its own: it may end with a comment. */
static char *
write_message(CopySeries *series)
{
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&sql);
	if (has_locks(series->requests))
		append_locks(&sql, series->session, series->requests);
	foreach(lc, series->requests)
	{
		const CopyRequest *request = lfirst(lc);

		if (request->settings != NULL)
			appendStringInfo(&sql, "%s;\n", request->settings);
		if (request->path != NULL)
			appendStringInfo(&sql, "%s;\n", path_query(request->path));
		appendStringInfo(&sql, "%s;\n%s;\n", request->copy, path_query(""));
		series->ends = lappend_int(series->ends, sql.len);
	}
	if (series->query != NULL)
		appendStringInfo(&sql, "%s;\n", series->query->sql);
	return sql.data;
}

/* Read the end of a statement that succeeds with a command tag; else return its result. */
static PGresult *
try_command(SourceSession *session, const char *sql, const char *tag)
{
	PGresult   *result = pgcopy_session_next_result(session, sql);

	if (result == NULL && PQstatus(session->conn) == CONNECTION_BAD)
		pgcopy_session_error_result(session->conn, NULL, sql);
	if (result != NULL && PQresultStatus(result) == PGRES_FATAL_ERROR)
		return result;
	if (result == NULL || PQresultStatus(result) != PGRES_COMMAND_OK ||
		strcmp(PQcmdStatus(result), tag) != 0)
		pgcopy_session_violation(session, sql, "It is not the end of that command.");
	session->results = 0;
	return NULL;
}

static void
expect_command(SourceSession *session, const char *sql, const char *tag)
{
	PGresult   *failure = try_command(session, sql, tag);

	if (failure != NULL)
		pgcopy_session_error_result(session->conn, failure, sql);
}

/* Find the request at a position in the message, which counts characters from 1. */
static int
find_request(const CopySeries *series, const char *message, int position)
{
	const char *at = message;
	ListCell   *lc;

	while (--position > 0 && *at != '\0')
		at += pg_mblen(at);
	foreach(lc, series->ends)
	{
		if (at - message < lfirst_int(lc))
			return foreach_current_index(lc);
	}
	return 0;
}

/* Read the answer to the first statement of the locks; *at as for pgcopy_series_open(). */
static void
read_savepoint(CopySeries *series, const char *message, int *at)
{
	SourceSession *session = series->session;
	const char *savepoint = savepoint_statement(session);
	PGresult   *failure = try_command(session, savepoint,
									  session->has_savepoint ? "ROLLBACK" : "SAVEPOINT");
	const char *position;

	if (failure == NULL)
	{
		session->has_savepoint = true;
		return;
	}
	position = PQresultErrorField(failure, PG_DIAG_STATEMENT_POSITION);
	if (position == NULL)
		pgcopy_session_error_result(session->conn, failure, savepoint);
	*at = find_request(series, message, atoi(position));
	pgcopy_session_error_result(session->conn, failure,
								((CopyRequest *) list_nth(series->requests, *at))->copy);
}

/* Make the transaction usable after a lock that could not be had. */
static void
take_back_locks(SourceSession *session, const char *sql)
{
	if (pgcopy_session_next_result(session, sql) != NULL)
		pgcopy_session_violation(session, sql, "It sent more after its end.");
	pgcopy_session_exec(session, "ROLLBACK TO SAVEPOINT " LOCK_SAVEPOINT);
}

/* Read the answers to append_locks().  Returns false if table *at cannot be locked now. */
static bool
read_locks(CopySeries *series, const char *message, int *at)
{
	SourceSession *session = series->session;
	ListCell   *lc;

	read_savepoint(series, message, at);
	foreach(lc, series->requests)
	{
		char	   *sql = lock_statement(((CopyRequest *) lfirst(lc))->lock);
		PGresult   *failure;

		*at = foreach_current_index(lc);
		failure = try_command(session, sql, "LOCK TABLE");
		if (failure != NULL)
		{
			if (pgcopy_session_error_sqlstate(failure) != ERRCODE_LOCK_NOT_AVAILABLE)
				pgcopy_session_error_result(session->conn, failure, sql);
			take_back_locks(session, sql);
			return false;
		}
		pfree(sql);
	}
	expect_command(session, "SAVEPOINT " SNAPSHOT_SAVEPOINT, "SAVEPOINT");
	*at = 0;
	return true;
}

CopySeries *
pgcopy_series_open(SourceSession *session, List *requests, int *at)
{
	return pgcopy_series_open_with(session, requests, NULL, at);
}

CopySeries *
pgcopy_series_open_with(SourceSession *session, List *requests, const SeriesQuery *query,
						int *at)
{
	CopySeries *series = palloc0(sizeof(CopySeries));
	char	   *message;
	bool		is_locked;

	Assert(requests != NIL);
	*at = 0;
	series->session = session;
	series->requests = requests;
	series->query = query;
	pgcopy_ahead_forget(session);
	message = write_message(series);
	pgcopy_session_send(session, message, 0, NULL);
	is_locked = !has_locks(requests) || read_locks(series, message, at);
	pfree(message);
	return is_locked ? series : NULL;
}

/* Read the rows of a query that sets something, which are of no interest. */
static void
read_setting(SourceSession *session, const char *sql)
{
	PGresult   *result;
	uint64		rows = 0;

	while ((result = pgcopy_session_next_result(session, sql)) != NULL &&
		   PQresultStatus(result) == PGRES_SINGLE_TUPLE)
	{
		CHECK_FOR_INTERRUPTS();
		if (++rows > MAX_SETTINGS)
			pgcopy_session_violation(session, sql, "It sent too many rows.");
	}
	if (result != NULL ? PQresultStatus(result) == PGRES_FATAL_ERROR :
		PQstatus(session->conn) == CONNECTION_BAD)
		pgcopy_session_error_result(session->conn, result, sql);
	if (result == NULL || PQresultStatus(result) != PGRES_TUPLES_OK ||
		strtou64(PQcmdTuples(result), NULL, 10) != rows)
		pgcopy_session_violation(session, sql, "It is not the answer to that query.");
	session->results = 0;
}

CopyStream *
pgcopy_series_next(CopySeries *series)
{
	const CopyRequest *request = list_nth(series->requests, series->next++);

	if (request->settings != NULL)
		read_setting(series->session, request->settings);
	if (request->path != NULL)
		read_setting(series->session, path_query(request->path));
	return pgcopy_stream_join(series->session, request->copy);
}

/* Throw unless the series is over. */
static void
expect_end(SourceSession *session, const char *sql)
{
	if (pgcopy_session_next_result(session, sql) != NULL)
		pgcopy_session_violation(session, sql, "It sent more after its end.");
	if (PQstatus(session->conn) == CONNECTION_BAD)
		pgcopy_session_error_result(session->conn, NULL, sql);
}

void
pgcopy_series_close_stream(CopySeries *series, CopyStream *stream)
{
	const CopyRequest *request = list_nth(series->requests, series->next - 1);
	SourceSession *session = series->session;

	pgcopy_stream_close(stream);
	session->results = 0;
	read_setting(session, path_query(""));
	if (series->next < list_length(series->requests) || series->query != NULL)
		return;
	expect_end(session, request->copy);
}

/* Hand a row on. */
static void
take_row(CopySeries *series, PGresult *result, SeriesTake take, void *arg)
{
	const SeriesQuery *query = series->query;
	const char **values = palloc(sizeof(char *) * query->columns);

	if (PQnfields(result) != query->columns)
		pgcopy_session_violation(series->session, query->sql,
								 "It sent a wrong number of columns.");
	for (int i = 0; i < query->columns; i++)
	{
		values[i] = PQgetisnull(result, 0, i) ? NULL : PQgetvalue(result, 0, i);
		if (values[i] != NULL && strlen(values[i]) != PQgetlength(result, 0, i))
			pgcopy_session_violation(series->session, query->sql,
									 "It sent text that contains a zero byte.");
	}
	take(arg, values);
	pfree(values);
}

/* Throw if a failure says that more than this query failed. */
static bool
fail_query(CopySeries *series, PGresult *failure)
{
	const char *sql = series->query->sql;

	switch (ERRCODE_TO_CATEGORY(pgcopy_session_error_sqlstate(failure)))
	{
		case 0:
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_OPERATOR_INTERVENTION:
			pgcopy_session_error_result(series->session->conn, failure, sql);
	}
	expect_end(series->session, sql);
	pgcopy_snapshot_clear_error(series->session);
	return false;
}

bool
pgcopy_series_read_query(CopySeries *series, SeriesTake take, void *arg)
{
	SourceSession *session = series->session;
	const char *sql = series->query->sql;
	PGresult   *result;
	int			rows = 0;

	Assert(series->next == list_length(series->requests));
	while ((result = pgcopy_session_next_result(session, sql)) != NULL &&
		   PQresultStatus(result) == PGRES_SINGLE_TUPLE)
	{
		CHECK_FOR_INTERRUPTS();
		if (++rows > series->query->rows)
			pgcopy_session_violation(session, sql, "It sent too many rows.");
		take_row(series, result, take, arg);
	}
	if (result != NULL && PQresultStatus(result) == PGRES_FATAL_ERROR)
		return fail_query(series, result);
	if (result == NULL && PQstatus(session->conn) == CONNECTION_BAD)
		pgcopy_session_error_result(session->conn, NULL, sql);
	if (result == NULL || PQresultStatus(result) != PGRES_TUPLES_OK ||
		PQnfields(result) != series->query->columns ||
		strtou64(PQcmdTuples(result), NULL, 10) != rows)
		pgcopy_session_violation(session, sql, "It is not the answer to that query.");
	session->results = 0;
	expect_end(session, sql);
	return true;
}
