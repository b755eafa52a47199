/*-------------------------------------------------------------------------
 *
 * scan.c
 *	  Read all rows of a table that nobody has changed since it was loaded.
 *
 * Every page must be marked as visible to all, and no row may be part of a HOT
 * chain: then every line pointer in use is a row that belongs into the index, as
 * heapam_index_build_range_scan() would find.  The caller holds a lock on the
 * table that keeps writers out, or knows that what they may do is harmless.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "commands/progress.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"

#include "index/scan.h"

#define CACHE_LINE 64
#define REPORT_EVERY 256		/* blocks */
#define TAKEN_AT_ONCE 64		/* blocks of a shared scan: few jumps, and an even end */

/* Heaps of so many blocks are read through a ring of buffers, which has half of that. */
#define RING_FROM 64

/* Blocks to read, without the end. */
typedef struct BlockRange
{
	BlockNumber next;
	BlockNumber end;
} BlockRange;

/* Fetch what is needed of a page's rows: all, or the first bytes if that is less. */
static void
prefetch_rows(Page page, int bytes)
{
	OffsetNumber max = PageGetMaxOffsetNumber(page);
	char	   *start = (char *) page + ((PageHeader) page)->pd_upper;
	char	   *end = (char *) page + BLCKSZ;

	if (bytes == 0 || max * (bytes + CACHE_LINE) >= end - start)
	{
		for (char *line = start; line < end; line += CACHE_LINE)
			__builtin_prefetch(line);
		return;
	}
	for (OffsetNumber offset = FirstOffsetNumber; offset <= max; offset++)
	{
		char	   *row = (char *) page + ItemIdGetOffset(PageGetItemId(page, offset));

		for (int i = 0; i < bytes - 1; i += CACHE_LINE)
			__builtin_prefetch(row + i);
		__builtin_prefetch(row + bytes - 1);
	}
}

static const char *
list_rows(Page page, const ScanNeed *need, ScanPage *found)
{
	OffsetNumber max = PageGetMaxOffsetNumber(page);

	if (!PageIsAllVisible(page))
		return "page not visible to all";
	prefetch_rows(page, need->bytes);
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
		if (HeapTupleHeaderGetNatts(row) < need->attributes)
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
scan_page(Buffer buffer, const ScanNeed *need, ScanPage *found, ScanTake take, void *arg)
{
	Page		page = BufferGetPage(buffer);
	const char *reason = NULL;

	found->block = BufferGetBlockNumber(buffer);
	found->page = page;
	found->nrows = 0;
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	if (!PageIsNew(page) && !PageIsEmpty(page))
		reason = list_rows(page, need, found);
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	if (reason == NULL && found->nrows > 0)
		reason = take(arg, found);
	ReleaseBuffer(buffer);
	return reason;
}

size_t
pgcopy_scan_expect_rows(const ScanPage *page, size_t before)
{
	double		per_page = before > 0 && page->nread > 0 ?
		(double) before / page->nread : page->nrows;
	double		rows = per_page * page->nblocks;

	return (size_t) (rows + rows / 64) + MaxHeapTuplesPerPage;
}

/* Take more blocks of a shared scan; returns false if there are none. */
static bool
take_blocks(const ScanShare *share, BlockNumber nread, BlockRange *range)
{
	SharedScan *scan = share->scan;
	uint64		next;
	uint64		size = TAKEN_AT_ONCE;

	if (scan->is_dealt && pg_atomic_read_u64(&scan->next) < scan->nblocks)
	{
		size = 1;
		next = (uint64) nread * scan->nprocesses + share->number;
	}
	else
		next = pg_atomic_fetch_add_u64(&scan->next, size);
	range->next = (BlockNumber) Min(next, scan->nblocks);
	range->end = (BlockNumber) Min(next + size, scan->nblocks);
	return range->next < range->end;
}

static void
report_blocks(const ScanShare *share, BlockNumber nread)
{
	if (share != NULL)
		nread = (BlockNumber) Min(pg_atomic_read_u64(&share->scan->next),
								  share->scan->nblocks);
	pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_DONE, nread);
}

const char *
pgcopy_scan_check(Relation heap)
{
	if (heap->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
		return "temporary table";
	if (heap->rd_rel->relkind != RELKIND_RELATION &&
		heap->rd_rel->relkind != RELKIND_TOASTVALUE)
		return "not a plain table";
	if (heap->rd_rel->relam != HEAP_TABLE_AM_OID)
		return "table access method";
	return NULL;
}

const char *
pgcopy_scan_heap(Relation heap, const ScanNeed *need, ScanShare *share, ScanTake take,
				 void *arg)
{
	BlockNumber nblocks = share != NULL ? share->scan->nblocks :
		RelationGetNumberOfBlocks(heap);
	BufferAccessStrategy strategy = NULL;
	ScanPage	found = {.nblocks = nblocks};
	BlockRange	range = {0, nblocks};
	const char *reason = NULL;

	if (share != NULL)
	{
		found.nblocks = nblocks / share->scan->nprocesses + 1;
		range.end = 0;			/* it takes its blocks as it goes */
	}
	if (nblocks >= RING_FROM)
		strategy = GetAccessStrategy(BAS_BULKREAD);
	pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_TOTAL, nblocks);
	while (reason == NULL)
	{
		CHECK_FOR_INTERRUPTS();
		if (range.next == range.end &&
			(share == NULL || !take_blocks(share, found.nread, &range)))
			break;
		if (found.nread % REPORT_EVERY == 0)
			report_blocks(share, found.nread);
		reason = scan_page(ReadBufferExtended(heap, MAIN_FORKNUM, range.next++,
											  RBM_NORMAL, strategy),
						   need, &found, take, arg);
		found.nread++;
	}
	report_blocks(share, found.nread);
	if (share != NULL)
		share->nread = found.nread;
	if (share != NULL && reason != NULL)
		pg_atomic_write_u64(&share->scan->next, share->scan->nblocks);
	if (strategy != NULL)
		FreeAccessStrategy(strategy);
	return reason;
}
