/*-------------------------------------------------------------------------
 *
 * queue_withheld.c
 *	  Tables that are not to be read under the present snapshot.
 *
 * A snapshot that was taken under locks has a position for the locked tables alone
 * (stream/slot_lock.c).  The others are withheld until there is one for them.  So
 * snapshots follow each other: once nothing is left to read under this one, the next is
 * due.  Builds go on all the time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/bitmapset.h"

#include "run/queue_state.h"

static bool
is_copy(const QueueItem *item)
{
	return pgcopy_item_kind_traits(item->kind)->needs_snapshot;
}

/* What ran when the catalog was read is pending (pgcopy_queue_open_stage()). */
static bool
is_left(const QueueItem *item)
{
	return item->state == ITEM_PENDING || item->state == ITEM_RUNNING;
}

/* An item in a list is found there again unless it is withheld. */
static void
forget_withheld(Queue *queue)
{
	ListCell   *lc;

	foreach(lc, queue->through_leader)
	{
		QueueItem  *item = lfirst(lc);

		if (!item->is_withheld)
			continue;
		item->through_leader = false;
		queue->through_leader = foreach_delete_current(queue->through_leader, lc);
	}
}

void
pgcopy_queue_withhold(Queue *queue, const List *relations)
{
	Bitmapset  *withheld = NULL;
	ListCell   *lc;

	foreach(lc, relations)
		withheld = bms_add_member(withheld, lfirst_int(lc));
	queue->withheld = 0;
	for (int i = 0; i < queue->nitems; i++)
	{
		QueueItem  *item = &queue->items[i];

		item->is_withheld = item->kind == ITEM_TABLE && is_left(item) &&
			bms_is_member(item->relation, withheld);
		queue->withheld += item->is_withheld;
	}
	bms_free(withheld);
	forget_withheld(queue);
	for (int i = 0; i < queue->nitems; i++)
	{
		QueueItem  *item = &queue->items[i];

		if (item->kind == ITEM_TABLE && item->not_before == 0 && !item->through_leader)
			pgcopy_queue_state_make_ready(queue, item);
	}
}

/* Can a copy be done under the present snapshot, now or after a while? */
static bool
can_be_done(const Queue *queue, const QueueItem *item)
{
	return item->state == ITEM_RUNNING ||
		(item->state == ITEM_PENDING && item->waits_for == 0 && !item->is_withheld &&
		 !item->is_held && !item->is_behind);
}

bool
pgcopy_queue_needs_snapshot(const Queue *queue)
{
	if (queue->withheld == 0 || queue->ready[LINE_COPY] > 0 || queue->source_is_away)
		return false;
	for (int i = 0; i < queue->nitems; i++)
	{
		const QueueItem *item = &queue->items[i];

		if (item->stage == queue->stage && is_copy(item) && can_be_done(queue, item))
			return false;
	}
	return true;
}
