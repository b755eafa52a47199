/*-------------------------------------------------------------------------
 *
 * pages.c
 *	  Write rows into whole new pages of a heap, frozen.
 *
 * heap_multi_insert() takes page by page, and writes each new one as zeros
 * first.  Here rows are formed in private pages, and a batch of these goes to
 * the relation at once: extend.c adds the blocks, then fill.c copies each page
 * into its buffer, logs it and makes it all-visible and all-frozen.
 *
 * The last page of a batch may have few rows.  They go into the last page of an
 * earlier batch, or of an earlier load, if there is room.  Loads that share all
 * their relations, as those of routed rows, tell each other by the free space map
 * what room they leave: together they leave no more pages half empty than there
 * are loads at a time, however many come one after another.
 *
 * A load may have thousands of writers, one for each leaf.  The more there are,
 * the fewer pages each holds back, at least one.
 *
 * A relation of more than 1 MB is written through a ring of buffers, as COPY does:
 * others keep theirs, and few buffers are touched for the first time.  On some
 * virtual machines that costs more than to write a page and read it again.
 *
 * Inserts are not reported to the statistics system: autovacuum would process
 * tables whose indexes are still to come, and our locks would wait for it.  The
 * job's own ANALYZE reports the totals.
 *
 * With wal_level = logical, slices must come right before their row (README.md,
 * rules 20 to 22), so a batch of slices waits for the batch of rows, as far as
 * memory allows: see add_long_row().
 *
 * Each batch wakes the WAL writer, as an asynchronous commit does.  Else WAL
 * buffers fill up, and the load itself must write and sync WAL.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heaptoast.h"
#include "access/htup_details.h"
#include "access/visibilitymap.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/catalog.h"
#include "catalog/pg_am.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/bufpage.h"
#include "storage/freespace.h"
#include "storage/lmgr.h"
#include "storage/predicate.h"
#include "utils/rel.h"

#include "heap/heap.h"
#include "heap/pages.h"
#include "heap/toast.h"

/*
 * Pages of slices held back for logical decoding until their rows are written:
 * 4 MB.  The more, the fewer pages of rows are written partly filled.
 */
#define MAX_HELD_PAGES	512

/* Pages that all writers of a load hold back, unless there are more writers. */
#define MAX_SHARED_PAGES 2048

/* From this block on, a ring of buffers is used: 1 MB. */
#define RING_FROM		128

/* With less room left, a page is written as a new one. */
#define NEARLY_FULL		(BLCKSZ / 8)

struct PageShare
{
	int			writers;
	bool		maps_room;		/* tell other loads of room that is left */
	ToastSpace *space;
};

typedef struct RowShape
{
	Size		start;			/* of the values, after header and bitmap */
	Size		length;
	bool		has_null;
} RowShape;

struct PageWriter
{
	Relation	relation;
	PageShare  *share;
	MemoryContext context;
	TransactionId xid;
	CommandId	command;
	Size		spare;			/* what the fill factor leaves free */
	bool		is_decoded;		/* logical decoding may read our WAL */
	bool		is_toasted;		/* long rows must be shortened */
	Toaster    *toaster;		/* created for the first long row */
	bool		has_open_row;	/* a row's slices are added, but not the row */
	bool		lacks_last;		/* the last batch ended with an open row */
	BufferAccessStrategy strategy;	/* NULL: all shared buffers */
	BlockNumber last_block;		/* written by us */
	BlockNumber open_block;		/* may have room for the rows of another page */
	Size		open_room;
	PagesWritten written;		/* or NULL */
	void	   *written_arg;

	int			pages;			/* in use; the last one is being filled */
	int			max_pages;		/* of a batch, while there are few writers */
	char	  **page;
	PagePlace  *places;
};

PageShare *
pgcopy_pages_share(bool maps_room)
{
	PageShare  *share = palloc0(sizeof(PageShare));

	share->maps_room = maps_room;
	share->space = pgcopy_toast_space();
	return share;
}

