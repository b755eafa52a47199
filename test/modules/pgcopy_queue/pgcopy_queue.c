/*-------------------------------------------------------------------------
 *
 * pgcopy_queue.c
 *	  The leader's queue with items that nobody works on: what hand-out costs.
 *
 * The queue is compiled in here; the items it reads are made up.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <time.h>

#include "fmgr.h"
#include "utils/memutils.h"

#include "run/queue.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(pgcopy_queue_foreign_keys);

/* Assignments at a time, as with index_jobs => 4. */
#define JOBS 4
#define MAX_BATCH 64

/* A table with two foreign keys has so many items. */
#define ITEMS_PER_TABLE 4

static JobItem *
make_item(int no, ItemKind kind, int relation, int referenced)
{
	JobItem    *item = palloc0(sizeof(JobItem));

	item->no = no;
	item->kind = kind;
	item->stage = STAGE_COPYING;
	item->state = ITEM_PENDING;
	item->relation = relation;
	item->referenced = referenced;
	item->cost = no % 1000 + 1;
	item->range_end = -1;
	return item;
}

/* Stands in for the catalog's: "job" is the number of tables. */
List *
pgcopy_item_fetch_all(int64 job)
{
	List	   *items = NIL;

	for (int i = 0; i < job; i++)
	{
		for (int key = 0; key < ITEMS_PER_TABLE / 2; key++)
		{
			int			no = list_length(items) + 1;
			JobItem    *validate = make_item(no + 1, ITEM_VALIDATE, i + 3, key + 1);

			validate->depends = list_make1_int(no);
			items = lappend(items, make_item(no, ITEM_FOREIGN_KEY, i + 3, key + 1));
			items = lappend(items, validate);
		}
	}
	return items;
}

/* Only one foreign key may be added at a time. */
static void
check_turn(Queue *queue)
{
	int			running = 0;

	for (int no = 1; no <= pgcopy_queue_size(queue); no++)
	{
		QueueItem  *item = pgcopy_queue_item(queue, no);

		running += item->kind == ITEM_FOREIGN_KEY && item->state == ITEM_RUNNING;
	}
	if (running > 1)
		elog(ERROR, "%d foreign keys are added at the same time", running);
}

static void
run_all(Queue *queue)
{
	int			items[JOBS][MAX_BATCH];
	int			n[JOBS] = {0};
	int			rounds = 0;

	while (pgcopy_queue_unfinished(queue) > 0)
	{
		int			slot = rounds++ % JOBS;

		for (int i = 0; i < n[slot]; i++)
			pgcopy_queue_done(queue, items[slot][i]);
		for (int i = 0; i < JOBS; i++)
		{
			if (i == slot || n[i] == 0)
				n[i] = pgcopy_queue_take(queue, LINE_BUILD, JOBS, items[i], MAX_BATCH);
		}
		if (rounds % 5000 == 0)
			check_turn(queue);
		if (rounds > 20 * pgcopy_queue_size(queue))
			elog(ERROR, "items are left that nobody gets");
	}
}

static double
processor_time(void)
{
	struct timespec used;

	/* getrusage() may count in ticks of the clock */
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return used.tv_sec * 1e6 + used.tv_nsec / 1e3;
}

Datum
pgcopy_queue_foreign_keys(PG_FUNCTION_ARGS)
{
	int			tables = PG_GETARG_INT32(0);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pgcopy queue test",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	Queue	   *queue = pgcopy_queue_load(tables);
	double		started = processor_time();
	double		used;

	pgcopy_queue_open_stage(queue, STAGE_COPYING);
	run_all(queue);
	used = processor_time() - started;
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	PG_RETURN_FLOAT8(used / Max(tables, 1));
}
