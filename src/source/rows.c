/*-------------------------------------------------------------------------
 *
 * rows.c
 *	  The rows that the source returns, in memory, checked.
 *
 * Nothing from the source is trusted.  Columns, size and encoding are checked
 * while rows are read, NULL and the form of a value by its getter.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "libpq-fe.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/pg_lsn.h"

#include "base/compat.h"
#include "source/session_state.h"

/* Limits for an answer of many rows, and of a single one. */
#define MAX_BYTES		((Size) 1024 * 1024 * 1024)
#define MAX_ROW_BYTES	((Size) 1024 * 1024)

/* Larger than any relation, more than any database has of anything. */
#define MAX_SIZE		((int64) 1 << 48)

struct SourceRows
{
	MemoryContext context;		/* holds everything, this struct too */
	SourceSession *session;		/* while the query runs */
	char	   *sql;
	int			columns;
	int			count;
	int			room;			/* allocated rows */
	int			limit;			/* of rows */
	Size		bytes;
	Size		max_bytes;
	char	  **values;			/* by row, then column; NULL: SQL NULL */
};

/* Make room for one more row. */
static char **
add_row(SourceRows *rows)
{
	if (rows->count == rows->room)
	{
		rows->room = Max(rows->room * 2, 8);
		rows->values = rows->values == NULL ?
			palloc(sizeof(char *) * rows->columns * (Size) rows->room) :
			repalloc_huge(rows->values,
						  sizeof(char *) * rows->columns * (Size) rows->room);
	}
	return rows->values + (Size) rows->count++ * rows->columns;
}

void
pgcopy_rows_take(void *arg, const PGresult *result)
{
	SourceRows *rows = arg;
	MemoryContext caller;
	char	  **values;

	if (PQnfields(result) != rows->columns)
		pgcopy_session_violation(rows->session, rows->sql,
								 "It sent a wrong number of columns.");
	if (rows->count >= rows->limit)
		pgcopy_session_violation(rows->session, rows->sql, "It sent too many rows.");
	caller = MemoryContextSwitchTo(rows->context);
	values = add_row(rows);
	for (int i = 0; i < rows->columns; i++)
	{
		int			length = PQgetlength(result, 0, i);

		values[i] = NULL;
		rows->bytes += length + sizeof(char *) + 1;
		if (rows->bytes > rows->max_bytes)
			pgcopy_session_violation(rows->session, rows->sql,
									 "It sent more rows than there can be.");
		if (PQgetisnull(result, 0, i))
			continue;
		/* a zero byte would hide the rest */
		if (memchr(PQgetvalue(result, 0, i), '\0', length) != NULL)
			pgcopy_session_violation(rows->session, rows->sql,
									 "It sent text that contains a zero byte.");
		values[i] = pnstrdup(PQgetvalue(result, 0, i), length);
	}
	MemoryContextSwitchTo(caller);
}

/*
 * Throw if text is not in this database's encoding.  Call it after the whole
 * answer has been read, so that the session stays usable.
 */
static void
verify_rows(const SourceRows *rows)
{
	Size		n = (Size) rows->count * rows->columns;

	for (Size i = 0; i < n; i++)
	{
		const char *value = rows->values[i];

		if (value != NULL && !pg_verifymbstr(value, strlen(value), true))
			pgcopy_session_error_encoding(rows->sql);
		if (i % 1000 == 0)
			CHECK_FOR_INTERRUPTS();
	}
}

SourceRows *
pgcopy_rows_make(SourceSession *session, const char *sql, int columns, bool is_row)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pgcopy rows",
												  ALLOCSET_SMALL_SIZES);
	SourceRows *rows = MemoryContextAllocZero(context, sizeof(SourceRows));

	Assert(columns > 0);
	rows->context = context;
	rows->session = session;
	rows->sql = MemoryContextStrdup(context, sql);
	rows->columns = columns;
	rows->limit = is_row ? 1 : PG_INT32_MAX / 4;
	rows->max_bytes = is_row ? MAX_ROW_BYTES : MAX_BYTES;
	return rows;
}

Size
pgcopy_rows_bytes(const SourceRows *rows)
{
	return rows->bytes;
}

void
pgcopy_rows_finish(SourceRows *rows)
{
	rows->session = NULL;
	verify_rows(rows);
}

/* Returns NULL for a failure that is accepted. */
static SourceRows *
ask_rows(SourceSession *session, const SourceQuery *query, int columns, bool is_row)
{
	SourceRows *rows = pgcopy_rows_make(session, query->sql, columns, is_row);
	PGresult   *failure = pgcopy_session_query_run(session, query, pgcopy_rows_take, rows);

	if (failure != NULL && query->accepted != 0 &&
		pgcopy_session_error_sqlstate(failure) == query->accepted)
	{
		pgcopy_rows_free(rows);
		return NULL;
	}
	if (failure != NULL)
		pgcopy_session_error_result(session->conn, failure, query->sql);
	if (session->columns != columns)
		pgcopy_session_violation(session, query->sql,
								 "It sent no rows, or a wrong number of columns.");
	pgcopy_rows_finish(rows);
	return rows;
}

