/*-------------------------------------------------------------------------
 *
 * queue.c
 *	  The items of a job in the leader's memory: what can be done now.
 *
 * Workers never search pgcopy.item: while an old transaction is open, as every
 * long load is, that takes quadratic time.  The leader reads the table once
 * and keeps, per line, a heap of ready items, longest first, and per item a
 * count of unfinished dependencies.
 *
 * No item is handed out whose lock on a table would wait for a running item:
 * the queue counts each table's holders by lock mode.  Such an item joins the
 * table's waiters until a holder ends.  Items that need a source that is away
 * have their own list.  Foreign keys are added one at a time, before other
 * builds, and have their own heap, which is ignored while one is being added.
 * Items of later turns wait until the copies of lower ones are through.  What
 * failed for want of something else is held (queue_held.c); tables that another
 * snapshot is needed for are withheld (queue_withheld.c).
 *
 * Only the leader calls this.  Nothing here writes the catalog.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/memutils.h"

#include "run/queue_state.h"

/* Hand out items of at least this cost alone. */
#define BATCH_ITEM_COST (1024 * 1024)
/* A batch ends when it reaches this cost. */
#define BATCH_COST (8 * 1024 * 1024)

static const ItemTraits *
traits_of(const QueueItem *item)
{
	return pgcopy_item_kind_traits(item->kind);
}

static QueueLine
line_of(const QueueItem *item)
{
	return traits_of(item)->needs_snapshot ? LINE_COPY : LINE_BUILD;
}

QueueCounts *
pgcopy_queue_counts(Queue *queue)
{
	return &queue->counts;
}

QueueItem *
pgcopy_queue_item(Queue *queue, int no)
{
	Assert(no >= 1 && no <= queue->nitems);
	return &queue->items[no - 1];
}

int
pgcopy_queue_size(Queue *queue)
{
	return queue->nitems;
}

int
pgcopy_queue_unfinished(Queue *queue)
{
	return queue->unfinished;
}

int
pgcopy_queue_unfinished_copies(Queue *queue)
{
	return queue->unfinished_copies;
}

int
pgcopy_queue_unfinished_builds(Queue *queue, int64 *need)
{
	*need = queue->unfinished_need;
	return queue->unfinished_builds;
}

/*
 * To sort takes 16 to 48 bytes a row if keys are of fixed width, else 32 and a copy of
 * the key or two: about as much as the build costs.  A constraint on an existing index
 * has cost 0.
 */
int64
pgcopy_queue_memory_need(const QueueItem *item)
{
	if (!traits_of(item)->sorts)
		return 0;
	return (item->cost + 1023) / 1024;
}

/* Add (+1) or remove (-1) an unfinished item of the current stage. */
static void
count_unfinished(Queue *queue, const QueueItem *item, int change)
{
	int64		need = pgcopy_queue_memory_need(item);

	queue->unfinished += change;
	if (traits_of(item)->needs_snapshot)
		queue->unfinished_copies += change;
	if (!item->is_held)
		pgcopy_queue_state_count_turn(queue, item, change);
	if (change < 0 && queue->unfinished_copies == 0)
		pgcopy_queue_state_recall_behind(queue);
	if (need > 0)
		queue->unfinished_builds += change;
	queue->unfinished_need += change * need;
}

/*
 * Are copies of a lower turn not through?  What is built from computed values
 * waits for held ones too, as long as there is something else to do.
 */
static bool
must_wait_its_turn(const Queue *queue, const QueueItem *item)
{
	if (queue->ignores_turns)
		return false;
	if (item->turn == TURN_COMPUTED_BUILDS)
		return queue->unfinished_copies > 0;
	for (int turn = 0; turn < (int) item->turn; turn++)
	{
		if (queue->turn_left[turn] > 0)
			return true;
	}
	return false;
}

