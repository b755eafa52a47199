/*-------------------------------------------------------------------------
 *
 * clean.c
 *	  Make rows of failed loads dead.
 *
 * A frozen row stays visible when its transaction aborts.  Rows of failed loads
 * are given the headers of dead rows, so that VACUUM (schema/vacuum.c) removes
 * them, their TOAST values and index entries.  Their xmin is marked invalid, so
 * that no reader asks the commit log, however old the load is.
 *
 * The visibility map is cleared first, for many pages at a time; then each page
 * is changed and logged whole.  The lock on the relation keeps VACUUM from
 * setting the bits again.  If a run is killed, the next one continues.
 *
 * The caller knows which transactions have loaded successfully (LoadAttempts).
 * Any other one since the first attempt has failed, unless it is running or the
 * commit log still knows that it committed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/visibilitymap.h"
#include "access/xact.h"
#include "access/xloginsert.h"
#include "catalog/pg_am.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/bufpage.h"
#include "storage/lmgr.h"
#include "storage/lwlock.h"
#include "storage/procarray.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "base/testpoint.h"
#include "heap/heap.h"

/* Clear the map for so many pages at a time; a ring of buffers holds them. */
#define PAGES_AT_ONCE	32

/* The disk format of the map, which visibilitymap.c does not export. */
#define BLOCKS_PER_MAP_BYTE (BITS_PER_BYTE / BITS_PER_HEAPBLOCK)
#define BLOCKS_PER_MAP_PAGE \
	((BLCKSZ - MAXALIGN(SizeOfPageHeaderData)) * BLOCKS_PER_MAP_BYTE)

/* Older transaction numbers cannot be told from future ones. */
#define MAX_AGE			UINT64CONST(0x7FFFFFFF)

typedef struct XidVerdict
{
	TransactionId xid;
	bool		has_failed;
} XidVerdict;

/* Serves heap and TOAST relation, so that both get the same verdicts. */
typedef struct Judge
{
	const LoadAttempts *attempts;
	TransactionId first;
	TransactionId next;			/* first not assigned when we began */
	XidVerdict *verdicts;
	int			count;
	int			allocated;
	int			last;			/* used last: rows of an xid come in runs */
} Judge;

/* A heap or TOAST relation being cleaned. */
typedef struct Cleaning
{
	Relation	relation;
	Judge	   *judge;
	BufferAccessStrategy strategy;
} Cleaning;

static void
begin_judging(Judge *judge, const LoadAttempts *attempts)
{
	FullTransactionId next = ReadNextFullTransactionId();
	uint64		age = U64FromFullTransactionId(next) -
	U64FromFullTransactionId(attempts->first);

	if (age > MAX_AGE)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot tell the rows of a failed load from others"),
				 errdetail("It began " UINT64_FORMAT " transactions ago.", age),
				 errhint("Resume the job with consistent => true, which reads all tables again.")));
	memset(judge, 0, sizeof(Judge));
	judge->attempts = attempts;
	judge->first = XidFromFullTransactionId(attempts->first);
	judge->next = XidFromFullTransactionId(next);
	judge->allocated = 16;
	judge->verdicts = palloc(sizeof(XidVerdict) * judge->allocated);
}

/* Return whether the commit log still knows that a transaction committed. */
static bool
is_known_committed(TransactionId xid)
{
	bool		result;

	LWLockAcquire(XactTruncationLock, LW_SHARED);
	result = TransactionIdFollowsOrEquals(xid, pgcopy_oldest_clog_xid()) &&
		TransactionIdDidCommit(xid);
	LWLockRelease(XactTruncationLock);
	return result;
}

static bool
has_loaded(const LoadAttempts *attempts, TransactionId xid)
{
	int			i;

	for (i = 0; i < attempts->loaded_count; i++)
	{
		if (attempts->loaded[i] == xid)
			return true;
	}
	return false;
}

/* Ask the commit log last: a running transaction may commit in between. */
static bool
find_verdict(const Judge *judge, TransactionId xid)
{
	return TransactionIdIsNormal(xid) &&
		TransactionIdFollowsOrEquals(xid, judge->first) &&
		TransactionIdPrecedes(xid, judge->next) &&
		!TransactionIdIsInProgress(xid) &&
		!has_loaded(judge->attempts, xid) &&
		!is_known_committed(xid);
}

