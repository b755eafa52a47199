/*-------------------------------------------------------------------------
 *
 * word_parallel.c
 *	  Keys of fixed width, collected and sorted by several processes.
 *
 * The builder and the server's parallel workers take blocks of the heap in turn; each
 * collects the keys of its own as words.c does, in an equal part of the memory.  Then
 *
 *	worker -> builder	Found: what its keys are like, or why it cannot go on
 *	builder -> workers	the decision, with what the keys of all are like
 *	worker -> builder	a reason, or none: it has packed and sorted its keys
 *	worker -> builder	these, as fast as the builder merges and writes them
 *
 * A worker that has not begun when all blocks are taken is not waited for.
 *
 * So all pack in the same way, and nothing is written before the last doubt.  An error
 * in a worker is thrown in the builder; if that ends, the server ends the workers.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/parallel.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/condition_variable.h"
#include "storage/proc.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/wait_event.h"

#include "base/compat.h"
#include "base/testpoint.h"
#include "index/pack.h"
#include "index/row.h"
#include "index/sort.h"
#include "index/word_merge.h"
#include "index/word_parallel.h"

#ifndef PGCOPY_LIBRARY
#define PGCOPY_LIBRARY "pgcopydb_ext"
#endif

#define KEY_BUILD UINT64CONST(1)
#define KEY_QUEUES UINT64CONST(2)

#define QUEUE_SIZE ((Size) 512 * 1024)

#define REASON_LENGTH 80

/* What the keys of one process, or of all, are like. */
typedef struct Found
{
	char		reason[REASON_LENGTH];	/* "": none */
	BlockNumber nread;
	uint64		rows;
	uint64		last_row;
	uint8		null_columns;
	uint64		least[MAX_WORDS];
	uint64		most[MAX_WORDS];
} Found;

typedef enum Decision
{
	DECISION_OPEN,
	DECISION_STOP,
	DECISION_GO
} Decision;

/* Written by the builder; what is not atomic before others look at it. */
typedef struct SharedBuild
{
	Oid			heap;
	Oid			index;
	Size		memory;			/* of each process */
	SharedScan	scan;
	Found		all;			/* with the decision */
	pg_atomic_uint32 decision;	/* a Decision */
	ConditionVariable decided;

	/* Of each worker; it takes part if it sets it, and not if the builder does. */
	pg_atomic_flag has_place[FLEXIBLE_ARRAY_MEMBER];
} SharedBuild;

/* The sorted entries of this process. */
typedef struct Run
{
	Packing		packing;
	int			width;			/* numbers of an entry; word_merge.h */
	int			row_bits;		/* of an entry that is one number */
	uint64	   *entries;
} Run;

/* The builder's side. */
typedef struct Team
{
	ParallelContext *context;
	SharedBuild *shared;
	int			nlaunched;
	shm_mq_handle **queues;		/* of those, then of the workers that take part */
	uint64	   *rows;			/* of each worker */
	int			nworkers;
} Team;

/* How many rows has a heap, if all pages are like one in its middle? */
static double
expect_rows(Relation heap, BlockNumber nblocks)
{
	Buffer		buffer = ReadBuffer(heap, nblocks / 2);
	double		rows;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	rows = (double) PageGetMaxOffsetNumber(BufferGetPage(buffer)) * nblocks;
	UnlockReleaseBuffer(buffer);
	return rows;
}

/* What does not fit into memory is not begun: it would be started over, alone. */
int
pgcopy_word_parallel_plan(const IndexBuild *build)
{
	Size		width = build->keys.nkeys == 1 && build->keys.columns[0].length <= 8 ?
		2 * sizeof(uint64) : 2 * sizeof(SortTriple);
	int			workers = build->keys.is_evaluated ? 0 : pgcopy_build_workers(build);

	if (workers == 0 ||
		expect_rows(build->heap, RelationGetNumberOfBlocks(build->heap)) * width >
		(double) maintenance_work_mem * 1024)
		return 0;
	return workers;
}

/*-------------------------------------------------------------------------
 * Each process
 *-------------------------------------------------------------------------
 */

static void
set_reason(Found *found, const char *reason)
{
	if (reason != NULL)
		strlcpy(found->reason, reason, REASON_LENGTH);
}

static void
collect(IndexBuild *build, Words *words, Found *found)
{
	set_reason(found, pgcopy_words_collect(build, words));
	found->nread = build->share->nread;
	found->rows = words->count;
	found->last_row = words->count > 0 ? words->rows[words->count - 1] : 0;
	found->null_columns = words->null_columns;
	for (int i = 0; i < words->nwords; i++)
	{
		found->least[i] = words->words[i].least;
		found->most[i] = words->words[i].most;
	}
}

