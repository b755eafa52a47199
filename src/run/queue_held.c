/*-------------------------------------------------------------------------
 *
 * queue_held.c
 *	  Items that failed and wait for what they may lack; and turns.
 *
 * A CHECK may look up rows of a table that is not here yet, a regclass value
 * name an index that is not built.  Nobody knows what such an item lacks.  So
 * it is held until the other copies are through, and then once more until all
 * that can be done is; and each time only if something was done since its last
 * attempt began.  Items that lack each other's rows come in as many rounds as
 * they need; those that nothing helps end the rounds.
 *
 * Held items stay unfinished: their snapshot is kept, and what depends on them
 * waits.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "run/queue_state.h"

void
pgcopy_queue_state_recall_behind(Queue *queue)
{
	List	   *behind = queue->behind;
	ListCell   *lc;

	queue->behind = NIL;
	foreach(lc, behind)
	{
		QueueItem  *item = lfirst(lc);

		item->is_behind = false;
		pgcopy_queue_state_make_ready(queue, item);
	}
	list_free(behind);
}

void
pgcopy_queue_state_count_turn(Queue *queue, const QueueItem *item, int change)
{
	if (item->kind != ITEM_TABLE)
		return;
	queue->turn_left[item->turn] += change;
	Assert(queue->turn_left[item->turn] >= 0);
	if (queue->turn_left[item->turn] == 0)
		pgcopy_queue_state_recall_behind(queue);
}

void
pgcopy_queue_hold(Queue *queue, int no, RetryNeed need)
{
	MemoryContext caller = MemoryContextSwitchTo(queue->context);
	QueueItem  *item = pgcopy_queue_item(queue, no);

	Assert(item->state == ITEM_RUNNING && !item->is_held);
	item->is_held = true;
	item->needs_objects = need == NEED_OBJECTS;
	queue->held = lappend(queue->held, item);
	pgcopy_queue_put_back(queue, no, 0);
	pgcopy_queue_state_count_turn(queue, item, -1);
	MemoryContextSwitchTo(caller);
}

/*
 * Was anything done since an item's last attempt began that may help it?  Late
 * items read each other: views are refreshed.
 */
static bool
may_be_helped(const Queue *queue, const QueueItem *item)
{
	return item->needs_objects || item->stage == STAGE_LATE ? queue->items_done > item->items_seen :
		queue->copies_done > item->copies_seen;
}

/* The same, but for copies alone. */
static bool
may_be_helped_by_copies(const Queue *queue, const QueueItem *item)
{
	return queue->copies_done > item->copies_seen;
}

static bool
release(Queue *queue, bool (*is_chosen) (const Queue *queue, const QueueItem *item))
{
	List	   *held = queue->held;
	ListCell   *lc;
	bool		is_any = false;

	queue->held = NIL;
	foreach(lc, held)
	{
		QueueItem  *item = lfirst(lc);

		if (item->stage != queue->stage || !is_chosen(queue, item))
		{
			queue->held = lappend(queue->held, item);
			continue;
		}
		is_any = true;
		item->is_held = false;
		pgcopy_queue_state_count_turn(queue, item, 1);
		pgcopy_queue_state_make_ready(queue, item);
	}
	list_free(held);
	return is_any;
}

/* Are the copies of this stage done, given up or held? */
static bool
are_copies_through(const Queue *queue)
{
	for (int turn = 0; turn < QUEUE_TURNS; turn++)
	{
		if (queue->turn_left[turn] > 0)
			return false;
	}
	return true;
}

/* Does nothing run, and can nothing be handed out, now or later? */
static bool
is_at_rest(const Queue *queue)
{
	return queue->running == 0 && queue->ready[LINE_COPY] == 0 &&
		queue->ready[LINE_BUILD] == 0 &&
		pairingheap_is_empty(queue->foreign_keys) && queue->delayed == NIL &&
		queue->away == NIL && queue->through_leader == NIL && queue->withheld == 0;
}

bool
pgcopy_queue_release_held(Queue *queue)
{
	MemoryContext caller = MemoryContextSwitchTo(queue->context);
	bool		goes_on = true;

	if (queue->held != NIL && are_copies_through(queue))
		(void) release(queue, may_be_helped_by_copies);
	if (is_at_rest(queue))
	{
		goes_on = queue->held != NIL && release(queue, may_be_helped);
		if (!goes_on && queue->behind != NIL)
		{
			/* what they wait for waits for a held item */
			queue->ignores_turns = true;
			pgcopy_queue_state_recall_behind(queue);
			goes_on = true;
		}
	}
	MemoryContextSwitchTo(caller);
	return goes_on;
}

static int
compare_held(const ListCell *a, const ListCell *b)
{
	return lfirst_int(a) - lfirst_int(b);
}

List *
pgcopy_queue_list_held(Queue *queue)
{
	List	   *numbers = NIL;
	ListCell   *lc;

	foreach(lc, queue->held)
		numbers = lappend_int(numbers, ((QueueItem *) lfirst(lc))->no);
	list_sort(numbers, compare_held);
	return numbers;
}

int
pgcopy_queue_held(Queue *queue)
{
	return list_length(queue->held);
}

bool
pgcopy_queue_leave_held(Queue *queue)
{
	ListCell   *lc;

	if (queue->stage != STAGE_COPYING || queue->items_done <= queue->items_left_at)
		return false;
	foreach(lc, queue->held)
	{
		if (((QueueItem *) lfirst(lc))->needs_objects)
		{
			queue->items_left_at = queue->items_done;
			return true;
		}
	}
	return false;
}
