/*-------------------------------------------------------------------------
 *
 * fill.c
 *	  Put a page of frozen rows into a new block: buffer, WAL, visibility map;
 *	  or add its rows to a frozen page.
 *
 * A page is logged as heap_multi_insert() logs it, which is what crash recovery
 * and standbys know.  With wal_level = logical a page of slices is logged as
 * heap_insert() logs each of them: README.md, rule 20.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/heapam_xlog.h"
#include "access/htup_details.h"
#include "access/visibilitymap.h"
#include "access/xloginsert.h"
#include "catalog/catalog.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/bufpage.h"
#include "utils/rel.h"

#include "heap/heap.h"

/* Set the addresses of the rows, known once it is where they go. */
static void
set_addresses(Page page, BlockNumber block, OffsetNumber before)
{
	OffsetNumber last = PageGetMaxOffsetNumber(page);
	OffsetNumber i;

	for (i = FirstOffsetNumber; i <= last; i++)
	{
		HeapTupleHeader row = (HeapTupleHeader)
			PageGetItem(page, PageGetItemId(page, i));

		ItemPointerSet(&row->t_ctid, block, before + i);
	}
}

/* Copy a page's rows from one on in the form that is logged; return their length. */
static Size
collect_rows(Page page, OffsetNumber first, char *into)
{
	OffsetNumber last = PageGetMaxOffsetNumber(page);
	OffsetNumber i;
	char	   *at = into;

	for (i = first; i <= last; i++)
	{
		ItemId		item = PageGetItemId(page, i);
		HeapTupleHeader row = (HeapTupleHeader) PageGetItem(page, item);
		xl_multi_insert_tuple *head = (xl_multi_insert_tuple *) SHORTALIGN(at);

		head->t_infomask2 = row->t_infomask2;
		head->t_infomask = row->t_infomask;
		head->t_hoff = row->t_hoff;
		head->datalen = ItemIdGetLength(item) - SizeofHeapTupleHeader;
		at = (char *) head + SizeOfMultiInsertTuple;
		memcpy(at, (char *) row + SizeofHeapTupleHeader, head->datalen);
		at += head->datalen;
	}
	return at - into;
}

/*
 * Log a page's rows from one on as heap_multi_insert() does; in a critical
 * section.  After the last page of a batch, decoding drops the slices it holds.
 */
static XLogRecPtr
log_rows(Relation relation, Buffer buffer, OffsetNumber first, bool is_last)
{
	PGAlignedBlock rows;
	OffsetNumber offsets[MaxHeapTuplesPerPage];
	xl_heap_multi_insert record = {0};
	Size		length = collect_rows(BufferGetPage(buffer), first, rows.data);
	bool		is_new = first == FirstOffsetNumber;
	uint8		flags = REGBUF_STANDARD | (is_new ? REGBUF_WILL_INIT : 0);
	int			i;

	Assert(length < BLCKSZ);
	record.flags = is_new ? XLH_INSERT_ALL_FROZEN_SET : 0;
	record.ntuples = PageGetMaxOffsetNumber(BufferGetPage(buffer)) + 1 - first;
	for (i = 0; i < record.ntuples; i++)
		offsets[i] = first + i;
	if (is_last)
		record.flags |= XLH_INSERT_LAST_IN_MULTI;
	if (RelationIsLogicallyLogged(relation))
	{
		record.flags |= XLH_INSERT_CONTAINS_NEW_TUPLE;
		flags |= REGBUF_KEEP_DATA;
	}

	XLogBeginInsert();
	XLogRegisterData((char *) &record, SizeOfHeapMultiInsert);
	if (!is_new)
		XLogRegisterData((char *) offsets, sizeof(OffsetNumber) * record.ntuples);
	XLogRegisterBuffer(0, buffer, flags);
	XLogRegisterBufData(0, rows.data, length);
	XLogSetRecordFlags(XLOG_INCLUDE_ORIGIN);
	return XLogInsert(RM_HEAP2_ID,
					  XLOG_HEAP2_MULTI_INSERT | (is_new ? XLOG_HEAP_INIT_PAGE : 0));
}

/* Log a slice as heap_insert() does; in a critical section. */
static XLogRecPtr
log_slice(Buffer buffer, OffsetNumber offset)
{
	Page		page = BufferGetPage(buffer);
	ItemId		item = PageGetItemId(page, offset);
	HeapTupleHeader row = (HeapTupleHeader) PageGetItem(page, item);
	bool		is_first = offset == FirstOffsetNumber;
	xl_heap_insert record = {0};
	xl_heap_header head;

	record.offnum = offset;
	record.flags = XLH_INSERT_CONTAINS_NEW_TUPLE | XLH_INSERT_ON_TOAST_RELATION;
	head.t_infomask2 = row->t_infomask2;
	head.t_infomask = row->t_infomask;
	head.t_hoff = row->t_hoff;

	XLogBeginInsert();
	XLogRegisterData((char *) &record, SizeOfHeapInsert);
	XLogRegisterBuffer(0, buffer, REGBUF_STANDARD | REGBUF_KEEP_DATA |
					   (is_first ? REGBUF_WILL_INIT : 0));
	XLogRegisterBufData(0, (char *) &head, SizeOfHeapHeader);
	XLogRegisterBufData(0, (char *) row + SizeofHeapTupleHeader,
						ItemIdGetLength(item) - SizeofHeapTupleHeader);
	XLogSetRecordFlags(XLOG_INCLUDE_ORIGIN);
	return XLogInsert(RM_HEAP_ID,
					  XLOG_HEAP_INSERT | (is_first ? XLOG_HEAP_INIT_PAGE : 0));
}

