/*-------------------------------------------------------------------------
 *
 * pre_data.c
 *	  Statements of pre-data that workers run side by side.
 *
 * Thousands of tables are made faster by several processes.  The plan has found runs
 * of statements, divided into blocks that do not need each other (plan/plan_pre_data.c).
 * A worker gets some blocks and runs them in one transaction, in their order.
 *
 * It only tries: it marks no item as running and records no error.  If a statement
 * fails, or the worker dies, all that it got stay pending, and the leader runs them as
 * it runs all others (serial.c).  So what is a mistake of pg_dump, or of the plan,
 * costs time and nothing else.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "run/leader.h"
#include "run/server_area.h"

/* A run with fewer statements is not worth the workers. */
#define LEAST_STATEMENTS (2 * CONTROL_MAX_BATCH)

/* The longest wait, since the figures must move. */
#define TICK 500				/* ms */

/* Does an item belong to a run? */
static bool
is_in_run(const QueueItem *item)
{
	return item->kind == ITEM_PRE_DATA &&
		(item->turn == TURN_BLOCK || item->turn == TURN_IN_BLOCK);
}

static int
get_limit(const Leader *leader)
{
	return Max(leader->job->options.table_jobs, leader->job->options.index_jobs);
}

bool
pgcopy_pre_data_find_run(Leader *leader, int first, int *end)
{
	Queue	   *queue = leader->queue;
	int			size = pgcopy_queue_size(queue);
	int			pending = 0;
	int			no = first;

	for (; no <= size && is_in_run(pgcopy_queue_item(queue, no)); no++)
		pending += pgcopy_queue_item(queue, no)->state == ITEM_PENDING;
	*end = Max(no, first + 1);
	return pending >= LEAST_STATEMENTS && get_limit(leader) > 1 &&
		pgcopy_queue_item(queue, first)->turn == TURN_BLOCK;
}

/*
 * Take the pending items of whole blocks from *next on, as many as fit.  A block that
 * is too large is left to the leader.  Returns how many items.
 */
static int
take_blocks(Queue *queue, int *next, int end, int *items)
{
	int			n = 0;

	while (*next < end)
	{
		int			before = n;
		int			no = *next;

		do
		{
			bool		is_pending = pgcopy_queue_item(queue, no)->state == ITEM_PENDING;

			if (is_pending && n < CONTROL_MAX_BATCH)
				items[n] = no;
			n += is_pending;
			no++;
		} while (no < end && pgcopy_queue_item(queue, no)->turn == TURN_IN_BLOCK);

		if (n > CONTROL_MAX_BATCH && before > 0)
			return before;
		*next = no;
		if (n > CONTROL_MAX_BATCH)
			n = 0;
	}
	return n;
}

/* The items of an assignment are done together, or not at all. */
static void
handle_event(Leader *leader, const WorkerEvent *event)
{
	bool		is_done = event->has_died ?
		pgcopy_leader_read_state(leader, event->items[0]) == ITEM_DONE :
		event->outcome == OUTCOME_DONE;

	for (int i = 0; is_done && i < event->nitems; i++)
		pgcopy_queue_done(leader->queue, event->items[i]);
}

static int
count_busy(const Leader *leader)
{
	Control    *control = leader->control;
	int			busy = 0;

	for (int i = 0; i < control->nslots; i++)
		busy += pgcopy_control_has_assignment(control, &control->slots[i]);
	return busy;
}

/* Hand out blocks to idle workers, and start more.  Returns how many are busy. */
static int
hand_out(Leader *leader, int *next, int end)
{
	int			limit = get_limit(leader);
	int			busy = count_busy(leader);
	int			slot;

	while (*next < end && busy < limit &&
		   (slot = pgcopy_workers_find_idle(leader->workers)) >= 0)
	{
		int			items[CONTROL_MAX_BATCH];
		int			n = take_blocks(leader->queue, next, end, items);
		BuildShare	share = {0};

		if (n == 0)
			break;
		pgcopy_workers_assign(leader->workers, slot, items, n, share);
		busy++;
	}
	pgcopy_workers_limit(leader->workers, pgcopy_server_area_limit());
	if (*next < end)
		pgcopy_workers_start(leader->workers,
							 limit - pgcopy_workers_count(leader->workers));
	return busy;
}

void
pgcopy_pre_data_run(Leader *leader, int first, int end)
{
	int			next = first;

	for (;;)
	{
		WorkerEvent event;
		int			busy;

		while (pgcopy_workers_next_event(leader->workers, &event))
			handle_event(leader, &event);
		busy = hand_out(leader, &next, end);
		pgcopy_leader_publish(leader);
		if (busy == 0 && (next >= end || pgcopy_workers_count(leader->workers) == 0))
			return;
		pgcopy_process_wait(TICK);
	}
}
