/*-------------------------------------------------------------------------
 *
 * column.c
 *	  The statistics of one column, read from text of the source and checked.
 *
 * Nothing of the source is believed: what is written must be what ANALYZE could have
 * written here.  Values go through the input function of the column's type.  Numbers
 * have their ranges, arrays their shapes, histograms their order: that of this
 * server, whose collations may be others.  Whether they are true cannot be checked;
 * a lie makes plans bad, not wrong.
 *
 * Bounds of ranges must not be empty: the planner throws for such.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rangetypes.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "base/compat.h"
#include "statistics/column.h"

/* More than the largest statistics target (10,000) makes; of elements, ten times as many. */
#define MOST_VALUES		10001
#define MOST_ELEMENTS	(10 * MOST_VALUES)

/* Of a table of 2^32 blocks. */
#define MOST_ROWS		(4294967296.0 * MaxHeapTuplesPerPage)

/* Sums of frequencies are rounded. */
#define MOST_SUM		1.01

/* What is known here of a column. */
typedef struct ColumnType
{
	Oid			type;
	int32		typmod;
	Oid			collation;
	Oid			equals;			/* operators, or InvalidOid */
	Oid			less;
} ColumnType;

/* What an array must be. */
typedef struct Shape
{
	Oid			type;			/* of its elements */
	int32		typmod;
	int			least;			/* elements */
	int			most;
} Shape;

/* An array of the source, taken apart. */
typedef struct Values
{
	Datum		array;
	Datum	   *elements;
	int			count;
} Values;

static void
refuse(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("the source's statistics have no valid %s", what)));
}

static float4
read_number(const char *text, const char *what, double least, double most)
{
	float4		number;

	if (text == NULL)
		refuse(what);
	number = DatumGetFloat4(DirectFunctionCall1(float4in, CStringGetDatum(text)));
	if (isnan(number) || number < least || number > most)
		refuse(what);
	return number;
}

static int32
read_width(const char *text)
{
	int32		width;

	if (text == NULL)
		refuse("avg_width");
	width = DatumGetInt32(DirectFunctionCall1(int4in, CStringGetDatum(text)));
	if (width < 0)
		refuse("avg_width");
	return width;
}

/* Read a plain array without NULLs, of as many elements as "shape" says. */
static Values
read_array(const char *text, const char *what, const Shape *shape)
{
	Oid			type = shape->type;
	Values		values;
	ArrayType  *array;
	int16		length;
	bool		by_value;
	char		align;

	values.array = OidInputFunctionCall(F_ARRAY_IN, unconstify(char *, text), type, shape->typmod);
	array = DatumGetArrayTypeP(values.array);
	if (ARR_NDIM(array) != 1 || ARR_LBOUND(array)[0] != 1 || array_contains_nulls(array))
		refuse(what);
	get_typlenbyvalalign(type, &length, &by_value, &align);
	deconstruct_array(array, type, length, by_value, align, &values.elements, NULL,
					  &values.count);
	if (values.count < shape->least || values.count > shape->most)
		refuse(what);
	return values;
}

/* Read float4[] of so many elements, each from least to most. */
static Values
read_numbers(const char *text, const char *what, int count, double most)
{
	Shape		shape = {FLOAT4OID, -1, count, count};
	Values		values = read_array(text, what, &shape);

	for (int i = 0; i < count; i++)
	{
		float4		number = DatumGetFloat4(values.elements[i]);

		if (isnan(number) || number < 0 || number > most)
			refuse(what);
	}
	return values;
}

/* Histograms ascend, in the order of this server. */
static void
check_order(const Values *values, Oid type, Oid collation, const char *what)
{
	TypeCacheEntry *cache = lookup_type_cache(type, TYPECACHE_CMP_PROC_FINFO);

	if (!OidIsValid(cache->cmp_proc_finfo.fn_oid))
		refuse(what);
	for (int i = 1; i < values->count; i++)
	{
		if (DatumGetInt32(FunctionCall2Coll(&cache->cmp_proc_finfo, collation,
											values->elements[i - 1],
											values->elements[i])) > 0)
			refuse(what);
	}
}

static void
add_slot(ColumnStatistics *column, StatisticsSlot slot)
{
	if (column->nslots == STATISTIC_NUM_SLOTS)
		refuse("number of kinds");
	column->slots[column->nslots++] = slot;
}