void
pgcopy_queue_state_make_ready(Queue *queue, QueueItem *item)
{
	if (item->state != ITEM_PENDING || item->waits_for > 0 ||
		item->stage != queue->stage || item->is_queued || item->is_held ||
		item->is_behind || item->is_withheld)
		return;
	if (must_wait_its_turn(queue, item))
	{
		MemoryContext caller = MemoryContextSwitchTo(queue->context);

		item->is_behind = true;
		queue->behind = lappend(queue->behind, item);
		MemoryContextSwitchTo(caller);
		return;
	}
	item->is_queued = true;
	if (item->kind == ITEM_FOREIGN_KEY)
	{
		pairingheap_add(queue->foreign_keys, &item->node);
		return;
	}
	pairingheap_add(queue->lines[line_of(item)], &item->node);
	queue->ready[line_of(item)]++;
}

/* Is a foreign key ready, and none being added? */
static bool
has_turn_of_foreign_key(Queue *queue)
{
	return !queue->fk_is_running && !pairingheap_is_empty(queue->foreign_keys);
}

int
pgcopy_queue_ready(Queue *queue, QueueLine line)
{
	return queue->ready[line] +
		(line == LINE_BUILD && has_turn_of_foreign_key(queue) ? 1 : 0);
}

void
pgcopy_queue_open_stage(Queue *queue, ItemStage stage)
{
	queue->stage = stage;
	queue->unfinished = 0;
	queue->unfinished_copies = 0;
	queue->unfinished_builds = 0;
	queue->unfinished_need = 0;
	memset(queue->turn_left, 0, sizeof(queue->turn_left));
	for (int i = 0; i < queue->nitems; i++)
	{
		QueueItem  *item = &queue->items[i];

		if (item->stage != stage)
			continue;
		if (item->state == ITEM_RUNNING)
			item->state = ITEM_PENDING;
		if (item->state == ITEM_PENDING)
			count_unfinished(queue, item, 1);
	}
	for (int i = 0; i < queue->nitems; i++)
		pgcopy_queue_state_make_ready(queue, &queue->items[i]);
}

static bool
would_wait_on(Queue *queue, int relation, LOCKMODE mode)
{
	QueueTable *table = &queue->tables[relation];

	if (relation == 0 || mode == NoLock)
		return false;
	for (LOCKMODE held = AccessShareLock; held < NMODES; held++)
	{
		if (table->holders[held] > 0 && DoLockModesConflict(mode, held))
			return true;
	}
	return false;
}

/* Return the list in which an item must wait, or NULL. */
static List **
find_obstacle(Queue *queue, const QueueItem *item)
{
	if (queue->source_is_away && traits_of(item)->needs_source)
		return &queue->away;
	if (would_wait_on(queue, item->relation, traits_of(item)->lock))
		return &queue->tables[item->relation].waiters;
	if (would_wait_on(queue, item->referenced, traits_of(item)->referenced_lock))
		return &queue->tables[item->referenced].waiters;
	return NULL;
}

/* Note that an item acquires (+1) or releases (-1) its locks. */
static void
hold_locks(Queue *queue, const QueueItem *item, int change)
{
	if (item->relation != 0)
		queue->tables[item->relation].holders[traits_of(item)->lock] += change;
	if (item->referenced != 0)
		queue->tables[item->referenced].holders[traits_of(item)->referenced_lock] += change;
	if (item->kind == ITEM_FOREIGN_KEY)
		queue->fk_is_running = change > 0;
}

static void
start_item(Queue *queue, QueueItem *item)
{
	item->state = ITEM_RUNNING;
	item->attempts++;
	item->copies_seen = queue->copies_done;
	item->items_seen = queue->items_done;
	queue->running++;
	hold_locks(queue, item, 1);
}

/* Remove the first ready item of a line; NULL if there is none. */
static QueueItem *
pop_first(Queue *queue, QueueLine line)
{
	pairingheap *heap = queue->lines[line];
	QueueItem  *item;

	if (line == LINE_BUILD && has_turn_of_foreign_key(queue))
		heap = queue->foreign_keys;
	if (pairingheap_is_empty(heap))
		return NULL;
	item = pairingheap_container(QueueItem, node,
								 pairingheap_remove_first(heap));
	item->is_queued = false;
	if (heap == queue->lines[line])
		queue->ready[line]--;
	return item;
}

/*
 * Remove the first ready item that would not wait; NULL if there is none.
 * Drops items that were taken along with another, left in a serial stage, or withheld.
 */
