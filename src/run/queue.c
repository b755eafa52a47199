/*-------------------------------------------------------------------------
 *
 * queue.c
 *	  The items of a job in the leader's memory: what can be done now.
 *
 * Workers never look for work in pgcopy.item: with one old transaction open,
 * which every long load is, that is quadratic.  The leader reads the table
 * once and keeps, per line, a heap of ready items, longest first, and per
 * item a counter of unfinished dependencies.  Everything here is O(log n) an
 * item.
 *
 * No item is handed out whose lock on a table would wait for an item that is
 * running: per table we count the running holders of each lock mode.  An item
 * that would wait is set aside until something ends.
 *
 * Only the leader calls this, and nothing here writes the catalog.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/memutils.h"

#include "catalog/relation.h"
#include "run/queue.h"

/* Items at least this large are handed out alone. */
#define BATCH_ITEM_COST (1024 * 1024)
/* A batch ends when it has reached this. */
#define BATCH_COST (8 * 1024 * 1024)

/* Lock modes that items take: AccessShare .. AccessExclusive. */
#define NMODES (AccessExclusiveLock + 1)

typedef struct QueueTable
{
	int16		holders[NMODES];	/* running items by lock mode */
	int			first_constraint;	/* number of its first constraint item */
	int			chunks;
	int			chunks_done;
} QueueTable;

struct Queue
{
	MemoryContext context;
	int			nitems;
	QueueItem  *items;			/* items[no - 1] */
	int			ntables;
	QueueTable *tables;			/* tables[relation] */
	ItemStage	stage;
	pairingheap *lines[QUEUE_LINES];
	int			ready[QUEUE_LINES]; /* entries in them */
	List	   *aside;			/* QueueItems that would wait for a lock */
	List	   *delayed;		/* QueueItems with not_before */
	List	   *through_leader;
	bool		fk_is_running;
	int			unfinished;
	int			unfinished_copies;
	QueueCounts counts;
};

static bool
is_copy(ItemKind kind)
{
	return kind == ITEM_TABLE || kind == ITEM_LARGE_OBJECTS;
}

static QueueLine
line_of(const QueueItem *item)
{
	return is_copy(item->kind) ? LINE_COPY : LINE_BUILD;
}

/* Longest first; foreign keys before all, in order of their numbers. */
static int
compare_items(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	const QueueItem *x = pairingheap_const_container(QueueItem, node, a);
	const QueueItem *y = pairingheap_const_container(QueueItem, node, b);
	bool		x_first = x->kind == ITEM_FOREIGN_KEY;
	bool		y_first = y->kind == ITEM_FOREIGN_KEY;

	if (x_first != y_first)
		return x_first ? 1 : -1;
	if (!x_first && x->cost != y->cost)
		return x->cost > y->cost ? 1 : -1;
	return x->no < y->no ? 1 : -1;
}

/* What an item of the queue knows of its row. */
static void
load_item(Queue *queue, const JobItem *row)
{
	QueueItem  *item = &queue->items[row->no - 1];

	item->no = row->no;
	item->kind = row->kind;
	item->stage = row->stage;
	item->state = row->state;
	item->relation = row->relation;
	item->referenced = row->referenced;
	item->attempts = row->attempts;
	item->is_chunk = row->range_start > 0 || row->range_end >= 0;
	item->cost = row->cost;
	item->bytes_total = row->bytes_total;
	queue->ntables = Max(queue->ntables, Max(row->relation, row->referenced));
}

/* Second pass: who waits for whom, in arrays of the right size. */
static void
link_dependencies(Queue *queue, List *rows)
{
	ListCell   *lc;
	ListCell   *dep;

	foreach(lc, rows)
	{
		JobItem	   *row = lfirst(lc);

		foreach(dep, row->depends)
			queue->items[lfirst_int(dep) - 1].ndependents++;
	}
	for (int i = 0; i < queue->nitems; i++)
	{
		QueueItem  *item = &queue->items[i];

		item->dependents = item->ndependents == 0 ? NULL :
			palloc(sizeof(int) * item->ndependents);
		item->ndependents = 0;
	}
	foreach(lc, rows)
	{
		JobItem	   *row = lfirst(lc);

		foreach(dep, row->depends)
		{
			QueueItem  *needed = &queue->items[lfirst_int(dep) - 1];

			needed->dependents[needed->ndependents++] = row->no;
			if (needed->state != ITEM_DONE)
				queue->items[row->no - 1].waits_for++;
		}
	}
}