static void
read_common_values(ColumnStatistics *column, const ColumnType *type)
{
	const char *text = column->figures[FIGURE_COMMON_VALUES];
	const char *frequencies = column->figures[FIGURE_COMMON_FREQUENCIES];
	StatisticsSlot slot = {STATISTIC_KIND_MCV, type->equals, type->collation};
	Shape		shape = {type->type, type->typmod, 1, MOST_VALUES};
	Values		values;
	Values		numbers;
	double		sum = column->null_frac;

	if (text == NULL && frequencies == NULL)
		return;
	if (text == NULL || frequencies == NULL || !OidIsValid(type->equals))
		refuse("most_common_vals");
	values = read_array(text, "most_common_vals", &shape);
	numbers = read_numbers(frequencies, "most_common_freqs", values.count, 1);
	for (int i = 0; i < numbers.count; i++)
		sum += DatumGetFloat4(numbers.elements[i]);
	if (sum > MOST_SUM)
		refuse("most_common_freqs");
	slot.numbers = numbers.array;
	slot.values = values.array;
	add_slot(column, slot);
}

static void
read_histogram(ColumnStatistics *column, const ColumnType *type)
{
	const char *text = column->figures[FIGURE_HISTOGRAM];
	StatisticsSlot slot = {STATISTIC_KIND_HISTOGRAM, type->less, type->collation};
	Shape		shape = {type->type, type->typmod, 2, MOST_VALUES};
	Values		values;

	if (text == NULL)
		return;
	if (!OidIsValid(type->less))
		refuse("histogram_bounds");
	values = read_array(text, "histogram_bounds", &shape);
	check_order(&values, type->type, type->collation, "histogram_bounds");
	slot.values = values.array;
	add_slot(column, slot);
}

/* An array of one number. */
static Datum
make_number(float4 number)
{
	Datum		element = Float4GetDatum(number);

	return PointerGetDatum(construct_array(&element, 1, FLOAT4OID, sizeof(float4), true,
										   TYPALIGN_INT));
}

static void
read_correlation(ColumnStatistics *column, const ColumnType *type)
{
	const char *text = column->figures[FIGURE_CORRELATION];
	StatisticsSlot slot = {STATISTIC_KIND_CORRELATION, type->less, type->collation};

	if (text == NULL)
		return;
	if (!OidIsValid(type->less))
		refuse("correlation");
	slot.numbers = make_number(read_number(text, "correlation", -1, 1));
	add_slot(column, slot);
}

/* Elements of an array or a tsvector: values, their frequencies, and how many there are. */
static void
read_elements(ColumnStatistics *column, const ColumnType *type)
{
	const char *text = column->figures[FIGURE_COMMON_ELEMENTS];
	const char *frequencies = column->figures[FIGURE_ELEMENT_FREQUENCIES];
	const char *counts = column->figures[FIGURE_ELEMENT_COUNTS];
	bool		is_document = type->type == TSVECTOROID;
	Oid			element = is_document ? TEXTOID : get_base_element_type(type->type);
	StatisticsSlot slot = {.collation = is_document ? DEFAULT_COLLATION_OID : type->collation};

	if (text == NULL && frequencies == NULL && counts == NULL)
		return;
	if (!OidIsValid(element) || (text == NULL) != (frequencies == NULL) ||
		(is_document && counts != NULL))
		refuse("most_common_elems");
	slot.operator = lookup_type_cache(element, TYPECACHE_EQ_OPR)->eq_opr;
	if (!OidIsValid(slot.operator))
		refuse("most_common_elems");
	if (text != NULL)
	{
		Shape		shape = {element, is_document ? -1 : type->typmod, 1, MOST_ELEMENTS};
		Values		values = read_array(text, "most_common_elems", &shape);

		/* lexemes are in an order of their own */
		if (!is_document)
			check_order(&values, element, type->collation, "most_common_elems");

		/* behind them the least and the greatest; of arrays also that of NULLs */
		slot.kind = STATISTIC_KIND_MCELEM;
		slot.values = values.array;
		slot.numbers = read_numbers(frequencies, "most_common_elem_freqs",
									values.count + (is_document ? 2 : 3), 1).array;
		add_slot(column, slot);
	}
	if (counts != NULL)
	{
		Shape		shape = {FLOAT4OID, -1, 3, MOST_VALUES + 1};
		Values		values = read_array(counts, "elem_count_histogram", &shape);

		slot.kind = STATISTIC_KIND_DECHIST;
		slot.values = (Datum) 0;
		slot.numbers = read_numbers(counts, "elem_count_histogram", values.count,
									MaxArraySize).array;
		add_slot(column, slot);
	}
}