static QueueItem *
pop_ready(Queue *queue, QueueLine line)
{
	MemoryContext caller = MemoryContextSwitchTo(queue->context);
	QueueItem  *item;

	while ((item = pop_first(queue, line)) != NULL)
	{
		List	  **obstacle;

		if (item->state != ITEM_PENDING || item->stage != queue->stage || item->is_withheld)
			continue;
		obstacle = find_obstacle(queue, item);
		if (obstacle == NULL)
			break;
		*obstacle = lappend(*obstacle, item);
	}
	MemoryContextSwitchTo(caller);
	return item;
}

/* Let items that waited try again. */
static void
recall(Queue *queue, List **waiters)
{
	ListCell   *lc;

	foreach(lc, *waiters)
		pgcopy_queue_state_make_ready(queue, lfirst(lc));
	list_free(*waiters);
	*waiters = NIL;
}

void
pgcopy_queue_set_source_away(Queue *queue, bool is_away)
{
	if (queue->source_is_away == is_away)
		return;
	queue->source_is_away = is_away;
	recall(queue, &queue->away);
}

void
pgcopy_queue_begin_one_by_one(Queue *queue)
{
	queue->begins_one_by_one = true;
}

TimestampTz
pgcopy_queue_recall_delayed(Queue *queue)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz next = 0;
	ListCell   *lc;

	foreach(lc, queue->delayed)
	{
		QueueItem  *item = lfirst(lc);

		if (item->not_before <= now)
		{
			queue->delayed = foreach_delete_current(queue->delayed, lc);
			item->not_before = 0;
			pgcopy_queue_state_make_ready(queue, item);
		}
		else if (next == 0 || item->not_before < next)
			next = item->not_before;
	}
	return next;
}

/*
 * Take an item, and with a constraint the others of its table: they share a
 * transaction.  Returns how many.
 */
static int
take_item(Queue *queue, QueueItem *first, int *items, int max)
{
	int			no = queue->tables[first->relation].first_constraint;
	int			n = 1;

	start_item(queue, first);
	items[0] = first->no;
	if (first->kind != ITEM_CONSTRAINT || first->attempts > 1)
		return 1;
	for (; no <= queue->nitems && n < max; no++)
	{
		QueueItem  *item = &queue->items[no - 1];

		if (item->kind != ITEM_CONSTRAINT || item->relation != first->relation)
			break;
		if (item->state != ITEM_PENDING || item == first ||
			item->waits_for > 0 || item->attempts > 0 || item->is_behind)
			continue;
		start_item(queue, item);
		items[n++] = no;
	}
	return n;
}

static bool
may_be_batched(const QueueItem *item)
{
	return item->cost < BATCH_ITEM_COST && item->attempts == 0 &&
		!item->is_chunk && traits_of(item)->is_batched;
}

/*
 * Add small items of the same kind, up to a fair share, so that every worker
 * gets some.
 */
static int
take_small(Queue *queue, QueueItem *first, int *items, int n, int max)
{
	QueueLine	line = line_of(first);
	int64		cost = first->cost;

	while (n < max && cost < BATCH_COST)
	{
		QueueItem  *item = pop_ready(queue, line);

		if (item == NULL)
			break;
		if (item->kind != first->kind || !may_be_batched(item))
		{
			pgcopy_queue_state_make_ready(queue, item);
			break;
		}
		n += take_item(queue, item, items + n, max - n);
		cost += item->cost;
	}
	return n;
}

int
pgcopy_queue_take(Queue *queue, QueueLine line, int nworkers, int *items,
				  int max)
{
	QueueItem  *first = pop_ready(queue, line);
	bool		is_small;
	int			n;

	Assert(max > 0);
	if (first == NULL)
		return 0;
	if (queue->begins_one_by_one && queue->items_done == 0)
		max = 1;
	is_small = may_be_batched(first);
	n = take_item(queue, first, items, max);
	if (!is_small)
		return n;
	return take_small(queue, first, items, n,
					  Min(max, queue->unfinished / (Max(nworkers, 1) * 4) + 1));
}

