/*-------------------------------------------------------------------------
 *
 * clean.c
 *	  Take away what aborted loads have left: frozen rows do not vanish.
 *
 * Freezing sets two hint bits and leaves xmin as it was, so a row still says
 * which transaction wrote it, and the commit log says how that ended.
 *
 * The TOAST relation is cleaned first, and there the index before the heap,
 * as VACUUM does it: an index entry never points to a row that is another
 * one by now.  Then the heap, which has no index.  A page is changed under a
 * cleanup lock and logged whole, as contrib/pg_surgery does.  Its marks
 * (all-visible, all-frozen) were true for the rows that stay and remain so;
 * a page that becomes empty is ready to be filled again.
 *
 * A kill in between leaves a state from which the next run goes on.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xloginsert.h"
#include "catalog/catalog.h"
#include "catalog/pg_am.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/bufpage.h"
#include "storage/procarray.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "load/load.h"

/* Index entries removed per pass over the index: 12 MB of addresses. */
#define MAX_DEAD	(2 * 1024 * 1024)

typedef struct DeadRows
{
	ItemPointerData *tids;		/* in order */
	int			count;
	int			allocated;
} DeadRows;

/* One answer is good for the rows that follow: they come in runs. */
typedef struct XidVerdict
{
	TransactionId xid;
	bool		is_aborted;
} XidVerdict;

static bool
is_aborted(TransactionId xid, XidVerdict *last)
{
	if (!TransactionIdIsNormal(xid))
		return false;
	if (last->xid != xid)
	{
		last->is_aborted = !TransactionIdIsCurrentTransactionId(xid) &&
			!TransactionIdIsInProgress(xid) && !TransactionIdDidCommit(xid);
		last->xid = xid;
	}
	return last->is_aborted;
}

/* The aborted rows of a page; the caller holds its lock. */
static int
find_aborted(Page page, OffsetNumber *found, XidVerdict *last)
{
	OffsetNumber offset;
	int			n = 0;

	if (PageIsNew(page))
		return 0;
	for (offset = FirstOffsetNumber; offset <= PageGetMaxOffsetNumber(page);
		 offset = OffsetNumberNext(offset))
	{
		ItemId		item = PageGetItemId(page, offset);
		HeapTupleHeader tuple;

		if (!ItemIdIsNormal(item))
			continue;
		tuple = (HeapTupleHeader) PageGetItem(page, item);
		if (is_aborted(HeapTupleHeaderGetRawXmin(tuple), last))
			found[n++] = offset;
	}
	return n;
}

/* Change and log the page; the caller holds the cleanup lock. */
static void
remove_from_page(Relation relation, Buffer buffer,
				 const OffsetNumber *offsets, int n)
{
	Page		page = BufferGetPage(buffer);
	bool		is_all_visible = PageIsAllVisible(page);
	int			i;

	START_CRIT_SECTION();
	for (i = 0; i < n; i++)
		ItemIdSetUnused(PageGetItemId(page, offsets[i]));
	for (i = 1; i <= PageGetMaxOffsetNumber(page); i++)
	{
		if (ItemIdIsUsed(PageGetItemId(page, i)))
			break;
	}
	if (i > PageGetMaxOffsetNumber(page))
	{
		PageInit(page, BufferGetPageSize(buffer), 0);
		if (is_all_visible)
			PageSetAllVisible(page);
	}
	else
		PageRepairFragmentation(page);
	MarkBufferDirty(buffer);
	if (RelationNeedsWAL(relation))
		log_newpage_buffer(buffer, true);
	END_CRIT_SECTION();
}

/* Returns how many rows were removed. */
static int64
clean_heap(Relation relation, BlockNumber first, BlockNumber end)
{
	BufferAccessStrategy strategy = GetAccessStrategy(BAS_VACUUM);
	OffsetNumber found[MaxHeapTuplesPerPage];
	XidVerdict	last = {InvalidTransactionId, false};
	int64		removed = 0;
	BlockNumber block;

	for (block = first; block < end; block++)
	{
		Buffer		buffer;
		int			n;

		CHECK_FOR_INTERRUPTS();
		buffer = ReadBufferExtended(relation, MAIN_FORKNUM, block,
									RBM_NORMAL, strategy);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		n = find_aborted(BufferGetPage(buffer), found, &last);
		LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
		if (n > 0)
		{
			LockBufferForCleanup(buffer);
			n = find_aborted(BufferGetPage(buffer), found, &last);
			if (n > 0)
				remove_from_page(relation, buffer, found, n);
			LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
		}
		removed += n;
		ReleaseBuffer(buffer);
	}
	FreeAccessStrategy(strategy);
	return removed;
}

/*
 * Collect the addresses of aborted rows from a block on, until the array is
 * full; returns the first block not looked at.
 */
