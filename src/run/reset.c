/*-------------------------------------------------------------------------
 *
 * reset.c
 *	  Start tables over, whatever of them was done.
 *
 * Drop what the job's items built on a table, truncate it and make its items
 * pending, in one transaction per hundred tables: a crash leaves nothing
 * half done.  Only the leader truncates, before any worker loads, so chunks of
 * a table need no order.
 *
 * A tree of partitions that must be routed after all is marked so and started
 * over in one transaction.
 *
 * To read all tables again, first undo what post-data built on them and cannot
 * stay.  This file decides what to undo, schema/undo.c knows how.
 *
 * Truncate only tables that the job created (others lose the rows that the job
 * copied, those of the last items first), and drop only what its own items built: an index
 * that somebody else added makes the load fail, and is not ours to drop.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "catalog/item.h"
#include "catalog/relation.h"
#include "catalog/survey.h"
#include "load/load.h"
#include "run/resume.h"
#include "run/work.h"
#include "schema/undo.h"

/* Changes per transaction: tables, or items between tables. */
#define RESET_BATCH 100

typedef struct Reset
{
	Leader	   *leader;
	bool		is_all;			/* all tables, and undo what post-data built */
	MemoryContext context;		/* of the fields below */
	MemoryContext undo_context; /* of one statement */
	UndoTables	tables;			/* of the job */
	Bitmapset  *wanted;			/* numbers of relations */
	List	   *items;			/* all of the job, in order */
	List	  **by_relation;	/* items of a wanted relation, last one first */
	int			most;			/* highest number of a relation with items */
	int		   *root;			/* root its rows come through; -1: is reset */
	int			in_batch;
	bool		is_one;			/* no commit in between */
	int			tree;			/* root of a tree to route from now on; 0: none */
} Reset;

static void
begin_batch(Reset *reset)
{
	reset->in_batch = 0;
	pgcopy_leader_commit(reset->leader);
	pgcopy_leader_begin(reset->leader);
}

/*
 * Count a change in the open transaction, and start a new one when it is full.
 */
static void
count_in_batch(Reset *reset)
{
	CHECK_FOR_INTERRUPTS();
	if (!reset->is_one && ++reset->in_batch >= RESET_BATCH)
		begin_batch(reset);
}

static Undo
find_undo(Reset *reset, const JobItem *item)
{
	MemoryContext caller = MemoryContextSwitchTo(reset->undo_context);
	ItemStatement *statement =
		pgcopy_item_fetch_statement(reset->leader->job->id, item->no);
	Undo		undo = pgcopy_undo_find(&reset->tables, statement->sql,
										(ApplyForm) statement->form);

	CHECK_FOR_INTERRUPTS();
	MemoryContextSwitchTo(caller);
	MemoryContextReset(reset->undo_context);
	return undo;
}

/* Drop what a done item built; throws if something larger holds it. */
static void
drop_built(Reset *reset, const JobItem *item)
{
	Undo		undo = find_undo(reset, item);

	if (undo.action == UNDO_DROP || undo.action == UNDO_LATER)
		pgcopy_undo_drop(&undo);
}

static void
undo_item(Reset *reset, const JobRelation *table, const JobItem *item)
{
	if (item->state != ITEM_DONE)
		return;
	if (table->is_ours && (item->kind == ITEM_CONSTRAINT || item->kind == ITEM_INDEX))
		drop_built(reset, item);
}

/*
 * Reset a table.  Undo the last item first: constraints before their indexes.
 */
static void
reset_table(Reset *reset, int no)
{
	int64		job = reset->leader->job->id;
	JobRelation *table = pgcopy_relation_fetch(job, no);
	ListCell   *lc;

	if (table->is_ours)
		pgcopy_work_check_target(table);
	foreach(lc, reset->by_relation[no])
		undo_item(reset, table, lfirst(lc));
	if (table->is_ours)
		pgcopy_load_truncate(table->target_oid);
	foreach(lc, reset->by_relation[no])
	{
		JobItem    *item = lfirst(lc);

		if (table->is_ours || item->kind == ITEM_TABLE || item->kind == ITEM_ANALYZE)
			pgcopy_item_reset(job, item->no);
	}
}

/*
 * Reset all leaves of a root in one transaction: routed rows may be in any of
 * them.
 */
static void
reset_with_leaves(Reset *reset, int no)
{
	int			root = reset->root[no];

	if (root == 0)
		reset_table(reset, no);
	for (int i = no; root != 0 && i <= reset->most; i++)
	{
		if (reset->root[i] == root)
		{
			reset_table(reset, i);
			reset->root[i] = -1;
		}
	}
	count_in_batch(reset);
}

