/*-------------------------------------------------------------------------
 *
 * queue_load.c
 *	  Make a queue of a job's items in the catalog.
 *
 * Three passes over the rows: items, dependencies, totals.  Linear in their
 * number.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "run/queue_state.h"

/* Longest first. */
static int
compare_items(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	const QueueItem *x = pairingheap_const_container(QueueItem, node, a);
	const QueueItem *y = pairingheap_const_container(QueueItem, node, b);

	if (x->cost != y->cost)
		return x->cost > y->cost ? 1 : -1;
	return x->no < y->no ? 1 : -1;
}

/* Foreign keys are added in order of their numbers. */
static int
compare_numbers(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	const QueueItem *x = pairingheap_const_container(QueueItem, node, a);
	const QueueItem *y = pairingheap_const_container(QueueItem, node, b);

	return x->no < y->no ? 1 : -1;
}

/* Copy what the queue needs of an item's row. */
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
	item->attempts_past = row->attempts;
	item->is_chunk = row->range_start > 0 || row->range_end >= 0;
	item->turn = row->turn;
	item->cost = row->cost;
	item->bytes_total = row->bytes_total;
	queue->ntables = Max(queue->ntables, Max(row->relation, row->referenced));
}

/* Note the item that builds a constraint's index: it has the same name. */
static void
note_own_index(Queue *queue, const JobItem *row, const JobItem *needed)
{
	if (row->kind == ITEM_CONSTRAINT && needed->kind == ITEM_INDEX &&
		row->relation == needed->relation && row->name != NULL &&
		needed->name != NULL && strcmp(row->name, needed->name) == 0)
		queue->items[row->no - 1].own_index = needed->no;
}

/* Second pass: the dependents of each item, in arrays of the right size. */
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
			note_own_index(queue, row, list_nth(rows, lfirst_int(dep) - 1));
			if (needed->state != ITEM_DONE)
				queue->items[row->no - 1].waits_for++;
		}
	}
}

void
pgcopy_queue_state_count_done(Queue *queue, const QueueItem *item)
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

/* Third pass: counts per table, and totals. */
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
			pgcopy_queue_state_count_done(queue, &queue->items[i]);
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
	queue->items_left_at = -1;
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
	queue->foreign_keys = pairingheap_allocate(compare_numbers, NULL);
	return queue;
}