static void
read_bounds(ColumnStatistics *column, Oid range)
{
	StatisticsSlot slot = {STATISTIC_KIND_BOUNDS_HISTOGRAM};
	Shape		shape = {range, -1, 2, MOST_VALUES};
	Values		values = read_array(column->figures[FIGURE_RANGE_BOUNDS],
									"range_bounds_histogram", &shape);

	for (int i = 0; i < values.count; i++)
	{
		if (RangeIsEmpty(DatumGetRangeTypeP(values.elements[i])))
			refuse("range_bounds_histogram");
	}
	slot.values = values.array;
	add_slot(column, slot);
}

static void
read_lengths(ColumnStatistics *column)
{
	const char *text = column->figures[FIGURE_RANGE_LENGTHS];
	StatisticsSlot slot = {STATISTIC_KIND_RANGE_LENGTH_HISTOGRAM, Float8LessOperator};
	Shape		shape = {FLOAT8OID, -1, 2, MOST_VALUES};
	Values		values;

	if (text == NULL)
		refuse("range_length_histogram");
	values = read_array(text, "range_length_histogram", &shape);
	check_order(&values, FLOAT8OID, InvalidOid, "range_length_histogram");
	for (int i = 0; i < values.count; i++)
	{
		double		length = DatumGetFloat8(values.elements[i]);

		if (isnan(length) || length < 0)
			refuse("range_length_histogram");
	}
	slot.numbers = make_number(read_number(column->figures[FIGURE_RANGE_EMPTY],
										   "range_empty_frac", 0, 1));
	slot.values = values.array;
	add_slot(column, slot);
}

/*
 * Those of ranges.  The view of sources before 17 has none: where there must be some,
 * what the source tells is not all.
 */
static void
read_ranges(ColumnStatistics *column, const ColumnType *type)
{
	char		typtype = get_typtype(getBaseType(type->type));
	bool		is_multirange = typtype == TYPTYPE_MULTIRANGE;
	const char *lengths = column->figures[FIGURE_RANGE_LENGTHS];
	const char *empty = column->figures[FIGURE_RANGE_EMPTY];
	const char *bounds = column->figures[FIGURE_RANGE_BOUNDS];

	if (typtype != TYPTYPE_RANGE && !is_multirange)
	{
		if (lengths != NULL || empty != NULL || bounds != NULL)
			refuse("range_bounds_histogram");
		return;
	}
	if (getBaseType(type->type) != type->type)
		refuse("type: it is a domain over a range");
	if (bounds != NULL)
		read_bounds(column, is_multirange ? get_multirange_range(type->type) : type->type);
	if (lengths != NULL || empty != NULL || column->null_frac < 1)
		read_lengths(column);
}

bool
pgcopy_column_is_special(Oid type)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	Oid			routine;

	if (!HeapTupleIsValid(tuple))
		return true;
	routine = ((Form_pg_type) GETSTRUCT(tuple))->typanalyze;
	ReleaseSysCache(tuple);
	return OidIsValid(routine) && routine != F_ARRAY_TYPANALYZE && routine != F_TS_TYPANALYZE &&
		routine != F_RANGE_TYPANALYZE && routine != F_MULTIRANGE_TYPANALYZE;
}

void
pgcopy_column_read(ColumnStatistics *column)
{
	ColumnType	type;
	TypeCacheEntry *cache;

	get_atttypetypmodcoll(column->relid, column->attnum, &type.type, &type.typmod,
						  &type.collation);
	cache = lookup_type_cache(type.type, TYPECACHE_LT_OPR | TYPECACHE_EQ_OPR);
	type.equals = cache->eq_opr;
	type.less = cache->lt_opr;

	column->null_frac = read_number(column->figures[FIGURE_NULL_FRAC], "null_frac", 0, 1);
	column->width = read_width(column->figures[FIGURE_AVG_WIDTH]);
	column->distinct = read_number(column->figures[FIGURE_N_DISTINCT], "n_distinct", -1,
								   MOST_ROWS);
	column->nslots = 0;
	read_common_values(column, &type);
	read_histogram(column, &type);
	read_correlation(column, &type);
	read_elements(column, &type);
	read_ranges(column, &type);
}
