/*-------------------------------------------------------------------------
 *
 * references.c
 *	  Prove that the rows of a table refer to rows of another one.
 *
 * Only what every snapshot sees counts: both tables are read by scan.c, which gives up
 * at a page that is not visible to all.  First all that can be referred to, then the
 * references; each table once, in the order of its blocks.
 *
 * Others may write meanwhile, as long as the triggers of the foreign key watch them:
 * then a row that was there can go only if nothing refers to it.  One that changes or
 * arrives marks its page as not visible to all.  The caller's lock on the referring
 * table keeps out VACUUM, which could mark it again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "index/numbers.h"
#include "index/references.h"
#include "index/scan.h"

/*
 * Read so many blocks of what is referred to for one of references.  If there are more,
 * to look up each reference in the index is less work.
 */
#define MOST_BLOCKS 32

/* While a table is read */
typedef struct ColumnScan
{
	TupleDesc	desc;
	AttrNumber	number;
	int			length;
	Numbers    *numbers;
} ColumnScan;

/* Read the column of a row.  Returns false if it is null. */
static inline bool
read_number(const ColumnScan *scan, HeapTupleHeader row, int64 *number)
{
	HeapTupleData tuple;
	bool		is_null;
	Datum		value;

	tuple.t_data = row;
	value = fastgetattr(&tuple, scan->number, scan->desc, &is_null);
	if (is_null)
		return false;
	*number = scan->length == sizeof(int32) ? DatumGetInt32(value) :
		scan->length == sizeof(int64) ? DatumGetInt64(value) : DatumGetInt16(value);
	return true;
}

/* ScanTake. */
static const char *
take_targets(void *arg, const ScanPage *page)
{
	const ColumnScan *scan = arg;
	int64		number;

	for (int i = 0; i < page->nrows; i++)
	{
		if (read_number(scan, page->rows[i], &number) &&
			!pgcopy_numbers_add(scan->numbers, number))
			return "too little memory";
	}
	return NULL;
}

/* ScanTake. */
static const char *
take_references(void *arg, const ScanPage *page)
{
	const ColumnScan *scan = arg;
	int64		number;

	for (int i = 0; i < page->nrows; i++)
	{
		if (read_number(scan, page->rows[i], &number) &&
			!pgcopy_numbers_has(scan->numbers, number))
			return "a row refers to nothing";
	}
	return NULL;
}

static const char *
scan_column(Relation table, AttrNumber number, Numbers *numbers, ScanTake take)
{
	ColumnScan	scan = {
		.desc = RelationGetDescr(table),
		.number = number,
		.length = TupleDescAttr(RelationGetDescr(table), number - 1)->attlen,
		.numbers = numbers
	};
	/* what is before the column is about that long */
	ScanNeed	need = {
		.attributes = number,
		.bytes = MAXALIGN(SizeofHeapTupleHeader) + number * sizeof(int64)
	};

	return pgcopy_scan_heap(table, &need, NULL, take, &scan);
}

static const char *
prove(Relation from, AttrNumber from_number, Relation to, AttrNumber to_number, Size limit)
{
	const char *reason = pgcopy_scan_check(from);
	Numbers    *numbers;

	if (reason == NULL)
		reason = pgcopy_scan_check(to);
	if (reason != NULL)
		return reason;
	if (RelationGetNumberOfBlocks(to) / MOST_BLOCKS > RelationGetNumberOfBlocks(from))
		return "few references to a large table";
	numbers = pgcopy_numbers_make(limit);
	reason = scan_column(to, to_number, numbers, take_targets);
	return reason != NULL ? reason :
		scan_column(from, from_number, numbers, take_references);
}

const char *
pgcopy_references_prove(const ReferenceColumn *from, const ReferenceColumn *to, Size limit)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pgcopy references",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	Relation	from_table = table_open(from->table, NoLock);
	Relation	to_table = table_open(to->table, NoLock);
	const char *reason = prove(from_table, from->number, to_table, to->number, limit);

	table_close(to_table, NoLock);
	table_close(from_table, NoLock);
	MemoryContextSwitchTo(before);
	MemoryContextDelete(context);
	return reason;
}
