/*-------------------------------------------------------------------------
 *
 * tree.c
 *	  Write a B-tree from tuples in order, byte for byte as the server would.
 *
 * Leaves are filled from left to right.  A page that is full goes to the output,
 * and its pivot to the level above, which is begun when it is needed.  The last
 * tuple of a full page moves to the next one; what is left of it after
 * truncation becomes the full page's high key.
 *
 * What must be the same as in the server: which blocks pages get, when a page is
 * full, how many rows share a tuple, and leftovers between line pointers and
 * tuples.  See _bt_load(), _bt_buildadd(), _bt_uppershutdown() in nbtsort.c, and
 * nbtdedup.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/nbtree.h"
#include "commands/progress.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "base/testpoint.h"
#include "index/output.h"
#include "index/tree.h"

/* A tuple with the addresses of its rows has at most so many bytes. */
#define MAX_POSTING (MAXALIGN_DOWN(BLCKSZ * 10 / 100) - sizeof(ItemIdData))

static void add_tuple(IndexTree *tree, TreeLevel *level, IndexTuple tuple, Size extra);

static Page
begin_page(IndexTree *tree, uint32 level)
{
	Page		page = pgcopy_output_page(tree->output);
	BTPageOpaque opaque;

	_bt_pageinit(page, BLCKSZ);
	opaque = pgcopy_btree_opaque(page);
	opaque->btpo_prev = opaque->btpo_next = P_NONE;
	opaque->btpo_level = level;
	opaque->btpo_flags = level > 0 ? 0 : BTP_LEAF;
	opaque->btpo_cycleid = 0;
	/* the place of the high key */
	((PageHeader) page)->pd_lower += sizeof(ItemIdData);
	return page;
}

static TreeLevel *
begin_level(IndexTree *tree, uint32 number)
{
	TreeLevel  *level = palloc0(sizeof(TreeLevel));

	level->page = begin_page(tree, number);
	level->block = tree->next_block++;
	level->level = number;
	level->last = P_HIKEY;
	level->full = number > 0 ? BLCKSZ * (100 - BTREE_NONLEAF_FILLFACTOR) / 100 :
		BTGetTargetPageFreeSpace(tree->index);
	return level;
}

IndexTree *
pgcopy_tree_begin(Relation heap, Relation index, bool allequalimage, bool deduplicate)
{
	IndexTree  *tree = palloc0(sizeof(IndexTree));

	Assert(allequalimage || !deduplicate);
	tree->heap = heap;
	tree->index = index;
	tree->allequalimage = allequalimage;
	tree->deduplicate = deduplicate;
	tree->output = pgcopy_output_begin(index);
	tree->key = _bt_mkscankey(index, NULL);
	tree->key->allequalimage = allequalimage;
	tree->next_block = BTREE_METAPAGE + 1;
	tree->pending = palloc(INDEX_SIZE_MASK + 1 + MAX_POSTING);
	tree->leaf = begin_level(tree, 0);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE,
								 PROGRESS_BTREE_PHASE_LEAF_LOAD);
	return tree;
}

/* Copy a tuple; most are small. */
static inline void
copy_tuple(void *to, const void *from, Size size)
{
	switch (size)
	{
		case 16:
			memcpy(to, from, 16);
			break;
		case 24:
			memcpy(to, from, 24);
			break;
		case 32:
			memcpy(to, from, 32);
			break;
		default:
			memcpy(to, from, size);
	}
}

/* PageAddItem() for a page that grows at its end and has the room. */
static inline void
put_item(Page page, OffsetNumber offset, const void *item, Size size)
{
	PageHeader	header = (PageHeader) page;
	ItemId		id = PageGetItemId(page, offset);
	int			lower = offsetof(PageHeaderData, pd_linp) + offset * sizeof(ItemIdData);
	int			upper = header->pd_upper - (int) size;

	Assert(size == MAXALIGN(size));
	if (unlikely(Max(lower, header->pd_lower) > upper))
		elog(ERROR, "no room on a page of an index");
	header->pd_lower = Max(lower, header->pd_lower);
	header->pd_upper = upper;
	ItemIdSetNormal(id, upper, size);
	copy_tuple((char *) page + upper, item, size);
}

/* The first pivot of a page above the leaves needs no key. */
static void
put_minus_infinity(Page page, OffsetNumber offset, IndexTuple tuple)
{
	IndexTupleData pivot = *tuple;

	pivot.t_info = sizeof(IndexTupleData);
	BTreeTupleSetNAtts(&pivot, 0, false);
	put_item(page, offset, &pivot, sizeof(IndexTupleData));
}