static bool
has_failed(Judge *judge, TransactionId xid)
{
	int			i;

	if (judge->count > 0 && judge->verdicts[judge->last].xid == xid)
		return judge->verdicts[judge->last].has_failed;
	for (i = 0; i < judge->count && judge->verdicts[i].xid != xid; i++)
		;
	if (i == judge->allocated)
	{
		judge->allocated *= 2;
		judge->verdicts = repalloc(judge->verdicts, sizeof(XidVerdict) * judge->allocated);
	}
	if (i == judge->count)
	{
		judge->verdicts[i].xid = xid;
		judge->verdicts[i].has_failed = find_verdict(judge, xid);
		judge->count++;
	}
	judge->last = i;
	return judge->verdicts[i].has_failed;
}

/* Throw if the row is the root of a HOT chain, which must not die. */
static void
check_is_not_updated(Relation relation, HeapTupleHeader row)
{
	if (HeapTupleHeaderIsHotUpdated(row))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("cannot remove the rows of a failed load from table \"%s\"",
						RelationGetRelationName(relation)),
				 errdetail("One of them has been updated."),
				 errhint("Keep users out until the job is done.  Resume it with consistent => true, which reads all tables again.")));
}

/* Read and lock a block. */
static Buffer
read_block(const Cleaning *heap, BlockNumber block, int lock)
{
	Buffer		buffer = ReadBufferExtended(heap->relation, MAIN_FORKNUM, block,
											RBM_NORMAL, heap->strategy);

	LockBuffer(buffer, lock);
	return buffer;
}

/* Find the rows of failed loads in a page, whose lock the caller holds. */
static int
find_rows(const Cleaning *heap, Page page, OffsetNumber *found)
{
	OffsetNumber offset;
	int			n = 0;

	if (PageIsNew(page))
		return 0;
	for (offset = FirstOffsetNumber; offset <= PageGetMaxOffsetNumber(page);
		 offset = OffsetNumberNext(offset))
	{
		ItemId		item = PageGetItemId(page, offset);
		HeapTupleHeader row;

		if (!ItemIdIsNormal(item))
			continue;
		row = (HeapTupleHeader) PageGetItem(page, item);
		if (!HeapTupleHeaderXminFrozen(row) ||
			!has_failed(heap->judge, HeapTupleHeaderGetRawXmin(row)))
			continue;
		check_is_not_updated(heap->relation, row);
		found[n++] = offset;
	}
	return n;
}

/* Find the blocks of a range that have such rows. */
static int
find_blocks(const Cleaning *heap, BlockNumber first, BlockNumber end, BlockNumber *found)
{
	OffsetNumber rows[MaxHeapTuplesPerPage];
	BlockNumber block;
	int			n = 0;

	for (block = first; block < end; block++)
	{
		Buffer		buffer;

		CHECK_FOR_INTERRUPTS();
		buffer = read_block(heap, block, BUFFER_LOCK_SHARE);
		if (find_rows(heap, BufferGetPage(buffer), rows) > 0)
			found[n++] = block;
		UnlockReleaseBuffer(buffer);
	}
	return n;
}

static void
clear_map_bits(Page map, BlockNumber block)
{
	BlockNumber at = block % BLOCKS_PER_MAP_PAGE;
	char	   *byte = PageGetContents(map) + at / BLOCKS_PER_MAP_BYTE;

	*byte &= ~(VISIBILITYMAP_VALID_BITS <<
			   at % BLOCKS_PER_MAP_BYTE * BITS_PER_HEAPBLOCK);
}

/* Clear the blocks' bits in the map and log its pages. */
static void
clear_map(Relation relation, const BlockNumber *blocks, int n)
{
	Buffer		map = InvalidBuffer;
	int			i = 0;

	while (i < n)
	{
		visibilitymap_pin(relation, blocks[i], &map);
		LockBuffer(map, BUFFER_LOCK_EXCLUSIVE);
		START_CRIT_SECTION();
		for (; i < n && visibilitymap_pin_ok(blocks[i], map); i++)
			clear_map_bits(BufferGetPage(map), blocks[i]);
		MarkBufferDirty(map);
		if (RelationNeedsWAL(relation))
			log_newpage_buffer(map, false);
		END_CRIT_SECTION();
		LockBuffer(map, BUFFER_LOCK_UNLOCK);
	}
	if (BufferIsValid(map))
		ReleaseBuffer(map);
}

static void
make_dead(HeapTupleHeader row)
{
	row->t_infomask &= ~HEAP_XMIN_FROZEN;
	row->t_infomask |= HEAP_XMIN_INVALID;
	HeapTupleHeaderSetXmin(row, InvalidTransactionId);
}