/* Look at our keys as at those of all. */
static const char *
adopt(Words *words, const Found *all)
{
	for (int i = 0; i < words->nwords; i++)
	{
		words->words[i].least = all->least[i];
		words->words[i].most = all->most[i];
	}
	words->null_columns = all->null_columns;
	if (all->null_columns != 0 && words->nulls == NULL && words->count > 0)
	{
		words->nulls = pgcopy_memory_alloc(words->build->memory, words->count);
		if (words->nulls == NULL)
			return REASON_MEMORY;
	}
	return NULL;
}

static const char *
make_run(Words *words, const Found *all, Run *run)
{
	const char *reason = adopt(words, all);

	if (reason != NULL)
		return reason;
	if (!pgcopy_pack_plan(words, &run->packing))
		return REASON_WORDS;
	run->row_bits = pgcopy_pack_bits(all->last_row);
	run->width = 1;
	if (run->packing.low_bits > 0 || run->packing.high_bits + run->row_bits > HALF_BITS)
		run->width = sizeof(SortTriple) / sizeof(uint64);
	if (words->count == 0)
		return NULL;
	if (run->width == 1)
		run->entries = pgcopy_pack_numbers(words, &run->packing, run->row_bits);
	else
		run->entries = (uint64 *) pgcopy_pack_triples(words, &run->packing);
	return run->entries == NULL ? REASON_MEMORY : NULL;
}

/*-------------------------------------------------------------------------
 * A worker
 *-------------------------------------------------------------------------
 */

static void
wait_for_decision(SharedBuild *shared)
{
	ConditionVariablePrepareToSleep(&shared->decided);
	while (pg_atomic_read_u32(&shared->decision) == DECISION_OPEN)
		ConditionVariableSleep(&shared->decided, PG_WAIT_EXTENSION);
	ConditionVariableCancelSleep();
	pg_read_barrier();
}

/* If nobody wants what is sent, the builder has failed and ends this process. */
static void
participate(IndexBuild *build, SharedBuild *shared, shm_mq_handle *queue)
{
	Words		words;
	Run			run = {0};
	Found		found = {0};
	const char *reason;

	PGCOPY_TEST_POINT("index", "worker");
	collect(build, &words, &found);
	if (pgcopy_queue_send(queue, sizeof(found), &found) != SHM_MQ_SUCCESS)
		return;
	wait_for_decision(shared);
	if (pg_atomic_read_u32(&shared->decision) == DECISION_STOP)
		return;
	reason = make_run(&words, &shared->all, &run);
	set_reason(&found, reason);
	if (pgcopy_queue_send(queue, sizeof(found), &found) != SHM_MQ_SUCCESS)
		return;
	PGCOPY_TEST_POINT("index", "sorted");
	if (reason == NULL)
		(void) pgcopy_word_merge_send(queue, run.entries, words.count, run.width);
}

static shm_mq *
queue_of(shm_toc *toc, int worker)
{
	char	   *queues = shm_toc_lookup(toc, KEY_QUEUES, false);

	return (shm_mq *) (queues + worker * QUEUE_SIZE);
}

void
pgcopy_word_parallel_main(dsm_segment *segment, shm_toc *toc)
{
	SharedBuild *shared = shm_toc_lookup(toc, KEY_BUILD, false);
	shm_mq	   *queue = queue_of(toc, ParallelWorkerNumber);
	ScanShare	share = {.scan = &shared->scan, .number = ParallelWorkerNumber + 1};
	IndexBuild	build = {.share = &share};
	shm_mq_handle *handle;
	const char *reason;

	if (!pg_atomic_test_set_flag(&shared->has_place[ParallelWorkerNumber]))
		return;
	shm_mq_set_sender(queue, MyProc);
	handle = shm_mq_attach(queue, segment, NULL);
	/* the locks that the builder has */
	build.heap = table_open(shared->heap, ShareLock);
	build.index = index_open(shared->index, AccessExclusiveLock);
	build.info = BuildIndexInfo(build.index);
	build.memory = pgcopy_memory_create(shared->memory);
	reason = pgcopy_key_describe(build.heap, build.index, build.info, &build.keys);
	if (reason != NULL)
		elog(ERROR, "unexpected reason not to build index \"%s\": %s",
			 RelationGetRelationName(build.index), reason);
	participate(&build, shared, handle);
	shm_mq_detach(handle);
	index_close(build.index, AccessExclusiveLock);
	table_close(build.heap, ShareLock);
}

/*-------------------------------------------------------------------------
 * The builder
 *-------------------------------------------------------------------------
 */

