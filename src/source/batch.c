/*-------------------------------------------------------------------------
 *
 * batch.c
 *	  Several statements, sent to the source together.
 *
 * They go as one simple query: that works with every version of libpq and with
 * poolers that know no extended queries, and a server answers it statement by
 * statement.  Which one an answer or an error belongs to is said by the number of
 * results before it, and that number must be right.
 *
 * Parameters are put into the text.  All statements are ours and have no comments,
 * dollar quotes or E'' in which a $1 could be meant otherwise; values are quoted so
 * that they mean the same whatever standard_conforming_strings is.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "libpq-fe.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"

#include "source/batch.h"
#include "source/session_state.h"

/* In one message: no more than session_query.c takes results. */
#define MOST_STATEMENTS 50

/* All its answers together. */
#define MOST_BYTES		((Size) 1024 * 1024 * 1024)

typedef struct Statement
{
	const char *sql;
	int			columns;		/* 0: it returns no rows */
	bool		is_row;			/* exactly one row */
	SourceRows *rows;			/* NULL if it returns none, or has not run */
} Statement;

struct SourceBatch
{
	SourceSession *session;
	MemoryContext context;
	List	   *statements;		/* Statement * */
	char	   *message;		/* that has been sent and not been answered; or NULL */
	int			first;			/* its statements */
	int			end;
	int			done;			/* statements that have succeeded */
	Size		bytes;			/* of their rows */
};

SourceBatch *
pgcopy_batch_begin(SourceSession *session)
{
	SourceBatch *batch = palloc0(sizeof(SourceBatch));

	batch->session = session;
	batch->context = CurrentMemoryContext;
	return batch;
}

static Statement *
add_statement(SourceBatch *batch, const char *sql, int columns)
{
	MemoryContext caller = MemoryContextSwitchTo(batch->context);
	Statement  *statement = palloc0(sizeof(Statement));

	statement->sql = pstrdup(sql);
	statement->columns = columns;
	batch->statements = lappend(batch->statements, statement);
	MemoryContextSwitchTo(caller);
	return statement;
}

void
pgcopy_batch_add(SourceBatch *batch, const char *sql)
{
	(void) add_statement(batch, sql, 0);
}

/* Put parameters into the text, where it is neither a literal nor a quoted name. */
static char *
fill_in(const char *sql, int nparams, const char *const *params)
{
	StringInfoData text;
	char		quote = '\0';

	initStringInfo(&text);
	for (const char *c = sql; *c != '\0'; c++)
	{
		int			number = *c == '$' && quote == '\0' ? c[1] - '0' : 0;

		if (quote == '\0' ? *c == '\'' || *c == '"' : *c == quote)
			quote = quote == '\0' ? *c : '\0';
		if (number < 1 || number > 9)
		{
			appendStringInfoChar(&text, *c);
			continue;
		}
		if (number > nparams)
			elog(ERROR, "statement for the source has no parameter %d", number);
		appendStringInfoString(&text, params[number - 1] != NULL ?
							   quote_literal_cstr(params[number - 1]) : "NULL");
		c++;
	}
	return text.data;
}

void
pgcopy_batch_add_query(SourceBatch *batch, const char *sql, int columns, int nparams,
					   const char *const *params)
{
	Assert(columns > 0 && nparams < 10);
	(void) add_statement(batch, nparams > 0 ? fill_in(sql, nparams, params) : sql, columns);
}

void
pgcopy_batch_add_row(SourceBatch *batch, const char *sql, int columns)
{
	add_statement(batch, sql, columns)->is_row = true;
}

int
pgcopy_batch_count(const SourceBatch *batch)
{
	return list_length(batch->statements);
}

static Statement *
get_statement(const SourceBatch *batch, int number)
{
	return list_nth(batch->statements, number);
}

/* The statement that is being answered. */
static Statement *
current_statement(SourceBatch *batch, const char *sql)
{
	if (batch->done == batch->end)
		pgcopy_session_violation(batch->session, sql,
								 "It sent more results than there are statements.");
	return get_statement(batch, batch->done);
}

