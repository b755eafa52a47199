/*-------------------------------------------------------------------------
 *
 * build.c
 *	  Build a new B-tree index: scan, sort, write.
 *
 * Everything that could prevent it is found before the first page is written, so
 * that the server can still build the index.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/nbtree.h"
#include "catalog/catalog.h"
#include "commands/progress.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/rel.h"

#include "index/build.h"
#include "index/evaluate.h"

/*
 * Of a heap.  A worker costs 10 ms of CPU; with 300,000 rows on 4,300 pages it saves as
 * much of the builder's time, with a million on 14,000 it saves a quarter of it.
 */
#define LEAST_BLOCKS 8192

int
pgcopy_build_workers(const IndexBuild *build)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(build->heap);

	if (nblocks == 0 ||
		(RelationGetParallelWorkers(build->heap, -1) < 0 && nblocks < LEAST_BLOCKS))
		return 0;
	return build->info->ii_ParallelWorkers;
}

/* Scan with an executor for the predicate and the expressions. */
static const char *
scan_evaluated(IndexBuild *build, ScanTake take, void *arg)
{
	Evaluation *evaluation = pgcopy_evaluate_begin(build->heap, build->index,
												   build->info);
	const char *reason;

	build->keys.evaluation = evaluation;
	reason = pgcopy_scan_heap(build->heap, &(ScanNeed) {0}, NULL, take, arg);
	build->heap_rows = pgcopy_evaluate_rows(evaluation);
	build->keys.evaluation = NULL;
	pgcopy_evaluate_end(evaluation);
	return reason;
}

void
pgcopy_build_count_time(instr_time *total, instr_time since)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_ACCUM_DIFF(*total, now, since);
}

const char *
pgcopy_build_scan(IndexBuild *build, ScanTake take, void *arg)
{
	instr_time	started;
	const char *reason;

	INSTR_TIME_SET_CURRENT(started);
	build->scans++;
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE,
								 PROGRESS_BTREE_PHASE_INDEXBUILD_TABLESCAN);
	reason = build->keys.is_evaluated ? scan_evaluated(build, take, arg) :
		pgcopy_scan_heap(build->heap, &build->keys.need, build->share, take, arg);
	INSTR_TIME_SET_CURRENT(build->scanned);
	INSTR_TIME_ACCUM_DIFF(build->scanning, build->scanned, started);
	if (reason == NULL)
		pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE,
									 PROGRESS_BTREE_PHASE_PERFORMSORT_1);
	return reason;
}

void
pgcopy_build_begin_tree(IndexBuild *build)
{
	pgcopy_build_count_time(&build->sorting, build->scanned);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, build->rows);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE,
								 PROGRESS_BTREE_PHASE_LEAF_LOAD);
	build->tree = pgcopy_tree_begin(build->heap, build->index, build->allequalimage,
									build->deduplicate);
}

void
pgcopy_build_report(IndexBuild *build, uint64 written)
{
	CHECK_FOR_INTERRUPTS();
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, written);
}

/* As comparetup_index_btree(). */
void
pgcopy_build_throw_duplicate(IndexBuild *build, IndexTuple tuple)
{
	Datum		values[INDEX_MAX_KEYS];
	bool		nulls[INDEX_MAX_KEYS];
	char	   *key;

	index_deform_tuple(tuple, RelationGetDescr(build->index), values, nulls);
	key = BuildIndexValueDescription(build->index, values, nulls);
	ereport(ERROR,
			(errcode(ERRCODE_UNIQUE_VIOLATION),
			 errmsg("could not create unique index \"%s\"",
					RelationGetRelationName(build->index)),
			 key ? errdetail("Key %s is duplicated.", key) :
			 errdetail("Duplicate keys exist."),
			 errtableconstraint(build->heap, RelationGetRelationName(build->index))));
}

static const char *
check_relations(Relation heap, Relation index)
{
	const char *reason = pgcopy_scan_check(heap);

	if (reason == NULL && (IsCatalogRelation(heap) || RelationGetNumberOfBlocks(index) != 0))
		reason = "not a new index";
	return reason;
}

static const char *
build_keys(IndexBuild *build)
{
	const char *reason = REASON_WORDS;

	if (build->keys.are_compared)
		return pgcopy_record_build(build, true);
	if (build->keys.are_words)
		reason = pgcopy_words_build(build);
	if (reason != NULL &&
		(strcmp(reason, REASON_WORDS) == 0 || strcmp(reason, REASON_MEMORY) == 0))
		reason = pgcopy_record_build(build, false);
	if (reason != NULL &&
		(strcmp(reason, REASON_ORDER) == 0 || strcmp(reason, REASON_ENUM) == 0))
		reason = pgcopy_record_build(build, true);
	return reason;
}

const char *
pgcopy_build_index(IndexBuild *build)
{
	const char *reason = check_relations(build->heap, build->index);

	INSTR_TIME_SET_CURRENT(build->started);
	if (reason != NULL)
		return reason;
	build->processes = 1;
	build->memory = pgcopy_memory_create((Size) maintenance_work_mem * 1024);
	if (RelationGetNumberOfBlocks(build->heap) == 0)
	{
		/* whatever the keys are: there is only a metapage */
		pgcopy_tree_write_empty(build->index, _bt_allequalimage(build->index, true));
		return NULL;
	}
	reason = pgcopy_key_describe(build->heap, build->index, build->info, &build->keys);
	if (reason != NULL)
		return reason;
	build->allequalimage = _bt_allequalimage(build->index, true);
	build->deduplicate = build->allequalimage && !build->info->ii_Unique &&
		BTGetDeduplicateItems(build->index);
	reason = build_keys(build);
	if (reason == NULL)
		pgcopy_tree_end(build->tree);
	return reason;
}