/* The same; the answer may be here already. */
static SourceRows *
query_rows(SourceSession *session, const SourceQuery *query, int columns, bool is_row)
{
	SourceRows *rows = pgcopy_ahead_take(session, query, columns);

	if (rows == NULL)
		return ask_rows(session, query, columns, is_row);
	MemoryContextSetParent(rows->context, CurrentMemoryContext);
	if (is_row && (rows->count > 1 || rows->bytes > MAX_ROW_BYTES))
		pgcopy_session_violation(session, query->sql, "It sent too many rows.");
	return rows;
}

SourceRows *
pgcopy_session_query(SourceSession *session, const char *sql, int columns,
					 int nparams, const char *const *params)
{
	SourceQuery query = {sql, nparams, params};

	return query_rows(session, &query, columns, false);
}

/* Throw unless it is the one row that was asked for. */
static SourceRows *
expect_row(SourceSession *session, const char *sql, SourceRows *rows)
{
	if (rows->count == 0)
		pgcopy_session_violation(session, sql, "It sent no row.");
	return rows;
}

SourceRows *
pgcopy_session_query_row(SourceSession *session, const char *sql, int columns,
						 int nparams, const char *const *params)
{
	SourceQuery query = {sql, nparams, params};

	return expect_row(session, sql, query_rows(session, &query, columns, true));
}

SourceRows *
pgcopy_session_command(SourceSession *session, const char *sql, int columns,
					   int accepted)
{
	SourceQuery query = {.sql = sql, .is_command = true, .accepted = accepted};
	SourceRows *rows = query_rows(session, &query, columns, true);

	return rows != NULL ? expect_row(session, sql, rows) : NULL;
}

int
pgcopy_rows_count(const SourceRows *rows)
{
	return rows->count;
}

const char *
pgcopy_rows_get_or_null(const SourceRows *rows, int row, int column)
{
	Assert(row >= 0 && row < rows->count);
	Assert(column >= 0 && column < rows->columns);
	return rows->values[(Size) row * rows->columns + column];
}

bool
pgcopy_rows_is_null(const SourceRows *rows, int row, int column)
{
	return pgcopy_rows_get_or_null(rows, row, column) == NULL;
}

void
pgcopy_rows_throw(const SourceRows *rows, const char *detail)
{
	pgcopy_session_error_answer(rows->sql, detail);
}

static void throw_value(const SourceRows *rows, int row, int column,
						const char *what) pg_attribute_noreturn();

static void
throw_value(const SourceRows *rows, int row, int column, const char *what)
{
	pgcopy_rows_throw(rows, psprintf("Column %d of row %d is %s.",
									 column + 1, row + 1, what));
}

const char *
pgcopy_rows_get(const SourceRows *rows, int row, int column)
{
	const char *value = pgcopy_rows_get_or_null(rows, row, column);

	if (value == NULL)
		throw_value(rows, row, column, "null");
	return value;
}

int64
pgcopy_rows_get_int64(const SourceRows *rows, int row, int column)
{
	const char *value = pgcopy_rows_get(rows, row, column);
	char	   *end;
	int64		number;

	errno = 0;
	number = strtoi64(value, &end, 10);
	if (errno != 0 || end == value || *end != '\0' || isspace((unsigned char) value[0]))
		throw_value(rows, row, column, "not a number");
	return number;
}

static int64
get_between(const SourceRows *rows, int row, int column, int64 least, int64 most)
{
	int64		number = pgcopy_rows_get_int64(rows, row, column);

	if (number < least || number > most)
		throw_value(rows, row, column, "out of range");
	return number;
}

int64
pgcopy_rows_get_size(const SourceRows *rows, int row, int column)
{
	return get_between(rows, row, column, 0, MAX_SIZE);
}

Oid
pgcopy_rows_get_oid(const SourceRows *rows, int row, int column)
{
	return (Oid) get_between(rows, row, column, 1, OID_MAX);
}

XLogRecPtr
pgcopy_rows_get_lsn(const SourceRows *rows, int row, int column)
{
	bool		is_wrong = false;
	XLogRecPtr	lsn = pg_lsn_in_internal(pgcopy_rows_get(rows, row, column), &is_wrong);

	if (is_wrong || XLogRecPtrIsInvalid(lsn))
		throw_value(rows, row, column, "not a position in the WAL");
	return lsn;
}

bool
pgcopy_rows_get_bool(const SourceRows *rows, int row, int column)
{
	const char *value = pgcopy_rows_get(rows, row, column);

	if (strcmp(value, "t") != 0 && strcmp(value, "f") != 0)
		throw_value(rows, row, column, "not a boolean");
	return value[0] == 't';
}

char
pgcopy_rows_get_char(const SourceRows *rows, int row, int column,
					 const char *allowed)
{
	const char *value = pgcopy_rows_get(rows, row, column);

	if (strlen(value) != 1 || strchr(allowed, value[0]) == NULL)
		throw_value(rows, row, column, "unknown");
	return value[0];
}

void
pgcopy_rows_free(SourceRows *rows)
{
	MemoryContextDelete(rows->context);
}