/* RowTaker. */
static void
take_row(void *arg, const PGresult *row)
{
	SourceBatch *batch = arg;
	Statement  *statement = current_statement(batch, get_statement(batch, batch->first)->sql);

	if (statement->rows == NULL)
		pgcopy_session_violation(batch->session, statement->sql,
								 "It sent rows that were not asked for.");
	pgcopy_rows_take(statement->rows, row);
	if (batch->bytes + pgcopy_rows_bytes(statement->rows) > MOST_BYTES)
		pgcopy_session_violation(batch->session, statement->sql,
								 "It sent more rows than there can be.");
}

/* ResultTaker. */
static void
take_result(void *arg, const PGresult *result)
{
	SourceBatch *batch = arg;
	Statement  *statement = current_statement(batch, get_statement(batch, batch->first)->sql);
	int			columns = PQresultStatus(result) == PGRES_TUPLES_OK ? PQnfields(result) : 0;

	if (batch->session->failure != NULL)
		pgcopy_session_violation(batch->session, statement->sql,
								 "It sent a result after an error.");
	if (columns != statement->columns)
		pgcopy_session_violation(batch->session, statement->sql,
								 "It sent no rows, or a wrong number of columns.");
	if (statement->is_row && pgcopy_rows_count(statement->rows) != 1)
		pgcopy_session_violation(batch->session, statement->sql, "It sent no row.");
	if (statement->rows != NULL)
		batch->bytes += pgcopy_rows_bytes(statement->rows);
	batch->done++;
}

/* The text of a message; also make ready what takes the answers. */
static char *
make_message(SourceBatch *batch)
{
	MemoryContext caller = MemoryContextSwitchTo(batch->context);
	StringInfoData text;

	initStringInfo(&text);
	for (int i = batch->first; i < batch->end; i++)
	{
		Statement  *statement = get_statement(batch, i);

		appendStringInfo(&text, "%s%s", i > batch->first ? "; " : "", statement->sql);
		if (statement->columns > 0)
			statement->rows = pgcopy_rows_make(batch->session, statement->sql,
											   statement->columns, statement->is_row);
	}
	MemoryContextSwitchTo(caller);
	return text.data;
}

/* Send the next message. */
static void
send_message(SourceBatch *batch)
{
	batch->first = batch->end;
	batch->end = Min(batch->first + MOST_STATEMENTS, pgcopy_batch_count(batch));
	batch->message = make_message(batch);
	pgcopy_session_send(batch->session, batch->message, 0, NULL);
}

/* Read the answers to a message.  Returns whether all has succeeded. */
static bool
read_answers(SourceBatch *batch)
{
	SourceQuery query = {.sql = batch->message,.take_result = take_result};
	const PGresult *failure = pgcopy_session_query_read(batch->session, &query, take_row, batch);

	if (failure == NULL && batch->done < batch->end)
		pgcopy_session_violation(batch->session, get_statement(batch, batch->done)->sql,
								 "It sent fewer results than there are statements.");
	for (int i = batch->first; i < batch->done; i++)
	{
		if (get_statement(batch, i)->rows != NULL)
			pgcopy_rows_finish(get_statement(batch, i)->rows);
	}
	pfree(batch->message);
	batch->message = NULL;
	return failure == NULL;
}

bool
pgcopy_batch_begins_within(SourceBatch *batch, long limit)
{
	send_message(batch);
	return pgcopy_session_await_result(batch->session, batch->message, limit);
}

int
pgcopy_batch_run(SourceBatch *batch)
{
	do
	{
		if (batch->message == NULL)
			send_message(batch);
	} while (read_answers(batch) && batch->end < pgcopy_batch_count(batch));
	return batch->done;
}

int
pgcopy_batch_sqlstate(const SourceBatch *batch)
{
	return pgcopy_session_error_sqlstate(batch->session->failure);
}

void
pgcopy_batch_throw(SourceBatch *batch)
{
	pgcopy_session_error_result(batch->session->conn, batch->session->failure,
								get_statement(batch, batch->done)->sql);
}

void
pgcopy_batch_exec(SourceBatch *batch)
{
	if (pgcopy_batch_run(batch) < pgcopy_batch_count(batch))
		pgcopy_batch_throw(batch);
}

SourceRows *
pgcopy_batch_rows(SourceBatch *batch, int number)
{
	Assert(number < batch->done && get_statement(batch, number)->rows != NULL);
	return get_statement(batch, number)->rows;
}