PageWriter *
pgcopy_pages_open(PageShare *share, Relation relation, PagesWritten written, void *arg)
{
	PageWriter *writer = palloc0(sizeof(PageWriter));
	char		kind = relation->rd_rel->relkind;

	Assert(relation->rd_rel->relam == HEAP_TABLE_AM_OID);
	Assert(CheckRelationLockedByMe(relation, RowExclusiveLock, true));
	share->writers++;
	writer->relation = relation;
	writer->share = share;
	writer->context = CurrentMemoryContext;
	writer->xid = GetCurrentTransactionId();
	writer->command = GetCurrentCommandId(true);
	writer->spare = RelationGetTargetPageFreeSpace(relation,
												   HEAP_DEFAULT_FILLFACTOR);
	writer->is_decoded = RelationIsLogicallyLogged(relation);
	writer->is_toasted = kind == RELKIND_RELATION || kind == RELKIND_MATVIEW;
	writer->written = written;
	writer->written_arg = arg;
	writer->max_pages = writer->is_decoded && IsToastRelation(relation) ?
		MAX_HELD_PAGES : HEAP_MAX_EXTEND;
	writer->page = palloc0(sizeof(char *) * writer->max_pages);
	writer->places = palloc(sizeof(PagePlace) * writer->max_pages);
	writer->open_block = InvalidBlockNumber;
	return writer;
}

/* Does the batch have as many pages as it may? */
static bool
is_batch_full(const PageWriter *writer)
{
	int			share = Max(1, MAX_SHARED_PAGES / writer->share->writers);

	return writer->pages >= Min(writer->max_pages, share);
}

/* Return the page being filled if it has room for a row, else NULL. */
static Page
find_room(PageWriter *writer, Size length)
{
	PageHeader	page;
	Size		room;

	if (writer->pages == 0)
		return NULL;
	page = (PageHeader) writer->page[writer->pages - 1];
	room = page->pd_upper - page->pd_lower;
	if (room < MAXALIGN(length) + sizeof(ItemIdData) + writer->spare ||
		PageGetMaxOffsetNumber((Page) page) >= MaxHeapTuplesPerPage)
		return NULL;
	return (Page) page;
}

static Page
begin_page(PageWriter *writer, Size length)
{
	int			i = writer->pages;

	if (MAXALIGN(length) > MaxHeapTupleSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("row is too big: size %zu, maximum size %zu",
						length, MaxHeapTupleSize)));
	writer->page[i] = MemoryContextAlloc(writer->context, BLCKSZ);
	PageInit((Page) writer->page[i], BLCKSZ, 0);
	PageSetAllVisible((Page) writer->page[i]);
	writer->pages++;
	return (Page) writer->page[i];
}

/* Take space for a row from the page; it is zeros. */
static HeapTupleHeader
claim_space(Page page, Size length)
{
	PageHeader	header = (PageHeader) page;
	ItemId		item = (ItemId) ((char *) page + header->pd_lower);

	header->pd_upper -= MAXALIGN(length);
	header->pd_lower += sizeof(ItemIdData);
	ItemIdSetNormal(item, header->pd_upper, length);
	return (HeapTupleHeader) ((char *) page + header->pd_upper);
}

/* Return a page with room for a row. */
static Page
get_page(PageWriter *writer, Size length)
{
	Page		page = find_room(writer, length);

	if (page != NULL)
		return page;
	if (is_batch_full(writer))
		pgcopy_pages_flush(writer);
	return begin_page(writer, length);
}

/* Give the last row's space back, as zeros, and the page if it is empty. */
static void
release_space(PageWriter *writer, Size length)
{
	char	   *page = writer->page[writer->pages - 1];
	PageHeader	header = (PageHeader) page;

	memset(page + header->pd_upper, 0, MAXALIGN(length));
	header->pd_upper += MAXALIGN(length);
	header->pd_lower -= sizeof(ItemIdData);
	memset(page + header->pd_lower, 0, sizeof(ItemIdData));
	if (PageGetMaxOffsetNumber(page) == 0)
		pfree(writer->page[--writer->pages]);
}