static IndexTuple
tuple_at(Page page, OffsetNumber offset)
{
	return (IndexTuple) PageGetItem(page, PageGetItemId(page, offset));
}

/* Make the last item of a full page its high key; return that. */
static IndexTuple
set_high_key(IndexTree *tree, TreeLevel *level)
{
	Page		page = level->page;
	ItemId		last = PageGetItemId(page, level->last);
	IndexTuple	left;
	IndexTuple	truncated;

	*PageGetItemId(page, P_HIKEY) = *last;
	ItemIdSetUnused(last);
	((PageHeader) page)->pd_lower -= sizeof(ItemIdData);
	if (level->level > 0)
		return tuple_at(page, P_HIKEY);

	left = tuple_at(page, OffsetNumberPrev(level->last));
	truncated = _bt_truncate(tree->index, left, tuple_at(page, P_HIKEY), tree->key);
	if (!PageIndexTupleOverwrite(page, P_HIKEY, (Item) truncated, IndexTupleSize(truncated)))
		elog(ERROR, "failed to add high key to the index page");
	pfree(truncated);
	return tuple_at(page, P_HIKEY);
}

/* Tell the level above about the page. */
static void
add_to_parent(IndexTree *tree, TreeLevel *level)
{
	if (level->parent == NULL)
		level->parent = begin_level(tree, level->level + 1);
	BTreeTupleSetDownLink(level->low_key, level->block);
	add_tuple(tree, level->parent, level->low_key, 0);
	pfree(level->low_key);
	level->low_key = NULL;
}

/* Finish a page that is full, and begin the next one with its last tuple. */
static void
finish_page(IndexTree *tree, TreeLevel *level)
{
	Page		next = begin_page(tree, level->level);
	BlockNumber next_block = tree->next_block++;
	IndexTuple	last = tuple_at(level->page, level->last);
	IndexTuple	high_key;

	CHECK_FOR_INTERRUPTS();
	Assert(level->last > P_FIRSTKEY);
	if (level->level > 0)
		put_minus_infinity(next, P_FIRSTKEY, last);
	else
	{
		put_item(next, P_FIRSTKEY, last, IndexTupleSize(last));
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, tree->rows);
	}
	high_key = set_high_key(tree, level);
	add_to_parent(tree, level);
	level->low_key = CopyIndexTuple(high_key);

	pgcopy_btree_opaque(level->page)->btpo_next = next_block;
	pgcopy_btree_opaque(next)->btpo_prev = level->block;
	pgcopy_output_write(tree->output, level->page, level->block);
	level->page = next;
	level->block = next_block;
	level->last = P_FIRSTKEY;
}

static void
begin_first_page(TreeLevel *level)
{
	level->low_key = palloc0(sizeof(IndexTupleData));
	level->low_key->t_info = sizeof(IndexTupleData);
	BTreeTupleSetNAtts(level->low_key, 0, false);
}

/* _bt_buildadd(): "extra" is the size of a posting list. */
static pg_attribute_always_inline void
add_tuple_inline(IndexTree *tree, TreeLevel *level, IndexTuple tuple, Size extra)
{
	PageHeader	header = (PageHeader) level->page;
	Size		size = IndexTupleSize(tuple);
	Size		space = 0;

	if (header->pd_upper > header->pd_lower + sizeof(ItemIdData))
		space = header->pd_upper - header->pd_lower - sizeof(ItemIdData);
	if (unlikely(size > pgcopy_btree_max_item(level->page)))
		_bt_check_third_page(tree->index, tree->heap, level->level == 0, level->page, tuple);

	/* for a leaf's high key there must be room for a row's address */
	if (unlikely(space < size + (level->level == 0 ? MAXALIGN(sizeof(ItemPointerData)) : 0) ||
				 (space + level->last_extra < level->full && level->last > P_FIRSTKEY)))
		finish_page(tree, level);
	if (unlikely(level->last == P_HIKEY))
		begin_first_page(level);

	level->last_extra = extra;
	level->last++;
	if (unlikely(level->level > 0 && level->last == P_FIRSTKEY))
		put_minus_infinity(level->page, level->last, tuple);
	else
		put_item(level->page, level->last, tuple, size);
}

static void
add_tuple(IndexTree *tree, TreeLevel *level, IndexTuple tuple, Size extra)
{
	add_tuple_inline(tree, level, tuple, extra);
}

