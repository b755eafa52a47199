/*-------------------------------------------------------------------------
 *
 * explain.c
 *	  Which row and column the source cannot send.
 *
 * The source's COPY says what is wrong, but not with which row or column: a byte
 * that has no equivalent in our encoding, a row of more than 1 GB, or a value that a
 * user's expression does not hold for.  The rows
 * before it were received, so its number is known.  Find its ctid, and then its
 * column by asking for each of them alone.
 *
 * All rows of an item are read under a savepoint, which makes the transaction
 * usable again.  If anything goes wrong here, the error stays as it was.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "load/columns.h"
#include "load/conceal.h"
#include "load/explain.h"
#include "source/snapshot.h"

typedef struct Failure
{
	SourceSession *session;
	const LoadTable *table;
	int64		row;
	char	   *ctid;
	const char *column;			/* or NULL: none of the row is refused */
} Failure;

static bool
is_about_encoding(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_UNTRANSLATABLE_CHARACTER ||
		error->sqlerrcode == ERRCODE_CHARACTER_NOT_IN_REPERTOIRE;
}

/* The server has two errors for a row or a value over 1 GB. */
static bool
is_about_length(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_PROGRAM_LIMIT_EXCEEDED ||
		(error->sqlerrcode == ERRCODE_INTERNAL_ERROR &&
		 strncmp(error->message, "invalid memory alloc request size", 33) == 0);
}

static void
find_ctid(Failure *failure)
{
	const char *sql = pgcopy_columns_ctid_query(failure->table, failure->row);
	SourceRows *rows = pgcopy_session_query_row(failure->session, sql, 1, 0, NULL);
	unsigned	block;
	unsigned	item;

	if (sscanf(pgcopy_rows_get(rows, 0, 0), "(%u,%u)", &block, &item) != 2)
		pgcopy_rows_throw(rows, "It is not a row's ctid.");
	failure->ctid = psprintf("(%u,%u)", block, item);
	pgcopy_rows_free(rows);
}

/* Does the source fail to send the result? */
static bool
is_refused(SourceSession *session, const char *sql)
{
	CopyStream *volatile stream = NULL;
	MemoryContext context = CurrentMemoryContext;
	volatile bool refused = false;

	PG_TRY();
	{
		char	   *data;

		stream = pgcopy_stream_open(session, sql);
		while (pgcopy_stream_next(stream, &data) >= 0)
			;
		pgcopy_stream_close(stream);
	}
	PG_CATCH();
	{
		if (stream == NULL || !pgcopy_stream_has_failed(stream))
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
		pgcopy_stream_drain(stream);
		refused = true;
	}
	PG_END_TRY();
	return refused;
}

static void
find_column(Failure *failure)
{
	const LoadTable *table = failure->table;
	ListCell   *cell;

	foreach(cell, table->columns)
	{
		int			column = foreach_current_index(cell);

		if (is_refused(failure->session,
					   pgcopy_columns_value_statement(table, column, failure->ctid)))
		{
			failure->column = lfirst(cell);
			return;
		}
	}
}

static void
find_place(Failure *failure, CopyStream *stream, const ErrorData *error)
{
	pgcopy_stream_drain(stream);
	pgcopy_snapshot_clear_error(failure->session);
	pgcopy_columns_use_path(failure->session, failure->table);
	find_ctid(failure);
	if (!is_about_length(error))
		find_column(failure);
}

/* Returns false if that cannot be found out. */
static bool
try_find_place(Failure *failure, CopyStream *stream, const ErrorData *error)
{
	MemoryContext context = CurrentMemoryContext;
	volatile bool is_found = true;

	PG_TRY();
	{
		find_place(failure, stream, error);
	}
	PG_CATCH();
	{
		if (geterrcode() == ERRCODE_QUERY_CANCELED)
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
		is_found = false;
	}
	PG_END_TRY();
	return is_found;
}

static void
explain_length(const Failure *failure, ErrorData *error)
{
	error->detail = psprintf("The source says: %s%s%s%s", error->message,
							 error->detail != NULL ? ": " : "",
							 error->detail != NULL ? error->detail : "",
							 failure->ctid != NULL ?
							 psprintf("  The row's ctid there is %s.", failure->ctid) : "");
	error->message = psprintf("row " INT64_FORMAT " of table %s is too long for COPY, which sends at most 1 GB",
							  failure->row, failure->table->source_name);
	error->hint = "Shorten its longest values on the source, or move them to another table or to large objects, and run the job again.  With on_error => 'continue' everything else is copied.";
}

/* Add the column to the line "where" of the context. */
static void
explain_encoding(const Failure *failure, ErrorData *error, const char *where)
{
	char	   *at = error->context != NULL ? strstr(error->context, where) : NULL;

	if (error->detail == NULL)
		error->detail = psprintf("The row's ctid on the source is %s.", failure->ctid);
	if (at != NULL)
		error->context = psprintf("%.*s%s, column %s%s",
								  (int) (at - error->context), error->context,
								  where, failure->column, at + strlen(where));
}

bool
pgcopy_explain_applies(const LoadTable *table, const ErrorData *error)
{
	return is_about_encoding(error) || is_about_length(error) ||
		pgcopy_conceal_applies(table, error);
}

void
pgcopy_explain_failure(CopyStream *stream, const LoadTable *table, int64 row,
					   ErrorData *error, const char *where)
{
	Failure		failure = {pgcopy_stream_session(stream), table, row};
	bool		is_found;

	is_found = try_find_place(&failure, stream, error);
	if (pgcopy_columns_is_subset(table))
		pgcopy_conceal_error(table, error, where, is_found ? failure.column : NULL);
	if (is_about_length(error))
		explain_length(&failure, error);
	else if (is_found && failure.column != NULL && is_about_encoding(error))
		explain_encoding(&failure, error, where);
}