static void
count_done(Queue *queue, const QueueItem *item)
{
	QueueCounts *counts = &queue->counts;

	counts->cost_done += item->cost;
	if (item->kind == ITEM_TABLE)
	{
		QueueTable *table = &queue->tables[item->relation];

		if (++table->chunks_done == table->chunks)
			counts->tables_done++;
	}
	else if (item->kind == ITEM_INDEX)
		counts->indexes_done++;
}

/* Third pass: per table, and the totals. */
static void
count_all(Queue *queue)
{
	queue->tables = palloc0(sizeof(QueueTable) * (queue->ntables + 1));
	for (int i = 0; i < queue->nitems; i++)
	{
		QueueItem  *item = &queue->items[i];
		QueueTable *table = &queue->tables[item->relation];

		queue->counts.cost_total += item->cost;
		queue->counts.bytes_total += item->bytes_total;
		if (item->kind == ITEM_TABLE && table->chunks++ == 0)
			queue->counts.tables_total++;
		if (item->kind == ITEM_INDEX)
			queue->counts.indexes_total++;
		if (item->kind == ITEM_CONSTRAINT && table->first_constraint == 0)
			table->first_constraint = item->no;
	}
	for (int i = 0; i < queue->nitems; i++)
	{
		if (queue->items[i].state == ITEM_DONE)
			count_done(queue, &queue->items[i]);
	}
}