static bool
touches_wanted(const Reset *reset, const JobItem *item)
{
	return bms_is_member(item->relation, reset->wanted) ||
		bms_is_member(item->referenced, reset->wanted);
}

/*
 * Delete what items have inserted into tables that the job has not created.  Foreign
 * keys are there: the last items, those of referencing tables, come first.
 */
static void
take_back_rows(Reset *reset)
{
	int64		job = reset->leader->job->id;

	for (int i = list_length(reset->items) - 1; i >= 0; i--)
	{
		JobItem    *item = list_nth(reset->items, i);
		JobRelation *relation;

		if (item->kind != ITEM_TABLE || item->state != ITEM_DONE ||
			!bms_is_member(item->relation, reset->wanted))
			continue;
		relation = pgcopy_relation_fetch(job, item->relation);
		if (relation->is_ours)
			continue;
		if (relation->through_root)
			relation = pgcopy_relation_fetch(job, item->referenced);
		pgcopy_work_check_target(relation);
		pgcopy_undo_rows(relation->target_oid, (TransactionId) item->xid);
		pgcopy_item_reset(job, item->no);
		count_in_batch(reset);
	}
}

/*
 * Drop foreign keys first: a referenced table cannot be truncated.  Items of
 * the late stage depend on many tables, and all can be done again.
 */
static void
reset_between_tables(Reset *reset)
{
	int64		job = reset->leader->job->id;
	ListCell   *lc;

	foreach(lc, reset->items)
	{
		JobItem	   *item = lfirst(lc);
		bool		is_late = item->stage == STAGE_LATE;

		if (item->state != ITEM_DONE)
			continue;
		if (!is_late && (!touches_wanted(reset, item) ||
						 (item->kind != ITEM_FOREIGN_KEY &&
						  item->kind != ITEM_VALIDATE)))
			continue;
		if ((item->kind == ITEM_FOREIGN_KEY || item->kind == ITEM_VALIDATE) &&
			find_undo(reset, item).action == UNDO_NOTHING)
			continue;
		if (item->kind == ITEM_FOREIGN_KEY)
			drop_built(reset, item);
		pgcopy_item_reset(job, item->no);
		count_in_batch(reset);
	}
}

/*
 * Note the root of each relation; all leaves of a wanted one's root are wanted.
 */
static void
find_roots(Reset *reset)
{
	Bitmapset  *roots = NULL;
	ListCell   *lc;

	foreach(lc, reset->items)
	{
		JobItem	   *item = lfirst(lc);

		if (item->kind != ITEM_TABLE || item->referenced == 0)
			continue;
		reset->root[item->relation] = item->referenced;
		if (bms_is_member(item->relation, reset->wanted))
			roots = bms_add_member(roots, item->referenced);
	}
	for (int i = 1; roots != NULL && i <= reset->most; i++)
	{
		if (reset->root[i] != 0 && bms_is_member(reset->root[i], roots))
			reset->wanted = bms_add_member(reset->wanted, i);
	}
}

/* Read the items, and group those of wanted tables. */
static void
load_items(Reset *reset, List *relations)
{
	ListCell   *lc;

	MemoryContextSwitchTo(reset->context);
	reset->tables.oids =
		pgcopy_relation_fetch_ours(reset->leader->job->id, &reset->tables.count);
	foreach(lc, relations)
		reset->wanted = bms_add_member(reset->wanted, lfirst_int(lc));
	reset->items = pgcopy_item_fetch_all(reset->leader->job->id);
	foreach(lc, reset->items)
		reset->most = Max(reset->most, ((JobItem *) lfirst(lc))->relation);
	reset->by_relation = palloc0(sizeof(List *) * (reset->most + 1));
	reset->root = palloc0(sizeof(int) * (reset->most + 1));
	find_roots(reset);
	foreach(lc, reset->items)
	{
		JobItem	   *item = lfirst(lc);

		if (item->stage == STAGE_COPYING && pgcopy_item_kind_traits(item->kind)->is_of_table &&
			bms_is_member(item->relation, reset->wanted))
			reset->by_relation[item->relation] =
				lcons(item, reset->by_relation[item->relation]);
	}
	MemoryContextSwitchTo(reset->leader->work_context);
}

