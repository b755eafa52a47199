/*-------------------------------------------------------------------------
 *
 * column.h
 *	  The statistics of one column, read from text of the source and checked.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_COLUMN_H
#define PGCOPY_COLUMN_H

#include "access/attnum.h"
#include "catalog/pg_statistic.h"

/* What the source tells of a column, in the order of its answer. */
typedef enum ColumnFigure
{
	FIGURE_NULL_FRAC,
	FIGURE_AVG_WIDTH,
	FIGURE_N_DISTINCT,
	FIGURE_COMMON_VALUES,
	FIGURE_COMMON_FREQUENCIES,
	FIGURE_HISTOGRAM,
	FIGURE_CORRELATION,
	FIGURE_COMMON_ELEMENTS,
	FIGURE_ELEMENT_FREQUENCIES,
	FIGURE_ELEMENT_COUNTS,
	FIGURE_RANGE_LENGTHS,
	FIGURE_RANGE_EMPTY,
	FIGURE_RANGE_BOUNDS,
	FIGURE_COUNT
} ColumnFigure;

typedef struct StatisticsSlot
{
	int16		kind;			/* STATISTIC_KIND_* */
	Oid			operator;
	Oid			collation;
	Datum		numbers;		/* float4[], or 0 */
	Datum		values;			/* array, or 0 */
} StatisticsSlot;

typedef struct ColumnStatistics
{
	Oid			relid;			/* here */
	AttrNumber	attnum;
	bool		is_inherited;
	float4		null_frac;
	int32		width;
	float4		distinct;
	int			nslots;
	StatisticsSlot slots[STATISTIC_NUM_SLOTS];
	const char *const *figures; /* FIGURE_COUNT texts, some of them NULL */
} ColumnStatistics;

/*
 * Read the figures of the column that relid, attnum and figures of *column name, into
 * the rest of it.  Throws for whatever is not a figure of such a column.  Runs input
 * functions and comparisons of its type.
 */
extern void pgcopy_column_read(ColumnStatistics *column);

/*
 * Whether statistics of a type have more than pg_stats tells: it has a routine of its own
 * for ANALYZE.
 */
extern bool pgcopy_column_is_special(Oid type);

/*
 * store.c: write them where ANALYZE does; the caller has locked the relation as it does.
 * Returns false if the server does not take them.
 */
extern bool pgcopy_store_column(const ColumnStatistics *column);

#endif							/* PGCOPY_COLUMN_H */
