/*-------------------------------------------------------------------------
 *
 * tree.h
 *	  Write a B-tree from tuples in order, byte for byte as the server would.
 *
 * The fields of the structs are for tree.c and the inline functions below, which
 * are called once a row.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_TREE_H
#define PGCOPY_TREE_H

#include "access/itup.h"
#include "storage/bufpage.h"
#include "utils/relcache.h"

struct BTScanInsertData;
struct IndexOutput;

/* The unfinished page of one level; levels count from the leaves. */
typedef struct TreeLevel
{
	Page		page;
	BlockNumber block;
	uint32		level;
	OffsetNumber last;			/* where the last tuple is; P_HIKEY: none yet */
	Size		full;			/* a page is full enough with less free space */
	Size		last_extra;		/* bytes of the last tuple's posting list */
	IndexTuple	low_key;		/* the page's pivot in the level above */
	struct TreeLevel *parent;	/* NULL: not begun */
} TreeLevel;

typedef struct IndexTree
{
	Relation	heap;
	Relation	index;
	bool		allequalimage;
	bool		deduplicate;
	int64		rows;			/* added so far */

	struct IndexOutput *output;
	struct BTScanInsertData *key;	/* for _bt_truncate() */
	BlockNumber next_block;
	TreeLevel  *leaf;

	/* Deduplication: a tuple, then the addresses of all rows that share it. */
	IndexTuple	pending;
	ItemPointer pending_rows;	/* behind the tuple */
	int			pending_count;
	int			pending_max;	/* so many rows may share it */
} IndexTree;

/*
 * Begin a tree.  Heap and index are open and locked; the index is empty, new in
 * this transaction and not temporary.  allequalimage: as _bt_allequalimage()
 * says.  deduplicate: rows with the same bytes as key share tuples; only with
 * allequalimage.  The tree belongs to the current memory context.
 */
extern IndexTree *pgcopy_tree_begin(Relation heap, Relation index,
									bool allequalimage, bool deduplicate);

/* Write the last pages, and the file safely.  The tree is gone then. */
extern void pgcopy_tree_end(IndexTree *tree);

/* The same for an index of a table without rows. */
extern void pgcopy_tree_write_empty(Relation index, bool allequalimage);

/* Parts of the functions below. */
extern void pgcopy_tree_put(IndexTree *tree, IndexTuple tuple);
extern void pgcopy_tree_begin_pending(IndexTree *tree, IndexTuple tuple);
extern void pgcopy_tree_repeat(IndexTree *tree, ItemPointer row);

/*
 * Add the next tuple; it is copied.  Its address is that of the row, its size
 * MAXALIGNed and its padding zero.  "same": but for the address it has the same
 * bytes as the one before; may be false if the tree does not deduplicate.
 * Throws what CREATE INDEX throws if it is too large.
 */
static inline void
pgcopy_tree_add(IndexTree *tree, IndexTuple tuple, bool same)
{
	tree->rows++;
	if (!tree->deduplicate)
		pgcopy_tree_put(tree, tuple);
	else if (same && tree->pending_count < tree->pending_max)
		tree->pending_rows[tree->pending_count++] = tuple->t_tid;
	else
		pgcopy_tree_begin_pending(tree, tuple);
}

/* Add the tuple of another row whose key has the same bytes as the last one. */
static inline void
pgcopy_tree_add_same(IndexTree *tree, ItemPointer row)
{
	tree->rows++;
	if (tree->pending_count < tree->pending_max)
		tree->pending_rows[tree->pending_count++] = *row;
	else
		pgcopy_tree_repeat(tree, row);
}

#endif							/* PGCOPY_TREE_H */
