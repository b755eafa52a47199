/*-------------------------------------------------------------------------
 *
 * row.h
 *	  Where the values of an index are in a row, and how its address is packed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_ROW_H
#define PGCOPY_ROW_H

#include "access/htup_details.h"
#include "access/tupmacs.h"
#include "utils/rel.h"

#include "index/evaluate.h"
#include "index/key.h"
#include "index/scan.h"

/* The values of a row, by column of the index; pointers into the page, or evaluated. */
typedef struct RowValues
{
	bool		has_nulls;		/* among those of the index */
	bool		nulls[INDEX_MAX_KEYS];
	const char *values[INDEX_MAX_KEYS];
} RowValues;

/* A row's address as a number: its block, then so many bits for its place there. */
#define ROW_OFFSET_BITS (BLCKSZ <= 8192 ? 9 : 11)

StaticAssertDecl(MaxHeapTuplesPerPage < (1 << ROW_OFFSET_BITS),
				 "offsets fit into their bits");

static inline uint64
pgcopy_row_pack(BlockNumber block, OffsetNumber offset)
{
	return ((uint64) block << ROW_OFFSET_BITS) | offset;
}

static inline void
pgcopy_row_unpack(uint64 row, ItemPointer address)
{
	ItemPointerSet(address, (BlockNumber) (row >> ROW_OFFSET_BITS),
				   (OffsetNumber) (row & ((1 << ROW_OFFSET_BITS) - 1)));
}

/* row.c: for rows with nulls, or with values whose place varies. */
extern void pgcopy_row_walk(const KeyDescription *keys, TupleDesc heap,
							HeapTupleHeader row, RowValues *found);

/* Find the values of one row of a page.  Returns false if the index does not hold it. */
static inline bool
pgcopy_row_find(const KeyDescription *keys, TupleDesc heap, const ScanPage *page,
				int number, RowValues *found)
{
	HeapTupleHeader row = page->rows[number];

	if (unlikely(keys->evaluation != NULL))
		return pgcopy_evaluate_row(keys->evaluation, page, number, found);
	if (!keys->all_placed || (row->t_infomask & HEAP_HASNULL))
	{
		pgcopy_row_walk(keys, heap, row, found);
		return true;
	}
	found->has_nulls = false;
	for (int i = 0; i < keys->ncolumns; i++)
	{
		found->nulls[i] = false;
		found->values[i] = (char *) row + row->t_hoff + keys->columns[i].offset;
	}
	return true;
}

#endif							/* PGCOPY_ROW_H */
