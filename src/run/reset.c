/*-------------------------------------------------------------------------
 *
 * reset.c
 *	  Start tables over, whatever of them was done.
 *
 * What items of this job have built on a table is dropped, the table is
 * truncated and its items become pending, all in one transaction a hundred
 * tables at a time: a crash in between leaves nothing half done.  Since it is
 * the leader that truncates, before any worker loads, chunks of a table need
 * not be kept in order.
 *
 * When all tables are read again, what post-data has built on them goes first, as
 * far as it cannot stay.  Here is decided what is undone, in schema/undo.c how.
 *
 * Only tables that the job has created are truncated (those of extensions lose
 * the rows that came from us), and only what its own items say they built is
 * dropped: an index that somebody else has added makes the load fail, it is not
 * ours to take away.
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
#include "run/largeobjects.h"
#include "run/resume.h"
#include "schema/undo.h"

/* Tables, or foreign keys, in one transaction. */
#define RESET_BATCH 100

typedef struct Reset
{
	Leader	   *leader;
	MemoryContext context;		/* of what follows */
	MemoryContext undo_context; /* of one statement */
	UndoTables	tables;			/* of the job */
	Bitmapset  *wanted;			/* numbers of relations */
	List	   *items;			/* all of the job, in order */
	List	  **by_relation;	/* those of a wanted relation, last one first */
	int			most;			/* the highest number of a relation with items */
	int		   *root;			/* that its rows are routed from; -1: reset */
	int			in_batch;
	bool		is_one;			/* no commit until that is over */
} Reset;

static void
begin_batch(Reset *reset)
{
	reset->in_batch = 0;
	pgcopy_leader_commit(reset->leader);
	pgcopy_leader_begin(reset->leader);
}

/* One more thing is in the open transaction; begin a new one when it is full. */
static void
count_in_batch(Reset *reset)
{
	CHECK_FOR_INTERRUPTS();
	if (reset->is_one || ++reset->in_batch < RESET_BATCH)
		return;
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

/* Drop what a done item has built, or throw where something larger holds it. */
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
	if (item->kind == ITEM_CONSTRAINT || item->kind == ITEM_INDEX)
		drop_built(reset, item);
	else if (item->kind == ITEM_TABLE && !table->is_ours)
		pgcopy_undo_rows(table->target_oid, (TransactionId) item->xid);
}

/* The last item first: constraints before the indexes they use. */
static void
reset_table(Reset *reset, int no)
{
	int64		job = reset->leader->job->id;
	JobRelation *table = pgcopy_relation_fetch(job, no);
	ListCell   *lc;

	if (!OidIsValid(table->target_oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"%s.%s\" has been dropped",
						table->schema, table->name)));
	foreach(lc, reset->by_relation[no])
		undo_item(reset, table, lfirst(lc));
	if (table->is_ours)
		pgcopy_load_truncate(table->target_oid);
	foreach(lc, reset->by_relation[no])
		pgcopy_item_reset(job, ((JobItem *) lfirst(lc))->no);
}

/*
 * Rows that are routed from a root may be in any leaf below it: those leaves
 * belong together, in one transaction.
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
 * First of all foreign keys: a table that is referenced cannot be truncated.
 * What comes in the late stage depends on many tables, and all of it can be
 * done again.
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
		if (item->kind == ITEM_FOREIGN_KEY)
			drop_built(reset, item);
		pgcopy_item_reset(job, item->no);
		count_in_batch(reset);
	}
}

static bool
is_of_table(ItemKind kind)
{
	return kind == ITEM_TABLE || kind == ITEM_INDEX ||
		kind == ITEM_CONSTRAINT || kind == ITEM_ANALYZE;
}

/* Note the roots of relations, and that all leaves below them are wanted. */
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

/* Read the items, and sort those of the wanted tables. */
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

		if (item->stage == STAGE_COPYING && is_of_table(item->kind) &&
			bms_is_member(item->relation, reset->wanted))
			reset->by_relation[item->relation] =
				lcons(item, reset->by_relation[item->relation]);
	}
	MemoryContextSwitchTo(reset->leader->work_context);
}

/* Take a done statement of post-data back, if "drops" allows it. */
static UndoAction
undo_statement(Reset *reset, const JobItem *item, bool drops)
{
	Undo		undo = find_undo(reset, item);

	if (undo.action == UNDO_DROP && drops)
		pgcopy_undo_drop(&undo);
	if (undo.action == UNDO_AGAIN || (undo.action == UNDO_DROP && drops))
		pgcopy_item_reset(reset->leader->job->id, item->no);
	return undo.action;
}

/*
 * What serial stages have built on tables after the copying and cannot stay, the
 * last one first.  What belongs to something larger goes along with that and is
 * looked at a second time.  Without "drops" only what can be said again, as it
 * may have been lost along with an index.
 */
static void
reset_post_data(Reset *reset, bool drops)
{
	MemoryContext caller = MemoryContextSwitchTo(reset->context);
	List	   *later = NIL;
	ListCell   *lc;

	for (int i = list_length(reset->items) - 1; i >= 0; i--)
	{
		JobItem	   *item = list_nth(reset->items, i);

		if (item->state == ITEM_DONE &&
			(item->kind == ITEM_POST_DATA || item->kind == ITEM_FINAL) &&
			undo_statement(reset, item, drops) == UNDO_LATER)
			later = lappend(later, item);
	}
	foreach(lc, later)
		(void) undo_statement(reset, lfirst(lc), drops);
	MemoryContextSwitchTo(caller);
}

/*
 * That, and the tables that lose indexes by it, in one transaction: items must
 * not say done of what is gone.
 */
static void
reset_attached(Reset *reset)
{
	List	   *attached = pgcopy_survey_attached(reset->leader->job->id);
	ListCell   *lc;

	reset->is_one = true;
	reset_post_data(reset, true);
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
 * Error context callback: views, foreign keys of partitioned tables and the
 * like are built on tables after the copying, and stand in the way.
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
reset_relations(Leader *leader, List *relations, bool is_all)
{
	Reset		reset = {.leader = leader};
	ErrorContextCallback callback = {
		.previous = error_context_stack,
		.callback = hint_at_dependents,
		.arg = &leader->job->id
	};

	error_context_stack = &callback;
	reset.context = AllocSetContextCreate(leader->context, "pgcopy reset",
										  ALLOCSET_DEFAULT_SIZES);
	reset.undo_context = AllocSetContextCreate(reset.context, "pgcopy undo",
											   ALLOCSET_DEFAULT_SIZES);
	pgcopy_leader_begin(leader);
	load_items(&reset, relations);
	reset_between_tables(&reset);
	begin_batch(&reset);
	if (is_all)
		reset_attached(&reset);
	else
		reset_post_data(&reset, false);
	for (int no = -1; (no = bms_next_member(reset.wanted, no)) >= 0;)
	{
		if (reset.root[no] != -1)
			reset_with_leaves(&reset, no);
	}
	pgcopy_leader_commit(leader);
	MemoryContextDelete(reset.context);
	error_context_stack = callback.previous;
}

void
pgcopy_reset_tables(Leader *leader, List *relations)
{
	if (relations != NIL)
		reset_relations(leader, relations, false);
}

void
pgcopy_reset_all(Leader *leader)
{
	List	   *relations;

	pgcopy_leader_begin(leader);
	MemoryContextSwitchTo(leader->context);
	relations = pgcopy_survey_read(leader->job->id);
	pgcopy_leader_commit(leader);
	reset_relations(leader, relations, true);
	pgcopy_largeobjects_remove(leader);
}