/* Change and log the page; the caller holds the exclusive lock. */
static void
change_page(Relation relation, Buffer buffer, const OffsetNumber *rows, int n)
{
	Page		page = BufferGetPage(buffer);
	int			i;

	START_CRIT_SECTION();
	for (i = 0; i < n; i++)
		make_dead((HeapTupleHeader)
				  PageGetItem(page, PageGetItemId(page, rows[i])));
	PageClearAllVisible(page);
	MarkBufferDirty(buffer);
	if (RelationNeedsWAL(relation))
		log_newpage_buffer(buffer, true);
	END_CRIT_SECTION();
}

static int
clean_block(const Cleaning *heap, BlockNumber block)
{
	OffsetNumber rows[MaxHeapTuplesPerPage];
	Buffer		buffer = read_block(heap, block, BUFFER_LOCK_EXCLUSIVE);
	int			n = find_rows(heap, BufferGetPage(buffer), rows);

	if (n > 0)
		change_page(heap->relation, buffer, rows, n);
	UnlockReleaseBuffer(buffer);
	return n;
}

/* Clean one relation; return the number of rows made dead. */
static int64
clean_heap(Relation relation, Judge *judge)
{
	Cleaning	heap = {relation, judge, GetAccessStrategy(BAS_VACUUM)};
	BlockNumber end = RelationGetNumberOfBlocks(relation);
	BlockNumber block;
	int64		rows = 0;

	Assert(CheckRelationLockedByMe(relation, ShareUpdateExclusiveLock, true));
	for (block = 0; block < end; block += PAGES_AT_ONCE)
	{
		BlockNumber found[PAGES_AT_ONCE];
		int			n = find_blocks(&heap, block, Min(end, block + PAGES_AT_ONCE), found);
		int			i;

		clear_map(relation, found, n);
		if (n > 0)
			PGCOPY_TEST_POINT("taking back", "map cleared");
		for (i = 0; i < n; i++)
			rows += clean_block(&heap, found[i]);
	}
	FreeAccessStrategy(heap.strategy);
	return rows;
}

static void
clean_toast(Oid toast_oid, Judge *judge)
{
	Relation	toast = table_open(toast_oid, ShareUpdateExclusiveLock);

	(void) clean_heap(toast, judge);
	table_close(toast, ShareUpdateExclusiveLock);
}

/*
 * Clean one table: rows first, then the TOAST values they refer to.  The lock
 * keeps VACUUM and other cleaners away.  It is released at once, since an abort
 * does not undo the changes.
 */
static int64
clean_table(Oid relid, Judge *judge)
{
	Relation	relation;
	int64		rows = 0;

	if (!pgcopy_class_ownercheck(relid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, get_rel_name(relid));
	relation = table_open(relid, ShareUpdateExclusiveLock);

	/* in other access methods an abort has removed the rows */
	if (relation->rd_rel->relkind == RELKIND_RELATION &&
		relation->rd_rel->relam == HEAP_TABLE_AM_OID)
	{
		rows = clean_heap(relation, judge);
		if (OidIsValid(relation->rd_rel->reltoastrelid))
			clean_toast(relation->rd_rel->reltoastrelid, judge);
	}
	table_close(relation, ShareUpdateExclusiveLock);
	return rows;
}

static bool
has_index(Oid relid)
{
	Relation	relation = table_open(relid, AccessShareLock);
	bool		result = RelationGetIndexList(relation) != NIL;

	table_close(relation, AccessShareLock);
	return result;
}

/* Clean the leaves of a partitioned relation that may still get rows. */
static int64
clean_leaves(Oid relid, Judge *judge)
{
	List	   *tree = find_all_inheritors(relid, AccessShareLock, NULL);
	ListCell   *cell;
	int64		rows = 0;

	foreach(cell, tree)
	{
		Oid			leaf = lfirst_oid(cell);

		if (get_rel_relkind(leaf) == RELKIND_RELATION && !has_index(leaf))
			rows += clean_table(leaf, judge);
	}
	list_free(tree);
	return rows;
}

int64
pgcopy_heap_take_back(Oid relid, const LoadAttempts *attempts)
{
	Judge		judge;
	int64		rows;

	Assert(IsTransactionState());
	begin_judging(&judge, attempts);
	if (get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE)
		rows = clean_leaves(relid, &judge);
	else
		rows = clean_table(relid, &judge);
	pfree(judge.verdicts);
	return rows;
}
