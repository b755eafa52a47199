/*-------------------------------------------------------------------------
 *
 * pgcopy_changes.c
 *	  Look at definitions as a job that follows does (stream/changes.c), but at
 *	  those of this database.
 *
 * changes.c is compiled in; here is what it takes of source/session.h, by SPI.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "stream/changes.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(changes_since);

#define COLUMNS 2

struct SourceRows
{
	int			count;
	char	  **values;			/* of row 0, of row 1 ... */
};

/* The picture of the last call. */
static List *before = NIL;

SourceRows *
pgcopy_session_query(SourceSession *session, const char *sql, int columns,
					 int nparams, const char *const *params)
{
	MemoryContext caller = CurrentMemoryContext;
	SourceRows *rows = palloc(sizeof(SourceRows));
	Oid			types[] = {TEXTOID};
	Datum		values[] = {params[0] == NULL ? (Datum) 0 : CStringGetTextDatum(params[0])};

	SPI_connect();
	if (columns != COLUMNS || nparams != 1 ||
		SPI_execute_with_args(sql, 1, types, values, params[0] == NULL ? "n" : " ", true, 0) != SPI_OK_SELECT)
		elog(ERROR, "not the query that was expected");
	rows->count = SPI_processed;
	rows->values = MemoryContextAllocHuge(caller, (rows->count + 1) * COLUMNS * sizeof(char *));
	for (int i = 0; i < rows->count * COLUMNS; i++)
		rows->values[i] = MemoryContextStrdup(caller,
											  SPI_getvalue(SPI_tuptable->vals[i / COLUMNS],
														   SPI_tuptable->tupdesc, i % COLUMNS + 1));
	SPI_finish();
	return rows;
}

int
pgcopy_session_version(const SourceSession *session)
{
	return atoi(GetConfigOption("server_version_num", false, false));
}

int
pgcopy_rows_count(const SourceRows *rows)
{
	return rows->count;
}

const char *
pgcopy_rows_get(const SourceRows *rows, int row, int column)
{
	return rows->values[row * COLUMNS + column];
}

void
pgcopy_rows_free(SourceRows *rows)
{
	pfree(rows->values);
}

void
pgcopy_rows_throw(const SourceRows *rows, const char *detail)
{
	elog(ERROR, "%s", detail);
}

/*
 * changes_since(only text): how this database differs from what the call before saw;
 * NULL: not at all.
 */
Datum
changes_since(PG_FUNCTION_ARGS)
{
	MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);
	char	   *only = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	List	   *after = pgcopy_changes_picture(NULL, only);
	char	   *changes = pgcopy_changes_describe(before, after);

	MemoryContextSwitchTo(caller);
	before = after;
	if (changes == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(changes));
}