/* Undo a done statement of post-data.  Drop only when all tables are reset. */
static UndoAction
undo_statement(Reset *reset, const JobItem *item)
{
	Undo		undo = find_undo(reset, item);
	bool		drops = undo.action == UNDO_DROP && reset->is_all;

	if (drops)
		pgcopy_undo_drop(&undo);
	if (drops || undo.action == UNDO_AGAIN)
		pgcopy_item_reset(reset->leader->job->id, item->no);
	return undo.action;
}

/*
 * Undo what later serial stages built on tables and cannot stay, the last one
 * first.  A part of something larger goes with that; look at it a second time.
 * Unless all tables are reset, only repeat what may have been lost with an
 * index.
 */
static void
reset_post_data(Reset *reset)
{
	MemoryContext caller = MemoryContextSwitchTo(reset->context);
	List	   *later = NIL;
	ListCell   *lc;

	for (int i = list_length(reset->items) - 1; i >= 0; i--)
	{
		JobItem	   *item = list_nth(reset->items, i);

		if (item->state == ITEM_DONE &&
			(item->kind == ITEM_POST_DATA || item->kind == ITEM_FINAL) &&
			undo_statement(reset, item) == UNDO_LATER)
			later = lappend(later, item);
	}
	foreach(lc, later)
		(void) undo_statement(reset, lfirst(lc));
	MemoryContextSwitchTo(caller);
}

/*
 * Undo post-data and reset the tables that lose indexes by it, in one
 * transaction: no item may be done whose work is gone.
 */
static void
reset_attached(Reset *reset)
{
	List	   *attached = pgcopy_survey_attached(reset->leader->job->id);
	ListCell   *lc;

	reset->is_one = true;
	reset_post_data(reset);
	foreach(lc, attached)
	{
		int			no = lfirst_int(lc);

		if (!bms_is_member(no, reset->wanted) || reset->root[no] == -1)
			continue;
		reset_with_leaves(reset, no);
		reset->wanted = bms_del_member(reset->wanted, no);
	}
	reset->is_one = false;
	begin_batch(reset);
}

/*
 * Error context callback: explain that later objects, such as views, block a
 * reset.
 */
static void
hint_at_dependents(void *arg)
{
	int			code = geterrcode();

	if (code == ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST ||
		code == ERRCODE_INVALID_TABLE_DEFINITION ||
		code == ERRCODE_FEATURE_NOT_SUPPORTED)
		errhint("Objects built on a table since cannot be kept when it is read again: forget the job with SELECT pgcopy_drop(" INT64_FORMAT ") and clone again into an empty database.",
				*(int64 *) arg);
}

static void
reset_relations(Reset *reset, List *relations)
{
	Leader	   *leader = reset->leader;
	ErrorContextCallback callback = {
		.previous = error_context_stack,
		.callback = hint_at_dependents,
		.arg = &leader->job->id
	};

	error_context_stack = &callback;
	reset->context = AllocSetContextCreate(leader->context, "pgcopy reset",
										   ALLOCSET_DEFAULT_SIZES);
	reset->undo_context = AllocSetContextCreate(reset->context, "pgcopy undo",
												ALLOCSET_DEFAULT_SIZES);
	pgcopy_leader_begin(leader);
	if (reset->tree != 0)
		pgcopy_relation_route_tree(leader->job->id, reset->tree);
	load_items(reset, relations);
	take_back_rows(reset);
	reset_between_tables(reset);
	if (!reset->is_one)
		begin_batch(reset);
	if (reset->is_all)
		reset_attached(reset);
	else
		reset_post_data(reset);
	for (int no = -1; (no = bms_next_member(reset->wanted, no)) >= 0;)
	{
		if (reset->root[no] != -1)
			reset_with_leaves(reset, no);
	}
	pgcopy_leader_commit(leader);
	MemoryContextDelete(reset->context);
	error_context_stack = callback.previous;
}

void
pgcopy_reset_tables(Leader *leader, List *relations)
{
	Reset		reset = {.leader = leader};

	if (relations != NIL)
		reset_relations(&reset, relations);
}

void
pgcopy_reset_tree(Leader *leader, int relation, int root)
{
	Reset		reset = {.leader = leader,.tree = root,.is_one = true};

	reset_relations(&reset, list_make1_int(relation));
}

void
pgcopy_reset_all(Leader *leader)
{
	Reset		reset = {.leader = leader,.is_all = true};
	List	   *relations;

	pgcopy_leader_begin(leader);
	MemoryContextSwitchTo(leader->context);
	relations = pgcopy_survey_read(leader->job->id);
	pgcopy_leader_commit(leader);
	reset_relations(&reset, relations);
	pgcopy_largeobjects_remove(leader);
}
