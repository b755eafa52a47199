/*-------------------------------------------------------------------------
 *
 * scan.c
 *	  Read all rows of a table that nobody has changed since it was loaded.
 *
 * Every page must be marked as visible to all, and no row may be part of a HOT
 * chain: then every line pointer in use is a row that belongs into the index, as
 * heapam_index_build_range_scan() would find.  The caller holds a lock on the
 * table that keeps writers out.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "commands/progress.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"

#include "index/scan.h"

#define CACHE_LINE 64
#define REPORT_EVERY 256		/* blocks */

/* Fetch the rows of a page; most are needed at once. */
static void
prefetch_page(Page page)
{
	char	   *end = (char *) page + BLCKSZ;

	for (char *p = (char *) page + ((PageHeader) page)->pd_upper; p < end; p += CACHE_LINE)
		__builtin_prefetch(p);
}

static const char *
list_rows(Page page, int nattributes, ScanPage *found)
{
	OffsetNumber max = PageGetMaxOffsetNumber(page);

	if (!PageIsAllVisible(page))
		return "page not visible to all";
	prefetch_page(page);
	for (OffsetNumber offset = FirstOffsetNumber; offset <= max; offset++)
	{
		ItemId		id = PageGetItemId(page, offset);
		HeapTupleHeader row;

		if (!ItemIdIsNormal(id))
		{
			if (ItemIdIsRedirected(id))
				return "HOT chain";
			continue;
		}
		row = (HeapTupleHeader) PageGetItem(page, id);
		if (row->t_infomask2 & (HEAP_ONLY_TUPLE | HEAP_HOT_UPDATED))
			return "HOT chain";
		if (HeapTupleHeaderGetNatts(row) < nattributes)
			return "rows without the column";
		found->rows[found->nrows] = row;
		found->offsets[found->nrows++] = offset;
	}
	return NULL;
}

/*
 * The pin alone keeps the rows in place: nobody prunes a page that is pinned.
 */
static const char *
scan_page(Buffer buffer, int nattributes, ScanTake take, void *arg)
{
	Page		page = BufferGetPage(buffer);
	ScanPage	found;
	const char *reason = NULL;

	found.block = BufferGetBlockNumber(buffer);
	found.page = page;
	found.nrows = 0;
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	if (!PageIsNew(page) && !PageIsEmpty(page))
		reason = list_rows(page, nattributes, &found);
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	if (reason == NULL && found.nrows > 0)
		reason = take(arg, &found);
	ReleaseBuffer(buffer);
	return reason;
}

const char *
pgcopy_scan_heap(Relation heap, int nattributes, ScanTake take, void *arg)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(heap);
	BufferAccessStrategy strategy = NULL;
	const char *reason = NULL;

	if (nblocks > NBuffers / 4)
		strategy = GetAccessStrategy(BAS_BULKREAD);
	pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_TOTAL, nblocks);
	for (BlockNumber block = 0; reason == NULL && block < nblocks; block++)
	{
		CHECK_FOR_INTERRUPTS();
		if (block % REPORT_EVERY == 0)
			pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_DONE, block);
		reason = scan_page(ReadBufferExtended(heap, MAIN_FORKNUM, block, RBM_NORMAL,
											  strategy),
						   nattributes, take, arg);
	}
	if (reason == NULL)
		pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_DONE, nblocks);
	if (strategy != NULL)
		FreeAccessStrategy(strategy);
	return reason;
}
