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
	BlockNumber block;
	Page		page;
	int			nrows;
	HeapTupleHeader rows[MaxHeapTuplesPerPage];
	OffsetNumber offsets[MaxHeapTuplesPerPage];
} ScanPage;

/*
 * Takes the rows of one page, which stay where they are until it returns.
 * Returns why the scan must end, or NULL.
 */
typedef const char *(*ScanTake) (void *arg, const ScanPage *page);

/*
 * Call "take" for all pages with rows, in order.  Every row has at least
 * "nattributes".  Returns its reason, or why this table is not for us, or NULL.
 */
extern const char *pgcopy_scan_heap(Relation heap, int nattributes,
									ScanTake take, void *arg);

#endif							/* PGCOPY_SCAN_H */
