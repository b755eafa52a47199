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

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "run/queue.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(pgcopy_queue_foreign_keys);
PG_FUNCTION_INFO_V1(pgcopy_queue_held_items);

/* Assignments at a time, as with index_jobs => 4. */
#define JOBS 4
#define MAX_BATCH 64

/* A table with two foreign keys has so many items. */
#define ITEMS_PER_TABLE 4

/* The job whose items are in scene_items. */
#define SCENE_JOB (-1)

static List *scene_items;

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

	if (job == SCENE_JOB)
		return scene_items;
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

/* Items that lack each other, and what has become of them. */
typedef struct Scene
{
	Queue	   *queue;
	const int32 *lacks;			/* number of an item, by item */
	RetryNeed	need;
	StringInfoData done;
	StringInfoData given_up;
} Scene;

static const int32 *
get_integers(ArrayType *array, int n)
{
	if (ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) != n)
		elog(ERROR, "there must be %d numbers", n);
	return (const int32 *) ARR_DATA_PTR(array);
}

static List *
make_scene_items(const char *kinds, const int32 *turns)
{
	List	   *items = NIL;
	int			table = 0;

	for (int i = 0; kinds[i] != '\0'; i++)
	{
		JobItem    *item = make_item(i + 1, kinds[i] == 't' ? ITEM_TABLE :
									 kinds[i] == 'i' ? ITEM_INDEX : ITEM_POST_DATA, 0, 0);

		if (kinds[i] == 't')
			table = i + 1;
		if (kinds[i] == 's')
			item->stage = STAGE_POST_DATA;
		else
			item->relation = table;
		if (kinds[i] == 'i')
			item->depends = list_make1_int(table);
		item->turn = (ItemTurn) turns[i];
		item->cost = 100 * 1024 * 1024 - i;	/* alone, in this order */
		items = lappend(items, item);
	}
	return items;
}

/* Is there what an item lacks? */
static bool
has_all(Scene *scene, int no)
{
	int			lack = scene->lacks[no - 1];

	if (lack == 0)
		return true;
	return lack <= pgcopy_queue_size(scene->queue) &&
		pgcopy_queue_item(scene->queue, lack)->state == ITEM_DONE;
}

static void
end_taken(Scene *scene, int no, bool has_all)
{
	if (!has_all)
	{
		pgcopy_queue_hold(scene->queue, no, scene->need);
		return;
	}
	pgcopy_queue_done(scene->queue, no);
	appendStringInfo(&scene->done, " %d", no);
}

/* Take as many as there are jobs, then end them; the first ones first. */
static void
do_some(Scene *scene, int jobs)
{
	int			taken[2 * JOBS];
	bool		found[2 * JOBS];
	int			n = 0;

	for (QueueLine line = LINE_COPY; line < QUEUE_LINES; line++)
	{
		for (int i = 0; i < jobs; i++)
		{
			if (pgcopy_queue_take(scene->queue, line, jobs, &taken[n], 1) == 1)
				n++;
		}
	}
	for (int i = 0; i < n; i++)
		found[i] = has_all(scene, taken[i]);
	for (int i = 0; i < n; i++)
		end_taken(scene, taken[i], found[i]);
}

static void
give_up_held(Scene *scene)
{
	List	   *held = pgcopy_queue_list_held(scene->queue);
	ListCell   *lc;

	foreach(lc, held)
	{
		appendStringInfo(&scene->given_up, " %d", lfirst_int(lc));
		(void) pgcopy_queue_fail(scene->queue, lfirst_int(lc));
	}
}

/* What the leader does in the stage of the copies. */
static void
run_stage(Scene *scene, int jobs)
{
	int			rounds = 0;

	pgcopy_queue_open_stage(scene->queue, STAGE_COPYING);
	while (pgcopy_queue_unfinished(scene->queue) > 0)
	{
		if (!pgcopy_queue_release_held(scene->queue) &&
			pgcopy_queue_held(scene->queue) > 0)
		{
			if (pgcopy_queue_leave_held(scene->queue))
				return;
			give_up_held(scene);
		}
		do_some(scene, jobs);
		if (++rounds > 100)
			elog(ERROR, "the rounds do not end");
	}
}

/* What it does in the stage after it.  Returns how many statements are left. */
static int
run_statements(Scene *scene)
{
	int			left = 0;

	pgcopy_queue_open_stage(scene->queue, STAGE_POST_DATA);
	for (int no = 1; no <= pgcopy_queue_size(scene->queue); no++)
	{
		QueueItem  *item = pgcopy_queue_item(scene->queue, no);

		if (item->stage != STAGE_POST_DATA || item->state != ITEM_PENDING)
			continue;
		if (has_all(scene, no))
			end_taken(scene, no, true);
		else if (pgcopy_queue_held(scene->queue) > 0)
			left++;
		else
		{
			appendStringInfo(&scene->given_up, " %d", no);
			(void) pgcopy_queue_fail(scene->queue, no);
		}
	}
	return left;
}

static int
count_attempts(Queue *queue)
{
	int			most = 0;

	for (int no = 1; no <= pgcopy_queue_size(queue); no++)
		most = Max(most, pgcopy_queue_item(queue, no)->attempts);
	return most;
}

Datum
pgcopy_queue_held_items(PG_FUNCTION_ARGS)
{
	char	   *kinds = text_to_cstring(PG_GETARG_TEXT_PP(0));
	int			jobs = Min(PG_GETARG_INT32(3), JOBS);
	Scene		scene = {
		.lacks = get_integers(PG_GETARG_ARRAYTYPE_P(2), strlen(kinds)),
		.need = PG_GETARG_BOOL(4) ? NEED_OBJECTS : NEED_ROWS
	};
	TupleDesc	desc;
	bool		nulls[2] = {false, false};
	Datum		values[2];
	int			passes = 0;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "a row is returned");
	initStringInfo(&scene.done);
	initStringInfo(&scene.given_up);
	scene_items = make_scene_items(kinds, get_integers(PG_GETARG_ARRAYTYPE_P(1), strlen(kinds)));
	scene.queue = pgcopy_queue_load(SCENE_JOB);
	do
	{
		if (++passes > 100)
			elog(ERROR, "the stages do not end: done%s, given up%s, %d held",
				 scene.done.data, scene.given_up.data, pgcopy_queue_held(scene.queue));
		run_stage(&scene, jobs);
	} while (run_statements(&scene) > 0 || pgcopy_queue_held(scene.queue) > 0);

	values[0] = CStringGetTextDatum(psprintf("%s |%s", scene.done.data,
											 scene.given_up.data));
	values[1] = Int32GetDatum(count_attempts(scene.queue));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}
