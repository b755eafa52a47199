/*-------------------------------------------------------------------------
 *
 * compared.c
 *	  Build an index whose order only the server's comparison knows.
 *
 * Rows are index tuples in memory, as index_form_tuple() makes them, sorted by
 * compare.c.  That is what the server does, too; less is done here for a row,
 * and fewer pairs are compared.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/itup.h"
#include "access/nbtree.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "index/build.h"
#include "index/compare.h"
#include "index/row.h"

/* Tuples are in pieces of so many bytes, the first ones smaller. */
#define PIECE_SIZE ((Size) 4 * 1024 * 1024)
#define FIRST_PIECE ((Size) 64 * 1024)

#define FIRST_CAPACITY 1024

typedef struct ComparedRows
{
	IndexBuild *build;
	Comparison *comparison;
	MemoryContext page_context; /* reset after each page of the heap */
	SortPair   *tuples;
	size_t		count;
	size_t		capacity;
	char	   *free;			/* where the next tuple goes */
	char	   *end;
	Size		piece_size;
} ComparedRows;

/* Returns false over the memory limit. */
static bool
grow(ComparedRows *rows)
{
	size_t		capacity = Max(rows->capacity + rows->capacity / 2, FIRST_CAPACITY);
	SortPair   *tuples;

	if (capacity > SORT_MAX_ENTRIES)
		return false;
	tuples = pgcopy_memory_realloc(rows->build->memory, rows->tuples,
								   capacity * sizeof(SortPair));
	if (tuples == NULL)
		return false;
	rows->tuples = tuples;
	rows->capacity = capacity;
	return true;
}

/* Keep a copy of a tuple; NULL over the memory limit. */
static IndexTuple
keep_tuple(ComparedRows *rows, IndexTuple tuple)
{
	Size		size = MAXALIGN(IndexTupleSize(tuple));
	char	   *kept;

	if (size > (Size) (rows->end - rows->free))
	{
		kept = pgcopy_memory_alloc(rows->build->memory, rows->piece_size);
		if (kept == NULL)
			return NULL;
		rows->free = kept;
		rows->end = kept + rows->piece_size;
		rows->piece_size = Min(rows->piece_size * 2, PIECE_SIZE);
	}
	kept = rows->free;
	memcpy(kept, tuple, IndexTupleSize(tuple));
	rows->free += size;
	return (IndexTuple) kept;
}

/* Returns NULL over the memory limit. */
static IndexTuple
form_tuple(ComparedRows *rows, RowValues *found)
{
	const KeyDescription *keys = &rows->build->keys;
	TupleDesc	descriptor = RelationGetDescr(rows->build->index);
	Datum		values[INDEX_MAX_KEYS];

	for (int i = 0; i < keys->ncolumns; i++)
		values[i] = found->nulls[i] ? (Datum) 0 :
			fetchatt(TupleDescAttr(descriptor, i), found->values[i]);
	return keep_tuple(rows, index_form_tuple(descriptor, values,
											 found->nulls));
}

static const char *
put_row(ComparedRows *rows, RowValues *found, BlockNumber block,
		OffsetNumber offset)
{
	IndexTuple	tuple;
	SortPair   *pair;

	if (rows->count == rows->capacity && !grow(rows))
		return REASON_MEMORY;
	tuple = form_tuple(rows, found);
	if (tuple == NULL)
		return REASON_MEMORY;
	ItemPointerSet(&tuple->t_tid, block, offset);
	pair = &rows->tuples[rows->count++];
	pair->value = (uintptr_t) tuple;
	pair->key = pgcopy_compare_word(rows->comparison, tuple);
	return NULL;
}

static const char *
take_page(void *arg, const ScanPage *page)
{
	ComparedRows *rows = arg;
	MemoryContext before = MemoryContextSwitchTo(rows->page_context);
	const char *reason = NULL;

	for (int i = 0; i < page->nrows && reason == NULL; i++)
	{
		RowValues	found;

		if (!pgcopy_row_find(&rows->build->keys, RelationGetDescr(rows->build->heap),
							 page, i, &found))
			continue;
		reason = put_row(rows, &found, page->block, page->offsets[i]);
	}
	MemoryContextSwitchTo(before);
	MemoryContextReset(rows->page_context);
	return reason;
}

/* May they share a tuple?  As in _bt_load(), but bytes first. */
static inline bool
is_duplicate(const IndexBuild *build, IndexTuple left, IndexTuple right)
{
	/* the row's address is first */
	if (left->t_info == right->t_info &&
		memcmp((char *) left + sizeof(ItemPointerData),
			   (char *) right + sizeof(ItemPointerData),
			   IndexTupleSize(left) - sizeof(ItemPointerData)) == 0)
		return true;
	/* one may be compressed and the other not */
	return _bt_keep_natts_fast(build->index, left, right) > build->keys.nkeys;
}

/* Is a column of the key null?  INCLUDEd ones do not count. */
static bool
has_null_key(const IndexBuild *build, IndexTuple tuple)
{
	if (!IndexTupleHasNulls(tuple))
		return false;
	for (int i = 0; i < build->keys.nkeys; i++)
	{
		bits8	   *bitmap = (bits8 *) ((char *) tuple + sizeof(IndexTupleData));

		if (att_isnull(i, bitmap))
			return true;
	}
	return false;
}

/* Throw if the key of both tuples is the same where it may not be. */
static void
check_unique(ComparedRows *rows, IndexTuple last, IndexTuple tuple)
{
	const IndexInfo *info = rows->build->info;

	if (pgcopy_compare_tuples(rows->comparison, last, tuple) == 0 &&
		(pgcopy_nulls_not_distinct(info) || !has_null_key(rows->build, tuple)))
		pgcopy_build_throw_duplicate(rows->build, tuple);
}

static void
write_tuples(ComparedRows *rows)
{
	IndexTree  *tree = rows->build->tree;
	IndexTuple	last = NULL;

	for (size_t i = 0; i < rows->count; i++)
	{
		IndexTuple	tuple = pgcopy_compare_tuple_of(&rows->tuples[i]);

		if (i + 8 < rows->count)
			__builtin_prefetch(pgcopy_compare_tuple_of(&rows->tuples[i + 8]));
		if ((i & 0xFFF) == 0)
			pgcopy_build_report(rows->build, i);
		if (rows->build->info->ii_Unique && last != NULL)
			check_unique(rows, last, tuple);
		pgcopy_tree_add(tree, tuple, tree->deduplicate && last != NULL &&
						is_duplicate(rows->build, last, tuple));
		last = tuple;
	}
}

static const char *
sort_and_write(ComparedRows *rows)
{
	SortPair   *scratch = pgcopy_memory_alloc(rows->build->memory,
											  rows->count * sizeof(SortPair));

	if (scratch == NULL)
		return REASON_MEMORY;
	pgcopy_compare_sort(rows->comparison, rows->tuples, scratch, rows->count);
	pgcopy_memory_free(rows->build->memory, scratch);
	pgcopy_build_begin_tree(rows->build);
	write_tuples(rows);
	return NULL;
}

const char *
pgcopy_compared_build(IndexBuild *build)
{
	ComparedRows rows = {.build = build, .piece_size = FIRST_PIECE};
	const char *reason;

	rows.comparison = pgcopy_compare_begin(build->index);
	rows.page_context = AllocSetContextCreate(CurrentMemoryContext,
											  "pgcopy index page",
											  ALLOCSET_DEFAULT_SIZES);
	reason = pgcopy_build_scan(build, take_page, &rows);
	build->rows = rows.count;
	return reason != NULL ? reason : sort_and_write(&rows);
}
