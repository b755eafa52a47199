/*-------------------------------------------------------------------------
 *
 * rows.c
 *	  What a query on the source returns, owned by a memory context.
 *
 * The rows stay in libpq's memory until they are freed or the context is
 * reset.  All text is verified in the encoding of this database first: the
 * source is not trusted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "libpq-fe.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"

#include "source/session.h"
#include "source/session_error.h"
#include "source/session_result.h"

struct SourceRows
{
	PGresult   *result;			/* NULL once freed */
	MemoryContextCallback callback;
};

static void
free_in_callback(void *arg)
{
	pgcopy_rows_free((SourceRows *) arg);
}

/*
 * Throw if anything in a result is not text of this database's encoding.
 */
static void
verify_rows(const PGresult *result)
{
	int			ntuples = PQntuples(result);
	int			nfields = PQnfields(result);
	int			row;
	int			column;

	for (row = 0; row < ntuples; row++)
	{
		for (column = 0; column < nfields; column++)
			(void) pg_verifymbstr(PQgetvalue(result, row, column),
								  PQgetlength(result, row, column), false);
		if (row % 1000 == 0)
			CHECK_FOR_INTERRUPTS();
	}
}

/*
 * The callback is armed before there is a result, so nothing can leak.
 */
SourceRows *
pgcopy_session_query(SourceSession *session, const char *sql, int nparams,
					 const char *const *params)
{
	SourceRows *rows = palloc0(sizeof(SourceRows));

	rows->callback.func = free_in_callback;
	rows->callback.arg = rows;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &rows->callback);

	rows->result = pgcopy_session_result(session, sql, nparams, params);
	if (PQresultStatus(rows->result) != PGRES_TUPLES_OK)
		pgcopy_session_error_result(pgcopy_session_conn(session),
									rows->result, sql);
	verify_rows(rows->result);
	return rows;
}

int
pgcopy_rows_count(const SourceRows *rows)
{
	return PQntuples(rows->result);
}

const char *
pgcopy_rows_get(const SourceRows *rows, int row, int column)
{
	Assert(row < PQntuples(rows->result) && column < PQnfields(rows->result));
	if (PQgetisnull(rows->result, row, column))
		return NULL;
	return PQgetvalue(rows->result, row, column);
}

int64
pgcopy_rows_get_int64(const SourceRows *rows, int row, int column)
{
	const char *value = pgcopy_rows_get(rows, row, column);

	return value != NULL ? strtoll(value, NULL, 10) : 0;
}

bool
pgcopy_rows_get_bool(const SourceRows *rows, int row, int column)
{
	const char *value = pgcopy_rows_get(rows, row, column);

	return value != NULL && value[0] == 't';
}

void
pgcopy_rows_free(SourceRows *rows)
{
	PQclear(rows->result);
	rows->result = NULL;
}
