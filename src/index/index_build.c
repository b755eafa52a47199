/*-------------------------------------------------------------------------
 *
 * index_build.c
 *	  Take the place of the server's B-tree build while a statement runs.
 *
 * The statement runs as any other, through ProcessUtility: hooks of modules, event
 * triggers, locks, names, statistics and progress are the server's.  Only the step
 * that fills the index is ours: index_create() calls object_access_hook when the
 * index is in the catalogs and not built yet.  There we give the relation's cache
 * entry a copy of its access method with an ambuild of our own.  That builds, or
 * calls the server's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/nbtree.h"
#include "access/xact.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/relcache.h"

#include "base/settings.h"
#include "index/build.h"
#include "index/index_build.h"

/* The access method of an index that waits for its build. */
typedef struct BorrowedMethod
{
	IndexAmRoutine routine;		/* first: rd_indam points to it */
	IndexAmRoutine *own;
} BorrowedMethod;

/* While a statement runs: whom to tell, if anybody, and of which index. */
static IndexOutcome *current_outcome;
static const char *current_name;
static object_access_hook_type next_hook;

/* Functions and event triggers may build others meanwhile. */
static void
set_outcome(Relation index, IndexBuilder builder, const char *reason)
{
	if (current_outcome == NULL)
		return;
	if (current_name != NULL &&
		strcmp(RelationGetRelationName(index), current_name) != 0)
		return;
	current_outcome->builder = builder;
	current_outcome->reason = reason;
}

static void
log_build(const IndexBuild *build, const char *reason)
{
	instr_time	total;
	double		before;

	INSTR_TIME_SET_CURRENT(total);
	INSTR_TIME_SUBTRACT(total, build->started);
	before = INSTR_TIME_GET_DOUBLE(build->scanning) + INSTR_TIME_GET_DOUBLE(build->sorting);
	if (reason != NULL)
		ereport(DEBUG1,
				(errmsg_internal("index \"%s\" is built by the server: %s",
								 RelationGetRelationName(build->index), reason)));
	else
		ereport(DEBUG1,
				(errmsg_internal("index \"%s\" built: scan %.3f s, sort %.3f s, write %.3f s, "
								 "%d scans, %d runs, %zu kB of memory, %d processes",
								 RelationGetRelationName(build->index),
								 INSTR_TIME_GET_DOUBLE(build->scanning),
								 INSTR_TIME_GET_DOUBLE(build->sorting),
								 INSTR_TIME_GET_DOUBLE(total) - before, build->scans,
								 build->runs, pgcopy_memory_peak(build->memory) / 1024,
								 build->processes)));
}

static IndexBuildResult *
build_or_leave(Relation heap, Relation index, IndexInfo *info)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pgcopy index build",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	IndexBuild *build = palloc0(sizeof(IndexBuild));
	IndexBuildResult *result = NULL;
	const char *reason;

	build->heap = heap;
	build->index = index;
	build->info = info;
	reason = pgcopy_setting_index_builds == INDEX_BUILDS_FAST ?
		pgcopy_build_index(build) : "pgcopy.index_builds";
	log_build(build, reason);
	MemoryContextSwitchTo(before);
	if (reason == NULL)
	{
		result = palloc0(sizeof(IndexBuildResult));
		result->heap_tuples = build->keys.is_evaluated ? build->heap_rows : build->rows;
		result->index_tuples = build->rows;
		info->ii_ParallelWorkers = 0;
	}
	MemoryContextDelete(context);
	set_outcome(index, reason == NULL ? INDEX_BUILT_FAST : INDEX_BUILT_BY_SERVER, reason);
	return result;
}

/* An ambuild.  The method is the server's again before anything else happens. */
static IndexBuildResult *
build_borrowed(Relation heap, Relation index, IndexInfo *info)
{
	IndexBuildResult *result;

	index->rd_indam = ((BorrowedMethod *) index->rd_indam)->own;
	result = build_or_leave(heap, index, info);
	return result != NULL ? result : index->rd_indam->ambuild(heap, index, info);
}

static void
borrow_method(Relation index)
{
	BorrowedMethod *borrowed = MemoryContextAlloc(index->rd_indexcxt,
												  sizeof(BorrowedMethod));

	borrowed->own = index->rd_indam;
	borrowed->routine = *index->rd_indam;
	borrowed->routine.ambuild = build_borrowed;
	index->rd_indam = &borrowed->routine;
}

/*
 * The cache entry of an index is completed when its rows can be seen, which
 * index_create() sees to right after this call; so do it here.
 */
static void
watch_creation(ObjectAccessType access, Oid class, Oid object, int column, void *arg)
{
	Relation	index;

	if (next_hook != NULL)
		next_hook(access, class, object, column, arg);
	if (access != OAT_POST_CREATE || class != RelationRelationId || column != 0)
		return;
	index = RelationIdGetRelation(object);
	if (!RelationIsValid(index))
		return;
	if (index->rd_rel->relkind == RELKIND_INDEX)
	{
		set_outcome(index, INDEX_BUILT_BY_SERVER, "access method");
		CommandCounterIncrement();
		if (index->rd_indam != NULL && index->rd_indam->ambuild == btbuild)
			borrow_method(index);
	}
	RelationClose(index);
}

void
pgcopy_index_build_during(void (*run) (void *arg), void *arg, const char *name,
						  IndexOutcome *outcome)
{
	Assert(object_access_hook != watch_creation);
	current_outcome = outcome;
	current_name = name;
	next_hook = object_access_hook;
	object_access_hook = watch_creation;
	PG_TRY();
	{
		run(arg);
	}
	PG_FINALLY();
	{
		object_access_hook = next_hook;
		next_hook = NULL;
		current_outcome = NULL;
		current_name = NULL;
	}
	PG_END_TRY();
}