/* Form a row at its place in a page. */
static HeapTupleHeader
form_row(PageWriter *writer, Datum *values, bool *nulls, const RowShape *shape)
{
	TupleDesc	desc = RelationGetDescr(writer->relation);
	HeapTupleHeader row = claim_space(get_page(writer, shape->length),
									  shape->length);

	HeapTupleHeaderSetNatts(row, desc->natts);
	row->t_hoff = shape->start;
	heap_fill_tuple(desc, values, nulls, (char *) row + shape->start,
					shape->length - shape->start, &row->t_infomask,
					shape->has_null ? row->t_bits : NULL);
	row->t_infomask &= ~HEAP_XACT_MASK;
	row->t_infomask2 &= ~HEAP2_XACT_MASK;
	row->t_infomask |= HEAP_XMAX_INVALID;
	HeapTupleHeaderSetXmin(row, writer->xid);
	HeapTupleHeaderSetXminFrozen(row);
	HeapTupleHeaderSetCmin(row, writer->command);
	HeapTupleHeaderSetXmax(row, InvalidTransactionId);
	return row;
}

static RowShape
measure_row(TupleDesc desc, Datum *values, bool *nulls)
{
	RowShape	shape;

	shape.has_null = memchr(nulls, true, desc->natts) != NULL;
	shape.start = MAXALIGN(SizeofHeapTupleHeader +
						   (shape.has_null ? BITMAPLEN(desc->natts) : 0));
	shape.length = shape.start + heap_compute_data_size(desc, values, nulls);
	return shape;
}

/* Form a row that must be shortened or has external values; fetch these. */
static void
form_long_row(PageWriter *writer, const Datum *values, const bool *nulls)
{
	TupleDesc	desc = RelationGetDescr(writer->relation);
	Datum	   *new_values = palloc(sizeof(Datum) * desc->natts);
	bool	   *new_nulls = palloc(sizeof(bool) * desc->natts);
	RowShape	shape;

	if (writer->toaster == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(writer->context);

		writer->toaster = pgcopy_toast_open(writer->share, writer->share->space,
											writer->relation);
		MemoryContextSwitchTo(old);
	}
	memcpy(new_values, values, sizeof(Datum) * desc->natts);
	memcpy(new_nulls, nulls, sizeof(bool) * desc->natts);
	pgcopy_toast_shorten(writer->toaster, new_values, new_nulls);
	shape = measure_row(desc, new_values, new_nulls);
	(void) form_row(writer, new_values, new_nulls, &shape);
}

/*
 * Add a long row.  For logical decoding its slices must come right before it:
 * write the batch first if the row may not fit, and write it right after the
 * row if slices had to be written before.
 */
static void
add_long_row(PageWriter *writer, const Datum *values, const bool *nulls)
{
	if (!writer->is_decoded)
	{
		form_long_row(writer, values, nulls);
		return;
	}
	if (is_batch_full(writer) &&
		find_room(writer, TOAST_TUPLE_THRESHOLD) == NULL)
		pgcopy_pages_flush(writer);
	writer->has_open_row = true;
	form_long_row(writer, values, nulls);
	writer->has_open_row = false;
	if (writer->lacks_last || pgcopy_toast_is_ahead(writer->toaster))
		pgcopy_pages_flush(writer);
}

/*
 * Add a row that is short enough.  Take it back and return false if a value is
 * a TOAST pointer, maybe into another table's TOAST relation.
 */
static bool
try_short_row(PageWriter *writer, Datum *values, bool *nulls,
			  const RowShape *shape)
{
	HeapTupleHeader row = form_row(writer, values, nulls, shape);

	if (likely((row->t_infomask & HEAP_HASEXTERNAL) == 0))
		return true;
	release_space(writer, shape->length);
	return false;
}

bool
pgcopy_pages_add(PageWriter *writer, Datum *values, bool *nulls,
				 ItemPointer place)
{
	RowShape	shape = measure_row(RelationGetDescr(writer->relation), values, nulls);
	int			before = writer->pages;
	bool		is_long = (writer->is_toasted && shape.length > TOAST_TUPLE_THRESHOLD) ||
		!try_short_row(writer, values, nulls, &shape);

	Assert(place == NULL || !is_long);
	if (is_long)
		add_long_row(writer, values, nulls);
	if (place != NULL)
		ItemPointerSet(place, writer->pages - 1,
					   PageGetMaxOffsetNumber(writer->page[writer->pages - 1]));
	return is_long || writer->pages != before;
}

