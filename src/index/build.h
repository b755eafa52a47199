/*-------------------------------------------------------------------------
 *
 * build.h
 *	  One index build: what its steps hand on.
 *
 * A step that cannot go on returns a reason, a constant string, and the server
 * builds the index; NULL means success.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_BUILD_H
#define PGCOPY_BUILD_H

#include "base/compat.h"
#include "index/key.h"
#include "index/memory.h"
#include "index/scan.h"
#include "index/tree.h"
#include "nodes/execnodes.h"
#include "portability/instr_time.h"

typedef struct IndexBuild
{
	Relation	heap;
	Relation	index;
	IndexInfo  *info;
	KeyDescription keys;
	IndexMemory *memory;
	ScanShare  *share;			/* of each scan; NULL: all of it */
	bool		allequalimage;
	bool		deduplicate;
	IndexTree  *tree;			/* NULL until all is sorted */
	int64		rows;
	int64		heap_rows;		/* of a partial index: with those it does not hold */
	int			scans;			/* of the heap */
	int			runs;			/* sorted ones in a file */
	int			processes;		/* that have read the heap */
	instr_time	started;
	instr_time	scanned;		/* the end of the last scan */
	instr_time	scanning;		/* time for all scans */
	instr_time	sorting;		/* until the tree was begun, and for all ranges */
} IndexBuild;

#define REASON_MEMORY "not enough memory for a sort"
#define REASON_ENUM "enum with values added later"

/*
 * Keys of fixed width, up to four words (words.c): scan, sort, write.  Returns
 * REASON_WORDS if the values do not fit: then they are records.
 */
extern const char *pgcopy_words_build(IndexBuild *build);
#define REASON_WORDS "values that do not fit into words"

/*
 * All other keys (record.c): scan, sort, write; "by_server": by its comparison.  Returns
 * REASON_ORDER if that alone knows the order, REASON_PARALLEL if several processes of the
 * server will be faster.
 */
extern const char *pgcopy_record_build(IndexBuild *build, bool by_server);
#define REASON_ORDER "values that only the server can compare"
#define REASON_PARALLEL "values that the server compares in several processes"

/*
 * How many workers the server would take, by its rules: settings, memory, what may run in
 * parallel; 0 for a small table.  As there, who sets parallel_workers for a table has
 * decided about its size.
 */
extern int	pgcopy_build_workers(const IndexBuild *build);

/*
 * For all: scan the heap; begin the tree when all is sorted; add the time since then to
 * a total; report how many tuples are written, every few thousand; throw 23505 for the
 * key of a tuple.
 */
extern const char *pgcopy_build_scan(IndexBuild *build, ScanTake take, void *arg);
extern void pgcopy_build_begin_tree(IndexBuild *build);
extern void pgcopy_build_count_time(instr_time *total, instr_time since);
extern void pgcopy_build_report(IndexBuild *build, uint64 written);
extern void pgcopy_build_throw_duplicate(IndexBuild *build, IndexTuple tuple)
			pg_attribute_noreturn();

/*
 * Build a new, empty B-tree index as btbuild() does.  Returns why not, or NULL; if
 * not, nothing has been written.
 */
extern const char *pgcopy_build_index(IndexBuild *build);

#endif							/* PGCOPY_BUILD_H */
