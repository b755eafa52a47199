/*-------------------------------------------------------------------------
 *
 * scan.h
 *	  Read all rows of a table that nobody has changed since it was loaded.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SCAN_H
#define PGCOPY_SCAN_H

#include "access/htup_details.h"
#include "storage/block.h"
#include "storage/bufpage.h"
#include "utils/relcache.h"

typedef struct ScanPage
{
	BlockNumber nblocks;		/* of the table */
	BlockNumber block;
	Page		page;
	int			nrows;
	HeapTupleHeader rows[MaxHeapTuplesPerPage];
	OffsetNumber offsets[MaxHeapTuplesPerPage];
} ScanPage;

/* What is read of each row */
typedef struct ScanNeed
{
	int			attributes;		/* it must have so many */
	int			bytes;			/* from its start on; 0: nobody knows */
} ScanNeed;

/*
 * Takes the rows of one page, which stay where they are until it returns.
 * Returns why the scan must end, or NULL.
 */
typedef const char *(*ScanTake) (void *arg, const ScanPage *page);

/*
 * Call "take" for all pages with rows, in order.  Returns its reason, or why this
 * table is not for us, or NULL.
 */
extern const char *pgcopy_scan_heap(Relation heap, const ScanNeed *need,
									ScanTake take, void *arg);

/*
 * Estimate how many rows the table has if so many are before this page; a little
 * more than it looks, so that arrays of that size need not grow for a few.
 */
extern size_t pgcopy_scan_expect_rows(const ScanPage *page, size_t before);

#endif							/* PGCOPY_SCAN_H */