/* Copy a page into its buffer and log it. */
static void
copy_page(Relation relation, Buffer buffer, Page from, bool is_last)
{
	Page		page = BufferGetPage(buffer);

	memcpy(page, from, BLCKSZ);
	MarkBufferDirty(buffer);
	if (RelationNeedsWAL(relation))
	{
		XLogRecPtr	record = log_rows(relation, buffer, FirstOffsetNumber, is_last);

		PageSetLSN(page, record);	/* evaluates its argument twice */
	}
}

/* Add a row at the end of a page; in a critical section. */
static void
add_row(Page page, Page from, OffsetNumber i)
{
	ItemId		item = PageGetItemId(from, i);
	OffsetNumber at = OffsetNumberNext(PageGetMaxOffsetNumber(page));

	if (PageAddItem(page, PageGetItem(from, item), ItemIdGetLength(item), at,
					false, true) != at)
		elog(PANIC, "failed to add a row to a page");
}

/*
 * Add and log slice by slice: if a checkpoint begins in between, the next record
 * has the whole page, which must not have later slices yet.
 */
static void
add_slices(Buffer buffer, Page from)
{
	Page		page = BufferGetPage(buffer);
	OffsetNumber last = PageGetMaxOffsetNumber(from);
	OffsetNumber i;

	MarkBufferDirty(buffer);
	for (i = FirstOffsetNumber; i <= last; i++)
	{
		XLogRecPtr	record;

		add_row(page, from, i);
		record = log_slice(buffer, PageGetMaxOffsetNumber(page));
		PageSetLSN(page, record);
	}
}

static void
add_rows(Relation relation, Buffer buffer, Page from, bool is_last)
{
	Page		page = BufferGetPage(buffer);
	OffsetNumber first = OffsetNumberNext(PageGetMaxOffsetNumber(page));
	OffsetNumber last = PageGetMaxOffsetNumber(from);
	OffsetNumber i;

	for (i = FirstOffsetNumber; i <= last; i++)
		add_row(page, from, i);
	MarkBufferDirty(buffer);
	if (RelationNeedsWAL(relation))
	{
		XLogRecPtr	record = log_rows(relation, buffer, first, is_last);

		PageSetLSN(page, record);
	}
}

static bool
logs_slices(Relation relation)
{
	return IsToastRelation(relation) && RelationIsLogicallyLogged(relation);
}

void
pgcopy_heap_fill(Relation relation, Buffer buffer, Page page, Buffer map,
				 bool is_last)
{
	BlockNumber block = BufferGetBlockNumber(buffer);

	Assert(visibilitymap_pin_ok(block, map));
	if (!PageIsNew(BufferGetPage(buffer)))
		elog(ERROR, "block %u of relation \"%s\" is in use already",
			 block, RelationGetRelationName(relation));
	set_addresses(page, block, 0);

	START_CRIT_SECTION();
	if (logs_slices(relation))
	{
		/* the map's record logs that the page is all-visible */
		PageInit(BufferGetPage(buffer), BLCKSZ, 0);
		add_slices(buffer, page);
		PageSetAllVisible(BufferGetPage(buffer));
	}
	else
		copy_page(relation, buffer, page, is_last);
	END_CRIT_SECTION();

	visibilitymap_set(relation, block, buffer, InvalidXLogRecPtr, map,
					  InvalidTransactionId,
					  VISIBILITYMAP_ALL_VISIBLE | VISIBILITYMAP_ALL_FROZEN);
}

/*
 * Is the page frozen, and has it room for all rows of another one, besides what
 * the fill factor leaves free?
 */
static bool
can_append(Relation relation, Buffer buffer, Page from, Buffer map)
{
	Page		page = BufferGetPage(buffer);
	PageHeader	header = (PageHeader) page;
	PageHeader	more = (PageHeader) from;
	Size		wanted = more->pd_lower - SizeOfPageHeaderData +
	more->pd_special - more->pd_upper +
	RelationGetTargetPageFreeSpace(relation, HEAP_DEFAULT_FILLFACTOR);

	if (PageIsNew(page) || PageIsEmpty(page) || !PageIsAllVisible(page))
		return false;
	return header->pd_upper - header->pd_lower >= wanted &&
		PageGetMaxOffsetNumber(page) + PageGetMaxOffsetNumber(from) <= MaxHeapTuplesPerPage &&
		VM_ALL_FROZEN(relation, BufferGetBlockNumber(buffer), &map);
}

OffsetNumber
pgcopy_heap_append(Relation relation, Buffer buffer, Page from, Buffer map,
				   bool is_last)
{
	BlockNumber block = BufferGetBlockNumber(buffer);
	OffsetNumber before;

	Assert(visibilitymap_pin_ok(block, map));
	if (!can_append(relation, buffer, from, map))
		return InvalidOffsetNumber;
	before = PageGetMaxOffsetNumber(BufferGetPage(buffer));
	set_addresses(from, block, before);

	START_CRIT_SECTION();
	if (logs_slices(relation))
		add_slices(buffer, from);
	else
		add_rows(relation, buffer, from, is_last);
	END_CRIT_SECTION();
	return before;
}
