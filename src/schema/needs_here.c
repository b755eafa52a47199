/*-------------------------------------------------------------------------
 *
 * needs_here.c
 *	  Ask this server for what it has, and let it check what it can.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "schema/needs_private.h"

/* With an empty search_path: no user's operators are called. */
char *
pgcopy_needs_here_text(const char *sql, const char *param, const char *param2)
{
	MemoryContext context = CurrentMemoryContext;
	Oid			types[] = {TEXTOID, TEXTOID};
	Datum		values[] = {
		CStringGetTextDatum(param ? param : ""), CStringGetTextDatum(param2 ? param2 : "")
	};
	int			nparams = param == NULL ? 0 : param2 == NULL ? 1 : 2;
	int			nest_level = NewGUCNestLevel();
	char	   *value = NULL;

	(void) set_config_option("search_path", "", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	SPI_connect();
	if (SPI_execute_with_args(sql, nparams, types, values, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read the catalogs");
	if (SPI_processed > 0)
		value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (value != NULL)
		value = MemoryContextStrdup(context, value);
	SPI_finish();
	AtEOXact_GUC(true, nest_level);
	return value;
}

bool
pgcopy_needs_here_is(const char *sql, const char *param, const char *param2)
{
	char	   *value = pgcopy_needs_here_text(sql, param, param2);

	return value != NULL && strcmp(value, "t") == 0;
}

/* Throw what is not about the check: a cancel, a shutdown, no memory. */
static bool
is_of_the_check(int sqlerrcode)
{
	int			class = ERRCODE_TO_CATEGORY(sqlerrcode);

	return class != ERRCODE_TO_CATEGORY(ERRCODE_QUERY_CANCELED) &&
		class != ERRCODE_INSUFFICIENT_RESOURCES;
}

char *
pgcopy_needs_here_rehearse(AttemptWork rehearse, void *arg, int *sqlerrcode)
{
	ErrorData  *error = pgcopy_attempt_rehearse(rehearse, arg);

	*sqlerrcode = error != NULL ? error->sqlerrcode : 0;
	if (error == NULL)
		return NULL;
	if (!is_of_the_check(error->sqlerrcode))
		ReThrowError(error);
	return error->message;
}