/* Return the ring for new buffers, or NULL for all shared buffers. */
static BufferAccessStrategy
choose_strategy(PageWriter *writer)
{
	if (writer->strategy == NULL && writer->last_block >= RING_FROM)
	{
		MemoryContext old = MemoryContextSwitchTo(writer->context);

		writer->strategy = GetAccessStrategy(BAS_BULKWRITE);
		MemoryContextSwitchTo(old);
	}
	return writer->strategy;
}

/* What a page has left for more rows. */
static Size
page_room(const PageWriter *writer, Page page)
{
	Size		room = ((PageHeader) page)->pd_upper - ((PageHeader) page)->pd_lower;

	return room > writer->spare ? room - writer->spare : 0;
}

/* What the rows of the last page need on another one. */
static Size
last_page_size(const PageWriter *writer)
{
	PageHeader	last = (PageHeader) writer->page[writer->pages - 1];

	return BLCKSZ - SizeOfPageHeaderData - (last->pd_upper - last->pd_lower);
}

/* Tell other loads of a block with room for more rows. */
static void
map_room(const PageWriter *writer, BlockNumber block, Size room)
{
	if (!writer->share->maps_room || !BlockNumberIsValid(block) || room < NEARLY_FULL)
		return;
	RecordPageWithFreeSpace(writer->relation, block, room);
	/* else a search, which begins at the root, does not see it */
	FreeSpaceMapVacuumRange(writer->relation, block, block + 1);
}

/*
 * Take as the open block one of which the map says that the rows of the last page
 * fit there, and tell what the present one has left.  Return false if there is none.
 */
static bool
find_mapped_room(PageWriter *writer)
{
	Relation	relation = writer->relation;
	Size		wanted = last_page_size(writer);
	BlockNumber block;

	map_room(writer, writer->open_block, writer->open_room);
	block = GetPageWithFreeSpace(relation, wanted);
	/* the map is not logged: after a crash it may have blocks that are not there */
	while (BlockNumberIsValid(block) && block >= RelationGetNumberOfBlocks(relation))
		block = RecordAndGetPageWithFreeSpace(relation, block, 0, wanted);
	writer->open_block = block;
	writer->open_room = BLCKSZ; /* unknown */
	return BlockNumberIsValid(block);
}

/* May the rows of the last page fit into the open block? */
static bool
may_append(PageWriter *writer)
{
	if (page_room(writer, (Page) writer->page[writer->pages - 1]) < NEARLY_FULL)
		return false;
	if (BlockNumberIsValid(writer->open_block) &&
		last_page_size(writer) <= writer->open_room)
		return true;
	if (writer->share->maps_room)
		return find_mapped_room(writer);
	if (!BlockNumberIsValid(writer->open_block))
	{
		BlockNumber blocks = RelationGetNumberOfBlocks(writer->relation);

		if (blocks == 0)
			return false;
		writer->open_block = blocks - 1;
		writer->open_room = BLCKSZ; /* unknown */
		return true;
	}
	return false;
}

/* Add the rows of the last page to the open block; false if they do not fit. */
static bool
append_last_page(PageWriter *writer)
{
	int			last = writer->pages - 1;
	PagePlace  *place = &writer->places[last];
	Buffer		map = InvalidBuffer;
	Buffer		buffer = ReadBufferExtended(writer->relation, MAIN_FORKNUM,
											writer->open_block, RBM_NORMAL,
											choose_strategy(writer));
	bool		is_done;

	place->block = writer->open_block;
	visibilitymap_pin(writer->relation, place->block, &map);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	place->before = pgcopy_heap_append(writer->relation, buffer, writer->page[last],
									   map, !writer->has_open_row);
	is_done = place->before != InvalidOffsetNumber;
	writer->open_room = page_room(writer, BufferGetPage(buffer));
	if (!is_done && last_page_size(writer) <= writer->open_room)
		writer->open_room = 0;	/* not for lack of room: not frozen */
	UnlockReleaseBuffer(buffer);
	ReleaseBuffer(map);
	return is_done;
}