int
pgcopy_queue_take_through_leader(Queue *queue)
{
	QueueItem  *item;

	if (queue->through_leader == NIL)
		return 0;
	item = linitial(queue->through_leader);
	if (find_obstacle(queue, item) != NULL)
		return 0;
	queue->through_leader = list_delete_first(queue->through_leader);
	start_item(queue, item);
	return item->no;
}

/* Release the locks of an item that ends. */
static void
end_item(Queue *queue, QueueItem *item)
{
	if (item->state != ITEM_RUNNING)
		return;
	queue->running--;
	hold_locks(queue, item, -1);
	recall(queue, &queue->tables[item->relation].waiters);
	recall(queue, &queue->tables[item->referenced].waiters);
}

static void
count_finished(Queue *queue, const QueueItem *item)
{
	if (item->stage == queue->stage)
		count_unfinished(queue, item, -1);
}

void
pgcopy_queue_done(Queue *queue, int no)
{
	QueueItem  *item = pgcopy_queue_item(queue, no);

	end_item(queue, item);
	item->state = ITEM_DONE;
	count_finished(queue, item);
	queue->items_done++;
	queue->copies_done += item->kind == ITEM_TABLE;
	pgcopy_queue_state_count_done(queue, item);
	for (int i = 0; i < item->ndependents; i++)
	{
		QueueItem  *dependent = pgcopy_queue_item(queue, item->dependents[i]);

		dependent->waits_for--;
		pgcopy_queue_state_make_ready(queue, dependent);
	}
}

void
pgcopy_queue_put_back(Queue *queue, int no, TimestampTz not_before)
{
	MemoryContext caller = MemoryContextSwitchTo(queue->context);
	QueueItem  *item = pgcopy_queue_item(queue, no);

	end_item(queue, item);
	item->state = ITEM_PENDING;
	if (item->is_held)
		 /* stays aside */ ;
	else if (item->through_leader)
		queue->through_leader = lappend(queue->through_leader, item);
	else if (not_before > 0)
	{
		item->not_before = not_before;
		queue->delayed = lappend(queue->delayed, item);
	}
	else
		pgcopy_queue_state_make_ready(queue, item);
	MemoryContextSwitchTo(caller);
}

/*
 * Can an item do without one that it was to follow?  After a failed index its
 * table's other constraints and ANALYZE still run; without its rows nothing
 * does.
 */
static bool
can_do_without(const QueueItem *failed, const QueueItem *gone,
			   const QueueItem *dependent)
{
	if (failed->kind != ITEM_INDEX && failed->kind != ITEM_CONSTRAINT &&
		failed->kind != ITEM_ANALYZE)
		return false;
	if (dependent->kind == ITEM_CONSTRAINT)
		return gone->kind == ITEM_INDEX && dependent->own_index != gone->no;
	return dependent->kind == ITEM_ANALYZE || gone->kind == ITEM_ANALYZE;
}

/* No recursion: a chain of dependents can be as long as the job. */
List *
pgcopy_queue_fail(Queue *queue, int no)
{
	QueueItem  *item = pgcopy_queue_item(queue, no);
	List	   *skipped = NIL;
	List	   *todo = list_make1_int(no);

	end_item(queue, item);
	item->state = ITEM_FAILED;
	count_finished(queue, item);
	queue->held = list_delete_ptr(queue->held, item);

	while (todo != NIL)
	{
		QueueItem  *gone = pgcopy_queue_item(queue, llast_int(todo));

		todo = list_delete_last(todo);
		for (int i = 0; i < gone->ndependents; i++)
		{
			QueueItem  *dependent = pgcopy_queue_item(queue, gone->dependents[i]);

			if (dependent->state != ITEM_PENDING)
				continue;
			if (can_do_without(item, gone, dependent))
			{
				dependent->waits_for--;
				pgcopy_queue_state_make_ready(queue, dependent);
				continue;
			}
			dependent->state = ITEM_SKIPPED;
			queue->withheld -= dependent->is_withheld;
			dependent->is_withheld = false;
			count_finished(queue, dependent);
			skipped = lappend_int(skipped, dependent->no);
			todo = lappend_int(todo, dependent->no);
		}
	}
	return skipped;
}