void
pgcopy_tree_put(IndexTree *tree, IndexTuple tuple)
{
	add_tuple_inline(tree, tree->leaf, tuple, 0);
}

/* Add the pending tuple with all its rows, and leave its key for others. */
static inline void
put_pending(IndexTree *tree)
{
	IndexTuple	tuple = tree->pending;
	Size		base = IndexTupleSize(tuple);
	unsigned short info = tuple->t_info;
	Size		used;
	Size		size = base;

	if (tree->pending_count == 0)
		return;
	if (tree->pending_count > 1)
	{
		used = base + tree->pending_count * sizeof(ItemPointerData);
		size = MAXALIGN(used);
		memset((char *) tuple + used, 0, size - used);
		tuple->t_info = (info & ~INDEX_SIZE_MASK) | size;
		BTreeTupleSetPosting(tuple, tree->pending_count, base);
	}
	add_tuple_inline(tree, tree->leaf, tuple, size - base);
	tuple->t_info = info;
}

void
pgcopy_tree_begin_pending(IndexTree *tree, IndexTuple tuple)
{
	Size		size = IndexTupleSize(tuple);

	put_pending(tree);
	copy_tuple(tree->pending, tuple, size);
	tree->pending_rows = (ItemPointer) ((char *) tree->pending + size);
	tree->pending_rows[0] = tuple->t_tid;
	tree->pending_count = 1;
	/* MAXALIGN_DOWN: the tuple with its rows is aligned */
	tree->pending_max = size < MAX_POSTING ?
		(MAXALIGN_DOWN(MAX_POSTING) - size) / sizeof(ItemPointerData) : 0;
}

void
pgcopy_tree_repeat(IndexTree *tree, ItemPointer row)
{
	if (tree->deduplicate)
	{
		Assert(tree->pending_count > 0);
		put_pending(tree);
		tree->pending->t_tid = *row;
		tree->pending_rows[0] = *row;
		tree->pending_count = 1;
	}
	else
	{
		IndexTuple	last = tuple_at(tree->leaf->page, tree->leaf->last);

		Assert(tree->rows > 1);
		memcpy(tree->pending, last, IndexTupleSize(last));
		tree->pending->t_tid = *row;
		pgcopy_tree_put(tree, tree->pending);
	}
}

/* The last page of a level has no high key: move all line pointers into its place. */
static void
remove_high_key(Page page)
{
	OffsetNumber count = PageGetMaxOffsetNumber(page);

	for (OffsetNumber offset = P_HIKEY; offset < count; offset++)
		*PageGetItemId(page, offset) = *PageGetItemId(page, offset + 1);
	((PageHeader) page)->pd_lower -= sizeof(ItemIdData);
}

/* Write the last page of each level; return the topmost. */
static TreeLevel *
finish_levels(IndexTree *tree)
{
	TreeLevel  *level = tree->leaf;

	for (;; level = level->parent)
	{
		bool		is_root = level->parent == NULL;

		if (is_root)
			pgcopy_btree_opaque(level->page)->btpo_flags |= BTP_ROOT;
		else
			add_to_parent(tree, level);
		remove_high_key(level->page);
		pgcopy_output_write(tree->output, level->page, level->block);
		if (is_root)
			return level;
	}
}

static void
write_metapage(IndexOutput *output, const TreeLevel *root, bool allequalimage)
{
	Page		meta = pgcopy_output_page(output);

	_bt_initmetapage(meta, root != NULL ? root->block : P_NONE,
					 root != NULL ? root->level : 0, allequalimage);
	pgcopy_output_write(output, meta, BTREE_METAPAGE);
	pgcopy_output_end(output);
}

void
pgcopy_tree_write_empty(Relation index, bool allequalimage)
{
	write_metapage(pgcopy_output_begin(index), NULL, allequalimage);
}

void
pgcopy_tree_end(IndexTree *tree)
{
	TreeLevel  *root = NULL;

	if (tree->deduplicate)
		put_pending(tree);
	PGCOPY_TEST_POINT("index", "filled");
	if (tree->rows > 0)
		root = finish_levels(tree);
	write_metapage(tree->output, root, tree->allequalimage);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, tree->rows);

	for (TreeLevel *level = tree->leaf, *next; level != NULL; level = next)
	{
		next = level->parent;
		pfree(level);
	}
	pfree(tree->pending);
	pfree(tree->key);
	pfree(tree);
}
