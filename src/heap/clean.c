/*-------------------------------------------------------------------------
 *
 * clean.c
 *	  Take back what aborted loads have left: frozen rows do not vanish.
 *
 * A frozen row is visible whatever became of its transaction.  So the rows of
 * failed loads are made what an abort leaves of any other row: dead, for VACUUM
 * to take away along with the values in TOAST and the index entries
 * (schema/vacuum.c).  Only row headers change, under an exclusive lock.  Line
 * pointers and values stay where they are, so a reader who has the page pinned,
 * here or on a standby, is not hurt.
 *
 * The header has no xmin, as heap_abort_speculative() leaves it, and says that
 * xmin is invalid: nobody asks the commit log, however old the load is.
 *
 * The bits in the visibility map go first, in one record for many pages: a page
 * may be all-visible and the map not say so, but not vice versa.  Then each
 * page is changed and logged whole.  Nobody sets the bits again meanwhile: the
 * lock on the table keeps VACUUM away.
 *
 * The caller says which rows those are: he knows what has been loaded
 * (LoadAttempts).  A frozen row still has the number of its transaction.  What
 * the commit log still knows as committed is spared, whosever it is.
 *
 * A kill in between leaves a state from which the next run goes on.
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
#include "storage/lwlock.h"
#include "storage/procarray.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "base/testpoint.h"
#include "heap/heap.h"

/* Pages between two records of the map; no more than a ring of buffers has. */
#define PAGES_AT_ONCE	32

/* As in visibilitymap.c, which keeps them to itself; they are the disk format. */
#define BLOCKS_PER_MAP_BYTE (BITS_PER_BYTE / BITS_PER_HEAPBLOCK)
#define BLOCKS_PER_MAP_PAGE \
	((BLCKSZ - MAXALIGN(SizeOfPageHeaderData)) * BLOCKS_PER_MAP_BYTE)

/* Numbers of transactions this old can be told from those to come. */
#define MAX_AGE			UINT64CONST(0x7FFFFFFF)

typedef struct XidVerdict
{
	TransactionId xid;
	bool		has_failed;
} XidVerdict;

/* Verdicts hold for heap and TOAST, so that both are judged alike. */
typedef struct Judge
{
	const LoadAttempts *attempts;
	TransactionId first;
	TransactionId next;			/* not assigned yet when we began */
	XidVerdict *verdicts;
	int			count;
	int			allocated;
	int			last;			/* rows of a transaction come in runs */
} Judge;

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

/* Whether the commit log still knows the transaction, and as committed. */
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

/*
 * Whoever runs may commit between two of these questions: then the commit log,
 * which is asked last, knows.
 */
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
	judge->last = i;
	if (i < judge->count)
		return judge->verdicts[i].has_failed;
	if (judge->count == judge->allocated)
	{
		judge->allocated *= 2;
		judge->verdicts = repalloc(judge->verdicts,
								   sizeof(XidVerdict) * judge->allocated);
	}
	judge->verdicts[judge->count].xid = xid;
	judge->verdicts[judge->count].has_failed = find_verdict(judge, xid);
	return judge->verdicts[judge->count++].has_failed;
}

/* Later versions would lose what they hang on. */
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

/* The rows of failed loads in a page; the caller holds its lock. */
static int
find_rows(Relation relation, Page page, OffsetNumber *found, Judge *judge)
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
			!has_failed(judge, HeapTupleHeaderGetRawXmin(row)))
			continue;
		check_is_not_updated(relation, row);
		found[n++] = offset;
	}
	return n;
}

/* The blocks of a range that have such rows. */
static int
find_blocks(Relation relation, BlockNumber first, BlockNumber end,
			BlockNumber *found, Judge *judge, BufferAccessStrategy strategy)
{
	OffsetNumber rows[MaxHeapTuplesPerPage];
	BlockNumber block;
	int			n = 0;

	for (block = first; block < end; block++)
	{
		Buffer		buffer;

		CHECK_FOR_INTERRUPTS();
		buffer = ReadBufferExtended(relation, MAIN_FORKNUM, block, RBM_NORMAL,
									strategy);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		if (find_rows(relation, BufferGetPage(buffer), rows, judge) > 0)
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

/* Blocks are no longer all-visible in the map, which is logged as it is then. */
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

/* Dead without a look at the commit log. */
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
clean_block(Relation relation, BlockNumber block, Judge *judge,
			BufferAccessStrategy strategy)
{
	OffsetNumber rows[MaxHeapTuplesPerPage];
	Buffer		buffer = ReadBufferExtended(relation, MAIN_FORKNUM, block,
											RBM_NORMAL, strategy);
	int			n;

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	n = find_rows(relation, BufferGetPage(buffer), rows, judge);
	if (n > 0)
		change_page(relation, buffer, rows, n);
	UnlockReleaseBuffer(buffer);
	return n;
}

/* Returns how many rows were taken back. */
static int64
clean_heap(Relation relation, Judge *judge)
{
	BufferAccessStrategy strategy = GetAccessStrategy(BAS_VACUUM);
	BlockNumber end = RelationGetNumberOfBlocks(relation);
	BlockNumber block;
	int64		rows = 0;

	for (block = 0; block < end; block += PAGES_AT_ONCE)
	{
		BlockNumber found[PAGES_AT_ONCE];
		int			n = find_blocks(relation, block,
									Min(end, block + PAGES_AT_ONCE), found,
									judge, strategy);
		int			i;

		clear_map(relation, found, n);
		if (n > 0)
			PGCOPY_TEST_POINT("taking back", "map cleared");
		for (i = 0; i < n; i++)
			rows += clean_block(relation, found[i], judge, strategy);
	}
	FreeAccessStrategy(strategy);
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
 * One table.  The lock keeps VACUUM away, and a second process from cleaning at
 * the same time; what is done here is not undone, so it need not outlive us.
 * Rows go before the values that they refer to.
 */
static int64
clean_table(Oid relid, Judge *judge)
{
	Relation	relation;
	int64		rows = 0;

	if (!pgcopy_class_ownercheck(relid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, get_rel_name(relid));
	relation = table_open(relid, ShareUpdateExclusiveLock);

	/* in other access methods, an abort took the rows away */
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

/* The leaves of a partitioned relation that may still get rows. */
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