static BlockNumber
collect_aborted(Relation relation, BlockNumber block, BlockNumber end,
				DeadRows *dead)
{
	OffsetNumber found[MaxHeapTuplesPerPage];
	XidVerdict	last = {InvalidTransactionId, false};

	dead->count = 0;
	for (; block < end && dead->count + MaxHeapTuplesPerPage <= MAX_DEAD;
		 block++)
	{
		Buffer		buffer = ReadBuffer(relation, block);
		int			n;
		int			i;

		CHECK_FOR_INTERRUPTS();
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		n = find_aborted(BufferGetPage(buffer), found, &last);
		UnlockReleaseBuffer(buffer);
		if (dead->count + n > dead->allocated)
		{
			dead->allocated = Max(dead->allocated * 2,
								  dead->count + MaxHeapTuplesPerPage);
			dead->tids = repalloc_huge(dead->tids, sizeof(ItemPointerData) *
									   (Size) dead->allocated);
		}
		for (i = 0; i < n; i++)
			ItemPointerSet(&dead->tids[dead->count + i], block, found[i]);
		dead->count += n;
	}
	return block;
}

static int
compare_tids(const void *a, const void *b)
{
	return ItemPointerCompare((ItemPointer) a, (ItemPointer) b);
}

static bool
is_dead(ItemPointer tid, void *arg)
{
	DeadRows   *dead = arg;

	return bsearch(tid, dead->tids, dead->count, sizeof(ItemPointerData),
				   compare_tids) != NULL;
}

static void
clean_index(Relation heap, Oid index_oid, DeadRows *dead)
{
	Relation	index = index_open(index_oid, RowExclusiveLock);
	IndexVacuumInfo info = {0};

	info.index = index;
	pgcopy_index_vacuum_set_heap(&info, heap);
	info.estimated_count = true;
	info.message_level = DEBUG2;
	info.num_heap_tuples = -1;
	info.strategy = GetAccessStrategy(BAS_VACUUM);
	(void) index_bulk_delete(&info, NULL, is_dead, dead);
	FreeAccessStrategy(info.strategy);
	index_close(index, NoLock);
}

static void
clean_toast(Oid toast_oid)
{
	Relation	toast = table_open(toast_oid, ShareUpdateExclusiveLock);
	BlockNumber end = RelationGetNumberOfBlocks(toast);
	BlockNumber block = 0;
	List	   *indexes = RelationGetIndexList(toast);
	DeadRows	dead;

	dead.allocated = 1024;
	dead.tids = palloc(sizeof(ItemPointerData) * dead.allocated);
	while (block < end)
	{
		BlockNumber first = block;
		ListCell   *cell;

		block = collect_aborted(toast, first, end, &dead);
		if (dead.count == 0)
			continue;
		foreach(cell, indexes)
			clean_index(toast, lfirst_oid(cell), &dead);
		(void) clean_heap(toast, first, block);
	}
	pfree(dead.tids);
	table_close(toast, ShareUpdateExclusiveLock);
}

/*
 * One table.  The lock keeps a second process from cleaning it at the same
 * time; what is done here is not undone, so it need not outlive us.
 */
static int64
clean_table(Oid relid)
{
	Relation	relation;
	int64		removed = 0;

	if (!pgcopy_class_ownercheck(relid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, get_rel_name(relid));
	relation = table_open(relid, ShareUpdateExclusiveLock);

	/* in other access methods, an abort took the rows away */
	if (relation->rd_rel->relkind == RELKIND_RELATION &&
		relation->rd_rel->relam == HEAP_TABLE_AM_OID)
	{
		if (RelationGetIndexList(relation) != NIL)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("cannot remove rows of aborted loads from table \"%s\"",
							RelationGetRelationName(relation)),
					 errdetail("It has indexes.")));
		if (OidIsValid(relation->rd_rel->reltoastrelid))
			clean_toast(relation->rd_rel->reltoastrelid);
		removed = clean_heap(relation, 0, RelationGetNumberOfBlocks(relation));
	}
	table_close(relation, ShareUpdateExclusiveLock);
	return removed;
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
clean_leaves(Oid relid)
{
	List	   *tree = find_all_inheritors(relid, AccessShareLock, NULL);
	ListCell   *cell;
	int64		removed = 0;

	foreach(cell, tree)
	{
		Oid			leaf = lfirst_oid(cell);

		if (get_rel_relkind(leaf) == RELKIND_RELATION && !has_index(leaf))
			removed += clean_table(leaf);
	}
	list_free(tree);
	return removed;
}

int64
pgcopy_load_remove_aborted(Oid relid)
{
	if (get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE)
		return clean_leaves(relid);
	return clean_table(relid);
}