static void
fill_shared(const IndexBuild *build, SharedBuild *shared, int nprocesses)
{
	memset(shared, 0, sizeof(SharedBuild));
	shared->heap = RelationGetRelid(build->heap);
	shared->index = RelationGetRelid(build->index);
	shared->memory = (Size) maintenance_work_mem * 1024 / nprocesses;
	for (int i = 0; i < nprocesses - 1; i++)
		pg_atomic_init_flag(&shared->has_place[i]);
	shared->scan.nblocks = RelationGetNumberOfBlocks(build->heap);
	shared->scan.nprocesses = nprocesses;
	shared->scan.is_dealt = pgcopy_testpoint_lies("index dealt");
	pg_atomic_init_u64(&shared->scan.next, 0);
	pg_atomic_init_u32(&shared->decision, DECISION_OPEN);
	ConditionVariableInit(&shared->decided);
}

static void
make_queues(Team *team, shm_toc *toc, int nworkers)
{
	char	   *queues = shm_toc_allocate(toc, nworkers * QUEUE_SIZE);

	team->queues = palloc(nworkers * sizeof(shm_mq_handle *));
	team->rows = palloc0(nworkers * sizeof(uint64));
	for (int i = 0; i < nworkers; i++)
	{
		shm_mq	   *queue = shm_mq_create(queues + i * QUEUE_SIZE, QUEUE_SIZE);

		shm_mq_set_receiver(queue, MyProc);
		team->queues[i] = shm_mq_attach(queue, team->context->seg, NULL);
	}
	shm_toc_insert(toc, KEY_QUEUES, queues);
}

/* Start workers. */
static void
begin_team(IndexBuild *build, int nworkers, Team *team)
{
	Size		size = offsetof(SharedBuild, has_place) + nworkers * sizeof(pg_atomic_flag);
	ParallelContext *context;

	EnterParallelMode();
	team->context = context = CreateParallelContext(PGCOPY_LIBRARY,
													"pgcopy_word_parallel_main", nworkers);
	shm_toc_estimate_chunk(&context->estimator, size);
	shm_toc_estimate_chunk(&context->estimator, mul_size(nworkers, QUEUE_SIZE));
	shm_toc_estimate_keys(&context->estimator, 2);
	InitializeParallelDSM(context);
	if (context->seg == NULL)
		return;
	team->shared = shm_toc_allocate(context->toc, size);
	fill_shared(build, team->shared, nworkers + 1);
	shm_toc_insert(context->toc, KEY_BUILD, team->shared);
	make_queues(team, context->toc, nworkers);
	LaunchParallelWorkers(context);
	team->nlaunched = context->nworkers_launched;
	for (int i = 0; i < team->nlaunched; i++)
		shm_mq_set_handle(team->queues[i], context->worker[i].bgwhandle);
}

static void
decide(Team *team, Decision decision)
{
	pg_write_barrier();
	pg_atomic_write_u32(&team->shared->decision, decision);
	ConditionVariableBroadcast(&team->shared->decided);
}

static void
end_team(Team *team)
{
	for (int i = 0; i < team->nworkers; i++)
		shm_mq_detach(team->queues[i]);
	if (team->nlaunched > 0)
		WaitForParallelWorkersToFinish(team->context);
	DestroyParallelContext(team->context);
	ExitParallelMode();
}

/* The reason of another process, for as long as the statement's outcome is looked at. */
static const char *
keep_reason(const Found *found)
{
	return found->reason[0] == '\0' ? NULL :
		MemoryContextStrdup(TopTransactionContext, found->reason);
}

static const Found *
receive_found(Team *team, int worker)
{
	Size		size;
	const Found *found = pgcopy_word_merge_receive(team->context, team->queues[worker],
												   &size);

	if (size != sizeof(Found))
		elog(ERROR, "unexpected message of %zu bytes", size);
	return found;
}

static void
add_found(Found *all, const Found *found, int nwords)
{
	if (all->reason[0] == '\0')
		set_reason(all, found->reason);
	all->nread += found->nread;
	all->rows += found->rows;
	all->last_row = Max(all->last_row, found->last_row);
	all->null_columns |= found->null_columns;
	for (int i = 0; i < nwords; i++)
	{
		all->least[i] = Min(all->least[i], found->least[i]);
		all->most[i] = Max(all->most[i], found->most[i]);
	}
}

/* Leave out the workers that have not begun; but a test may wait for them. */
static void
close_team(Team *team)
{
	bool		is_test = pgcopy_testpoint_is_set();

	for (int i = 0; i < team->nlaunched; i++)
	{
		if (is_test || !pg_atomic_test_set_flag(&team->shared->has_place[i]))
			team->queues[team->nworkers++] = team->queues[i];
	}
}

