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

#include "base/compat.h"
#include "base/options.h"

extern PGDLLEXPORT Datum pgcopy_options(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgcopy_options);

Datum
pgcopy_options(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	OptionLine	line;

	pgcopy_init_materialized_srf(fcinfo);
	for (int i = 0; pgcopy_options_describe(i, &line); i++)
	{
		Datum		values[] = {
			CStringGetTextDatum(line.name),
			CStringGetTextDatum(line.type),
			CStringGetTextDatum(line.default_value),
			CStringGetTextDatum(line.allowed),
			CStringGetTextDatum(line.meaning),
			CStringGetTextDatum(line.pgcopydb),
			CStringGetTextDatum(line.pg_dump)
		};
		bool		nulls[lengthof(values)] = {false};

		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
