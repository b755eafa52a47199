/*-------------------------------------------------------------------------
 *
 * blocked.c
 *	  Who keeps the processes of a job waiting on this server: pgcopy.blocker().
 *
 * All queries here run with the rights of the caller, who may not see what
 * others run.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "api/blocked.h"
#include "base/blocker.h"

extern PGDLLEXPORT Datum pgcopy_blocker(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgcopy_blocker);

/*
 * Run a query with one parameter.  Returns the text in its first column, in the
 * current memory context; NULL for NULL or no row.
 */
static char *
fetch_text(const char *sql, Oid type, Datum value)
{
	MemoryContext caller = CurrentMemoryContext;
	int			nest_level = NewGUCNestLevel();
	char	   *text = NULL;
	char	   *result = NULL;

	(void) set_config_option("search_path", "pg_catalog, pg_temp",
							 PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute_with_args(sql, 1, &type, &value, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not ask who is in the way");
	if (SPI_processed > 0)
		text = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (text != NULL)
		result = MemoryContextStrdup(caller, text);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	AtEOXact_GUC(true, nest_level);
	return result;
}

char *
pgcopy_blocked_describe(int64 job)
{
	return fetch_text("SELECT pgcopy.hold_up($1)", INT8OID, Int64GetDatum(job));
}

Datum
pgcopy_blocker(PG_FUNCTION_ARGS)
{
	char	   *blocker = fetch_text(BLOCKER_SQL, INT4OID, PG_GETARG_DATUM(0));

	if (blocker == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(blocker));
}