/* Read the heap with the others; returns a reason of any of them. */
static const char *
collect_all(IndexBuild *build, Team *team, Words *words)
{
	SharedBuild *shared = team->shared;
	ScanShare	share = {.scan = &shared->scan};
	Found	   *all = &shared->all;

	build->share = &share;
	collect(build, words, all);
	build->share = NULL;
	close_team(team);
	build->processes = all->nread > 0 ? 1 : 0;
	for (int i = 0; i < team->nworkers; i++)
	{
		const Found *found = receive_found(team, i);

		team->rows[i] = found->rows;
		build->processes += found->nread > 0 ? 1 : 0;
		add_found(all, found, words->nwords);
	}
	if (all->reason[0] == '\0' && all->nread != shared->scan.nblocks)
		elog(ERROR, "%u of %u blocks have been read", all->nread, shared->scan.nblocks);
	build->rows = all->rows;
	return keep_reason(all);
}

/* Pack and sort with the others; returns a reason of any of them. */
static const char *
make_all_runs(Team *team, Words *words, Run *run)
{
	Packing		packing = {0};
	const char *reason = adopt(words, &team->shared->all);

	if (reason == NULL && !pgcopy_pack_plan(words, &packing))
		reason = REASON_WORDS;
	if (reason != NULL)
		return reason;
	decide(team, DECISION_GO);
	reason = make_run(words, &team->shared->all, run);
	for (int i = 0; i < team->nworkers; i++)
	{
		const Found *found = receive_found(team, i);

		if (reason == NULL)
			reason = keep_reason(found);
	}
	return reason;
}

static WordStream *
merge_all(Team *team, const Words *words, const Run *run)
{
	WordStream **streams = palloc((team->nworkers + 1) * sizeof(WordStream *));

	for (int i = 0; i <= team->nworkers; i++)
	{
		streams[i] = palloc0(sizeof(WordStream));
		streams[i]->width = run->width;
	}
	for (int i = 0; i < team->nworkers; i++)
	{
		streams[i]->left = team->rows[i];
		streams[i]->context = team->context;
		streams[i]->queue = team->queues[i];
	}
	if (words->count > 0)
	{
		streams[team->nworkers]->next = run->entries;
		streams[team->nworkers]->end = run->entries + words->count * run->width;
	}
	return pgcopy_word_merge(streams, team->nworkers + 1);
}

static void
write_all(Words *words, const Run *run, WordStream *stream)
{
	IndexBuild *build = words->build;
	PackWriter *writer = pgcopy_pack_begin(words, &run->packing);
	uint64		mask = (UINT64CONST(1) << run->row_bits) - 1;
	int64		written = 0;

	while (pgcopy_word_merge_fill(stream))
	{
		const uint64 *entry = stream->next;

		written += (stream->end - entry) / run->width;
		if (run->width == 1)
			for (; entry < stream->end; entry++)
				pgcopy_pack_put(writer, (Packed) {*entry >> run->row_bits, 0}, *entry & mask);
		else
			for (; entry < stream->end; entry += run->width)
				pgcopy_pack_put(writer, (Packed) {entry[0], entry[1]}, entry[2]);
		stream->next = entry;
		pgcopy_build_report(build, written);
	}
	if (written != build->rows)
		elog(ERROR, INT64_FORMAT " of " INT64_FORMAT " rows have been written", written,
			 build->rows);
}

static const char *
build_with(IndexBuild *build, Team *team)
{
	Words		words;
	Run			run = {0};
	const char *reason = collect_all(build, team, &words);

	if (reason == NULL)
		reason = make_all_runs(team, &words, &run);
	if (reason == NULL)
		write_all(&words, &run, merge_all(team, &words, &run));
	else
		decide(team, DECISION_STOP);
	if (run.width > 1 && run.entries != NULL)
		pgcopy_memory_free(build->memory, run.entries);
	pgcopy_words_free(&words);
	return reason;
}

const char *
pgcopy_word_parallel_build(IndexBuild *build, int nworkers)
{
	Team		team = {0};
	const char *reason = REASON_ALONE;

	begin_team(build, nworkers, &team);
	if (team.nlaunched > 0)
	{
		pgcopy_memory_limit(build->memory, team.shared->memory);
		reason = build_with(build, &team);
		pgcopy_memory_limit(build->memory, (Size) maintenance_work_mem * 1024);
	}
	end_team(&team);
	if (reason != NULL)
		build->processes = 1;
	return reason;
}
