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
#include "port/atomics.h"
#include "storage/block.h"
#include "storage/bufpage.h"
#include "utils/relcache.h"

typedef struct ScanPage
{
	BlockNumber nblocks;		/* that this process will read, about */
	BlockNumber nread;			/* that it has read before */
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

/* A scan by several processes, in shared memory: each takes some blocks at a time. */
typedef struct SharedScan
{
	pg_atomic_uint64 next;		/* the first block that nobody has taken */
	BlockNumber nblocks;
	int			nprocesses;		/* that may take part */
	bool		is_dealt;		/* by a test: blocks go round */
} SharedScan;

/* What one process has to do with it. */
typedef struct ScanShare
{
	SharedScan *scan;
	int			number;			/* of the process, from 0 on */
	BlockNumber nread;			/* blocks, once it has ended */
} ScanShare;

/*
 * Takes the rows of one page, which stay where they are until it returns.
 * Returns why the scan must end, or NULL.
 */
typedef const char *(*ScanTake) (void *arg, const ScanPage *page);

/* Why this room cannot read the table, whatever is in it, or NULL. */
extern const char *pgcopy_scan_check(Relation heap);

/*
 * Call "take" for all pages with rows, in order; of those that no other process takes,
 * if "share" is not NULL.  Returns its reason, or why this table is not for us, or NULL.
 * A reason ends a shared scan for all.
 */
extern const char *pgcopy_scan_heap(Relation heap, const ScanNeed *need,
									ScanShare *share, ScanTake take, void *arg);

/*
 * Estimate how many rows the table has if so many are before this page; a little
 * more than it looks, so that arrays of that size need not grow for a few.
 */
extern size_t pgcopy_scan_expect_rows(const ScanPage *page, size_t before);

#endif							/* PGCOPY_SCAN_H */
