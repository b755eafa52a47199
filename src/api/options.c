/*-------------------------------------------------------------------------
 *
 * options.c
 *	  pgcopy.options(): the table of options, for the view pgcopy_options.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "base/options.h"
#include "catalog/version.h"

extern PGDLLEXPORT Datum pgcopy_options(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgcopy_options);

#define OPTIONS_COLUMNS 7

Datum
pgcopy_options(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	OptionLine	line;

	pgcopy_version_begin_rows(fcinfo, OPTIONS_COLUMNS);
	for (int i = 0; pgcopy_options_describe(i, &line); i++)
	{
		Datum		values[OPTIONS_COLUMNS] = {
			CStringGetTextDatum(line.name),
			CStringGetTextDatum(line.type),
			CStringGetTextDatum(line.default_value),
			CStringGetTextDatum(line.allowed),
			CStringGetTextDatum(line.meaning),
			CStringGetTextDatum(line.pgcopydb),
			CStringGetTextDatum(line.pg_dump)
		};
		bool		nulls[OPTIONS_COLUMNS] = {false};

		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
