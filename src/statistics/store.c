/*-------------------------------------------------------------------------
 *
 * store.c
 *	  Write the statistics of a column where ANALYZE does.
 *
 * A server that has a function for it gets what the source has sent, once it is
 * checked here; for an older one rows of pg_statistic are made, as ANALYZE makes them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "statistics/column.h"

#ifdef PGCOPY_HAS_RESTORE_STATISTICS

#define FIRST_FIGURE 4			/* parameters before the figures */

static const char restore_sql[] =
"SELECT pg_catalog.pg_restore_attribute_stats("
"'schemaname', $1, 'relname', $2, 'attnum', $3, 'inherited', $4, 'null_frac', $5, "
"'avg_width', $6, 'n_distinct', $7, 'most_common_vals', $8, 'most_common_freqs', $9, "
"'histogram_bounds', $10, 'correlation', $11, 'most_common_elems', $12, "
"'most_common_elem_freqs', $13, 'elem_count_histogram', $14, "
"'range_length_histogram', $15, 'range_empty_frac', $16, 'range_bounds_histogram', $17)";

static const Oid figure_types[FIGURE_COUNT] = {
	FLOAT4OID, INT4OID, FLOAT4OID, TEXTOID, FLOAT4ARRAYOID, TEXTOID, FLOAT4OID,
	TEXTOID, FLOAT4ARRAYOID, FLOAT4ARRAYOID, TEXTOID, FLOAT4OID, TEXTOID
};

static Datum
read_figure(const char *text, Oid type)
{
	Oid			function;
	Oid			parameter;

	getTypeInputInfo(type, &function, &parameter);
	return OidInputFunctionCall(function, unconstify(char *, text), parameter, -1);
}

bool
pgcopy_store_column(const ColumnStatistics *column)
{
	Oid			types[FIRST_FIGURE + FIGURE_COUNT] = {TEXTOID, TEXTOID, INT2OID, BOOLOID};
	char		nulls[FIRST_FIGURE + FIGURE_COUNT];
	Datum		values[FIRST_FIGURE + FIGURE_COUNT] = {
		CStringGetTextDatum(get_namespace_name(get_rel_namespace(column->relid))),
		CStringGetTextDatum(get_rel_name(column->relid)),
		Int16GetDatum(column->attnum),
		BoolGetDatum(column->is_inherited)
	};
	bool		is_null;
	bool		is_taken;

	memset(nulls, ' ', sizeof(nulls));
	for (int i = 0; i < FIGURE_COUNT; i++)
	{
		types[FIRST_FIGURE + i] = figure_types[i];
		if (column->figures[i] != NULL)
			values[FIRST_FIGURE + i] = read_figure(column->figures[i], figure_types[i]);
		else
			nulls[FIRST_FIGURE + i] = 'n';
	}
	SPI_connect();
	is_taken = SPI_execute_with_args(restore_sql, lengthof(types), types, values, nulls,
									 false, 1) == SPI_OK_SELECT &&
		SPI_processed == 1 &&
		DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
	SPI_finish();
	return is_taken;
}

#else

/* The columns of slot i of a row of pg_statistic, as indexes. */
#define SLOT_KIND(i)		(Anum_pg_statistic_stakind1 - 1 + (i))
#define SLOT_OPERATOR(i)	(Anum_pg_statistic_staop1 - 1 + (i))
#define SLOT_COLLATION(i)	(Anum_pg_statistic_stacoll1 - 1 + (i))
#define SLOT_NUMBERS(i)		(Anum_pg_statistic_stanumbers1 - 1 + (i))
#define SLOT_VALUES(i)		(Anum_pg_statistic_stavalues1 - 1 + (i))

static void
fill_row(const ColumnStatistics *column, Datum *values, bool *nulls)
{
	values[Anum_pg_statistic_starelid - 1] = ObjectIdGetDatum(column->relid);
	values[Anum_pg_statistic_staattnum - 1] = Int16GetDatum(column->attnum);
	values[Anum_pg_statistic_stainherit - 1] = BoolGetDatum(column->is_inherited);
	values[Anum_pg_statistic_stanullfrac - 1] = Float4GetDatum(column->null_frac);
	values[Anum_pg_statistic_stawidth - 1] = Int32GetDatum(column->width);
	values[Anum_pg_statistic_stadistinct - 1] = Float4GetDatum(column->distinct);
	for (int i = 0; i < STATISTIC_NUM_SLOTS; i++)
	{
		StatisticsSlot none = {0};
		const StatisticsSlot *slot = i < column->nslots ? &column->slots[i] : &none;

		values[SLOT_KIND(i)] = Int16GetDatum(slot->kind);
		values[SLOT_OPERATOR(i)] = ObjectIdGetDatum(slot->operator);
		values[SLOT_COLLATION(i)] = ObjectIdGetDatum(slot->collation);
		values[SLOT_NUMBERS(i)] = slot->numbers;
		nulls[SLOT_NUMBERS(i)] = slot->numbers == (Datum) 0;
		values[SLOT_VALUES(i)] = slot->values;
		nulls[SLOT_VALUES(i)] = slot->values == (Datum) 0;
	}
}

bool
pgcopy_store_column(const ColumnStatistics *column)
{
	Datum		values[Natts_pg_statistic] = {0};
	bool		nulls[Natts_pg_statistic] = {0};
	bool		replaces[Natts_pg_statistic];
	Relation	catalog = table_open(StatisticRelationId, RowExclusiveLock);
	HeapTuple	old = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(column->relid),
									  Int16GetDatum(column->attnum),
									  BoolGetDatum(column->is_inherited));
	HeapTuple	tuple;

	fill_row(column, values, nulls);
	memset(replaces, true, sizeof(replaces));
	if (HeapTupleIsValid(old))
	{
		tuple = heap_modify_tuple(old, RelationGetDescr(catalog), values, nulls, replaces);
		ReleaseSysCache(old);
		CatalogTupleUpdate(catalog, &tuple->t_self, tuple);
	}
	else
	{
		tuple = heap_form_tuple(RelationGetDescr(catalog), values, nulls);
		CatalogTupleInsert(catalog, tuple);
	}
	heap_freetuple(tuple);
	table_close(catalog, RowExclusiveLock);
	return true;
}

#endif