/* Add the rows of the last page to any block with room for them. */
static bool
append_somewhere(PageWriter *writer)
{
	while (!append_last_page(writer))
	{
		if (!writer->share->maps_room)
			return false;
		/* another load was faster, or the map is not true: correct it */
		RecordPageWithFreeSpace(writer->relation, writer->open_block,
								writer->open_room);
		writer->open_block = InvalidBlockNumber;
		if (!find_mapped_room(writer))
			return false;
	}
	return true;
}

/* Write pages to the end of the relation, from "done" up to but without "end". */
static void
write_pages(PageWriter *writer, int done, int end)
{
	Relation	relation = writer->relation;
	Buffer		map = InvalidBuffer;

	while (done < end)
	{
		Buffer		buffers[HEAP_MAX_EXTEND];
		int			wanted = Min(end - done, HEAP_MAX_EXTEND);
		int			n = pgcopy_heap_extend(relation, choose_strategy(writer),
										   wanted, buffers);
		int			i;

		for (i = 0; i < n; i++, done++)
		{
			bool		is_last = done == writer->pages - 1;
			PagePlace  *place = &writer->places[done];

			place->block = BufferGetBlockNumber(buffers[i]);
			place->before = 0;
			/* may read or extend the map, so not under the page's lock */
			visibilitymap_pin(relation, place->block, &map);
			LockBuffer(buffers[i], BUFFER_LOCK_EXCLUSIVE);
			pgcopy_heap_fill(relation, buffers[i], writer->page[done], map,
							 is_last && !writer->has_open_row);
			UnlockReleaseBuffer(buffers[i]);
			writer->last_block = place->block;
		}
	}
	if (BufferIsValid(map))
		ReleaseBuffer(map);
}

/* Write the batch in its order, which the slices of a value need. */
static void
write_batch(PageWriter *writer)
{
	int			last = writer->pages - 1;
	int			done = 0;
	Size		room = page_room(writer, (Page) writer->page[last]);

	if (may_append(writer))
	{
		write_pages(writer, 0, last);
		if (append_somewhere(writer))
			return;
		done = last;
	}
	write_pages(writer, done, writer->pages);
	if (!BlockNumberIsValid(writer->open_block) || room > writer->open_room)
	{
		map_room(writer, writer->open_block, writer->open_room);
		writer->open_block = writer->last_block;
		writer->open_room = room;
	}
	else
		map_room(writer, writer->last_block, room);
}

static void
free_pages(PageWriter *writer)
{
	while (writer->pages > 0)
		pfree(writer->page[--writer->pages]);
}

void
pgcopy_pages_flush(PageWriter *writer)
{
	Relation	relation = writer->relation;
	int			written = writer->pages;

	if (writer->pages == 0)
		return;
	/* slices come before the rows that refer to them */
	if (writer->toaster != NULL)
		pgcopy_toast_flush(writer->toaster);
	CheckForSerializableConflictIn(relation, NULL, InvalidBlockNumber);
	write_batch(writer);
	if (RelationNeedsWAL(relation))
		XLogSetAsyncXactLSN(XactLastRecEnd);
	CheckForSerializableConflictIn(relation, NULL, InvalidBlockNumber);
	free_pages(writer);
	writer->lacks_last = writer->has_open_row;
	if (writer->written != NULL)
		writer->written(writer->written_arg, writer->places, written);
}

void
pgcopy_pages_close(PageWriter *writer)
{
	pgcopy_pages_flush(writer);
	map_room(writer, writer->open_block, writer->open_room);
	if (writer->toaster != NULL)
		pgcopy_toast_close(writer->toaster);
	writer->share->writers--;
	pfree(writer->page);
	pfree(writer->places);
	if (writer->strategy != NULL)
		FreeAccessStrategy(writer->strategy);
	pfree(writer);
}