Queue *
pgcopy_queue_load(int64 job)
{
	Queue	   *queue = palloc0(sizeof(Queue));
	MemoryContext rows_context = AllocSetContextCreate(CurrentMemoryContext,
													   "pgcopy item rows",
													   ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(rows_context);
	List	   *rows = pgcopy_item_fetch_all(job);
	ListCell   *lc;

	MemoryContextSwitchTo(caller);
	queue->context = caller;
	queue->nitems = list_length(rows);
	queue->items = MemoryContextAllocHuge(caller,
										  sizeof(QueueItem) * Max(queue->nitems, 1));
	memset(queue->items, 0, sizeof(QueueItem) * queue->nitems);
	foreach(lc, rows)
		load_item(queue, lfirst(lc));
	link_dependencies(queue, rows);
	MemoryContextDelete(rows_context);

	count_all(queue);
	for (int i = 0; i < QUEUE_LINES; i++)
		queue->lines[i] = pairingheap_allocate(compare_items, NULL);
	return queue;
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

static void
make_ready(Queue *queue, QueueItem *item)
{
	if (item->state != ITEM_PENDING || item->waits_for > 0 ||
		item->stage != queue->stage || item->is_queued)
		return;
	item->is_queued = true;
	pairingheap_add(queue->lines[line_of(item)], &item->node);
	queue->ready[line_of(item)]++;
}

int
pgcopy_queue_ready(Queue *queue, QueueLine line)
{
	return queue->ready[line];
}

void
pgcopy_queue_open_stage(Queue *queue, ItemStage stage)
{
	queue->stage = stage;
	queue->unfinished = 0;
	queue->unfinished_copies = 0;
	for (int i = 0; i < queue->nitems; i++)
	{
		QueueItem  *item = &queue->items[i];

		if (item->stage != stage)
			continue;
		if (item->state == ITEM_RUNNING)
			item->state = ITEM_PENDING;
		if (item->state != ITEM_PENDING)
			continue;
		queue->unfinished++;
		if (is_copy(item->kind))
			queue->unfinished_copies++;
		make_ready(queue, item);
	}
}

/* The lock mode that an item takes on its table. */
static LOCKMODE
lock_of(ItemKind kind)
{
	switch (kind)
	{
		case ITEM_TABLE:
			return RowExclusiveLock;
		case ITEM_INDEX:
			return ShareLock;
		case ITEM_CONSTRAINT:
			return AccessExclusiveLock;
		case ITEM_ANALYZE:
		case ITEM_VALIDATE:
			return ShareUpdateExclusiveLock;
		case ITEM_FOREIGN_KEY:
			return ShareRowExclusiveLock;
		case ITEM_PRE_DATA:
		case ITEM_LARGE_OBJECTS:
		case ITEM_SEQUENCE:
		case ITEM_POST_DATA:
		case ITEM_REFRESH:
		case ITEM_FINAL:
			return NoLock;
	}
	return NoLock;
}

/* ... and on the referenced one. */
static LOCKMODE
lock_of_referenced(ItemKind kind)
{
	return kind == ITEM_VALIDATE ? RowShareLock : lock_of(kind);
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

static bool
would_wait(Queue *queue, const QueueItem *item)
{
	if (item->kind == ITEM_FOREIGN_KEY && queue->fk_is_running)
		return true;
	return would_wait_on(queue, item->relation, lock_of(item->kind)) ||
		would_wait_on(queue, item->referenced, lock_of_referenced(item->kind));
}

/* Note that a running item begins (+1) or ends (-1) to hold its locks. */
static void
hold_locks(Queue *queue, const QueueItem *item, int change)
{
	if (item->relation != 0)
		queue->tables[item->relation].holders[lock_of(item->kind)] += change;
	if (item->referenced != 0)
		queue->tables[item->referenced].holders[lock_of_referenced(item->kind)] += change;
	if (item->kind == ITEM_FOREIGN_KEY)
		queue->fk_is_running = change > 0;
}

static void
start_item(Queue *queue, QueueItem *item)
{
	item->state = ITEM_RUNNING;
	item->attempts++;
	hold_locks(queue, item, 1);
}

/*
 * The first ready item of a line that would not wait; NULL when there is
 * none.  Entries whose item was taken along with another are dropped here.
 */
static QueueItem *
pop_ready(Queue *queue, QueueLine line)
{
	MemoryContext caller = MemoryContextSwitchTo(queue->context);
	QueueItem  *found = NULL;

	while (found == NULL && !pairingheap_is_empty(queue->lines[line]))
	{
		QueueItem  *item = pairingheap_container(QueueItem, node,
												 pairingheap_remove_first(queue->lines[line]));

		item->is_queued = false;
		queue->ready[line]--;
		if (item->state != ITEM_PENDING)
			continue;
		if (would_wait(queue, item))
			queue->aside = lappend(queue->aside, item);
		else
			found = item;
	}
	MemoryContextSwitchTo(caller);
	return found;
}

/* Something has ended: who was set aside may try again. */
static void
recall_aside(Queue *queue)
{
	ListCell   *lc;

	foreach(lc, queue->aside)
		make_ready(queue, lfirst(lc));
	list_free(queue->aside);
	queue->aside = NIL;
}

/* Delayed items whose time has come become ready; *next: when the next will. */
static void
recall_delayed(Queue *queue, TimestampTz *next)
{
	TimestampTz now = GetCurrentTimestamp();
	ListCell   *lc;

	*next = 0;
	foreach(lc, queue->delayed)
	{
		QueueItem  *item = lfirst(lc);

		if (item->not_before <= now)
		{
			queue->delayed = foreach_delete_current(queue->delayed, lc);
			item->not_before = 0;
			make_ready(queue, item);
		}
		else if (*next == 0 || item->not_before < *next)
			*next = item->not_before;
	}
}

/*
 * All constraints of a table go into one transaction: take the others that
 * follow the first, in order.
 */
static int
take_siblings(Queue *queue, QueueItem *first, int *items, int n, int max)
{
	int			no = queue->tables[first->relation].first_constraint;

	for (; no <= queue->nitems && n < max; no++)
	{
		QueueItem  *item = &queue->items[no - 1];

		if (item->kind != ITEM_CONSTRAINT || item->relation != first->relation)
			break;
		if (item->state != ITEM_PENDING || item == first ||
			item->waits_for > 0 || item->attempts > 0)
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
		!item->is_chunk &&
		(item->kind == ITEM_TABLE || item->kind == ITEM_INDEX ||
		 item->kind == ITEM_ANALYZE);
}

/*
 * Add small items of the same kind, up to a fair share: with few small items
 * left every worker should get some.
 */
static int
take_small(Queue *queue, QueueLine line, QueueItem *first, int nworkers,
		   int *items, int n, int max)
{
	int64		cost = first->cost;
	int			share = queue->unfinished / (Max(nworkers, 1) * 4) + 1;

	while (n < Min(max, share) && cost < BATCH_COST)
	{
		QueueItem  *item = pop_ready(queue, line);

		if (item == NULL)
			break;
		if (item->kind != first->kind || !may_be_batched(item))
		{
			make_ready(queue, item);
			break;
		}
		start_item(queue, item);
		items[n++] = item->no;
		cost += item->cost;
	}
	return n;
}

int
pgcopy_queue_take(Queue *queue, QueueLine line, int nworkers, int *items,
				  int max, TimestampTz *not_before)
{
	QueueItem  *first;
	int			n = 0;

	recall_delayed(queue, not_before);
	first = pop_ready(queue, line);
	if (first == NULL)
		return 0;
	start_item(queue, first);
	items[n++] = first->no;
	if (first->kind == ITEM_CONSTRAINT && first->attempts == 1)
		n = take_siblings(queue, first, items, n, max);
	else if (first->attempts == 1)
	{
		first->attempts = 0;
		if (may_be_batched(first))
			n = take_small(queue, line, first, nworkers, items, n, max);
		first->attempts = 1;
	}
	return n;
}

int
pgcopy_queue_take_through_leader(Queue *queue)
{
	QueueItem  *item;

	if (queue->through_leader == NIL)
		return 0;
	item = linitial(queue->through_leader);
	if (would_wait(queue, item))
		return 0;
	queue->through_leader = list_delete_first(queue->through_leader);
	start_item(queue, item);
	return item->no;
}

static void
end_item(Queue *queue, QueueItem *item)
{
	if (item->state == ITEM_RUNNING)
		hold_locks(queue, item, -1);
	recall_aside(queue);
}

static void
count_finished(Queue *queue, const QueueItem *item)
{
	if (item->stage != queue->stage)
		return;
	queue->unfinished--;
	if (is_copy(item->kind))
		queue->unfinished_copies--;
}

void
pgcopy_queue_done(Queue *queue, int no)
{
	QueueItem  *item = pgcopy_queue_item(queue, no);

	end_item(queue, item);
	item->state = ITEM_DONE;
	count_finished(queue, item);
	count_done(queue, item);
	for (int i = 0; i < item->ndependents; i++)
	{
		QueueItem  *dependent = pgcopy_queue_item(queue, item->dependents[i]);

		dependent->waits_for--;
		make_ready(queue, dependent);
	}
}

void
pgcopy_queue_put_back(Queue *queue, int no, TimestampTz not_before)
{
	MemoryContext caller = MemoryContextSwitchTo(queue->context);
	QueueItem  *item = pgcopy_queue_item(queue, no);

	end_item(queue, item);
	item->state = ITEM_PENDING;
	if (item->through_leader)
		queue->through_leader = lappend(queue->through_leader, item);
	else if (not_before > 0)
	{
		item->not_before = not_before;
		queue->delayed = lappend(queue->delayed, item);
	}
	else
		make_ready(queue, item);
	MemoryContextSwitchTo(caller);
}

/* Without recursion: a chain of dependents can be as long as the job. */
List *
pgcopy_queue_fail(Queue *queue, int no)
{
	QueueItem  *item = pgcopy_queue_item(queue, no);
	List	   *skipped = NIL;
	List	   *todo = list_make1_int(no);

	end_item(queue, item);
	item->state = ITEM_FAILED;
	queue->counts.nfailed++;
	count_finished(queue, item);

	while (todo != NIL)
	{
		QueueItem  *gone = pgcopy_queue_item(queue, llast_int(todo));

		todo = list_delete_last(todo);
		for (int i = 0; i < gone->ndependents; i++)
		{
			QueueItem  *dependent = pgcopy_queue_item(queue, gone->dependents[i]);

			if (dependent->state != ITEM_PENDING)
				continue;
			dependent->state = ITEM_SKIPPED;
			count_finished(queue, dependent);
			skipped = lappend_int(skipped, dependent->no);
			todo = lappend_int(todo, dependent->no);
		}
	}
	return skipped;
}
