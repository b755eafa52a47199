/*-------------------------------------------------------------------------
 *
 * cutover_open.c
 *	  The point of no return of a cutover, and materialized views.
 *
 * One transaction, flushed: the subscription is disabled, what was held back for it
 * comes, the guard is lifted, and pgcopy.follow says "opened".  If a statement of it
 * fails nothing of that has happened, and the target follows on.  So the subscription
 * is not dropped in it: what has been applied would be forgotten for good, even if the
 * transaction rolls back, and come again.
 *
 * The locks on the source, and the fence, are looked at when all but the commit is
 * done: whoever lost them must not open the target.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "replica/replica_guard.h"
#include "replica/subscription.h"
#include "run/cutover.h"
#include "run/cutover_watch.h"
#include "run/work.h"
#include "schema/apply.h"

/* Do one item in the current transaction. */
static void
do_item(Leader *leader, int no)
{
	WorkPlace	place = {.job = leader->job,.is_leader = true};
	LoadResult	load;

	SetCurrentStatementStartTimestamp();
	(void) pgcopy_work_do(&place, pgcopy_item_fetch(leader->job->id, no), &load);
	CommandCounterIncrement();
	UpdateActiveSnapshotCommandId();
	CHECK_FOR_INTERRUPTS();
}

/* Is an item a materialized view that is in this state? */
static bool
is_view_to_refresh(Leader *leader, int no, ItemState state)
{
	QueueItem  *item = pgcopy_queue_item(leader->queue, no);

	return item->kind == ITEM_REFRESH && item->state == state;
}

/* It may have been dropped on both sides; its rows are made from others.  In a transaction. */
static bool
is_view_here(Leader *leader, int no)
{
	const char *sql = pgcopy_item_fetch_statement(leader->job->id, no)->sql;
	const Node *node = pgcopy_apply_parse(sql)->stmt;

	return !IsA(node, RefreshMatViewStmt) ||
		OidIsValid(RangeVarGetRelid(((const RefreshMatViewStmt *) node)->relation, NoLock, true));
}

/* In the order of the dump: a view may read another one. */
static void
refresh(Leader *leader, ItemState state)
{
	int			size = pgcopy_queue_size(leader->queue);

	for (int no = 1; no <= size; no++)
	{
		if (!is_view_to_refresh(leader, no, state))
			continue;
		pgcopy_leader_begin(leader);
		if (is_view_here(leader, no))
			do_item(leader, no);
		pgcopy_leader_commit(leader);
		pgcopy_queue_item(leader->queue, no)->state = ITEM_DONE;
	}
}

void
pgcopy_cutover_open_refresh(Leader *leader)
{
	refresh(leader, ITEM_DONE);
}

void
pgcopy_cutover_open_refresh_rest(Leader *leader)
{
	refresh(leader, ITEM_PENDING);
}

/* Leave the materialized views for step 9. */
static void
postpone_views(Leader *leader)
{
	int			size = pgcopy_queue_size(leader->queue);

	for (int no = 1; no <= size; no++)
	{
		if (is_view_to_refresh(leader, no, ITEM_DONE))
			pgcopy_item_reset(leader->job->id, no);
	}
}

/* What the items and the views are from now on, in memory. */
static void
note_items(Cutover *cutover)
{
	Queue	   *queue = cutover->leader->queue;
	int			size = pgcopy_queue_size(queue);

	pgcopy_queue_open_stage(queue, STAGE_CUTOVER);
	for (int no = 1; no <= size; no++)
	{
		QueueItem  *item = pgcopy_queue_item(queue, no);

		if (item->stage == STAGE_CUTOVER && item->state == ITEM_PENDING)
			pgcopy_queue_done(queue, no);
		else if (item->kind == ITEM_REFRESH && item->state == ITEM_DONE &&
				 cutover->request->refresh == CUTOVER_REFRESH_AFTER)
			item->state = ITEM_PENDING;
	}
}

/* Do what was held back: foreign keys, triggers, event triggers, in this order. */
static int
do_held_back(Leader *leader)
{
	int			size = pgcopy_queue_size(leader->queue);
	int			count = 0;

	for (int no = 1; no <= size; no++)
	{
		QueueItem  *item = pgcopy_queue_item(leader->queue, no);

		if (item->stage != STAGE_CUTOVER || item->state == ITEM_DONE)
			continue;
		do_item(leader, no);
		count++;
	}
	return count;
}

static int64
pause_so_far(const Cutover *cutover)
{
	return GetCurrentTimestamp() - cutover->paused;
}

/* All of the transaction but its commit. */
static int
write_all(Cutover *cutover)
{
	Leader	   *leader = cutover->leader;
	int64		job = leader->job->id;
	int			held_back;

	pgcopy_subscription_disable(cutover->follow->subscription, cutover->follow->name);
	UpdateActiveSnapshotCommandId();
	held_back = do_held_back(leader);
	if (cutover->request->refresh == CUTOVER_REFRESH_AFTER)
		postpone_views(leader);
	if (cutover->follow->is_guarded)
	{
		pgcopy_replica_guard_lift(cutover->follow->guard_before);
		pgcopy_follow_set_guard(job, false, NULL);
	}
	pgcopy_cutover_end_step(cutover, "open");
	pgcopy_follow_set_open(job, pause_so_far(cutover), psprintf("%s]", cutover->steps.data));
	return held_back;
}

/* The last moment to go back. */
static void
stop_watching(void)
{
	CHECK_FOR_INTERRUPTS();
	if (pgcopy_cutover_watch_end() != CUTOVER_FAULT_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_QUERY_CANCELED),
				 errmsg("the cutover was cancelled")));
}

void
pgcopy_cutover_open_target(Cutover *cutover)
{
	Leader	   *leader = cutover->leader;
	int			held_back;

	snprintf(cutover->waits_for, sizeof(cutover->waits_for), "locks on this server");
	pgcopy_leader_begin(leader);
	held_back = write_all(cutover);
	pgcopy_cutover_fence_prove(cutover);
	ForceSyncCommit();
	stop_watching();
	HOLD_INTERRUPTS();
	pgcopy_leader_commit(leader);
	cutover->is_open = true;
	pgcopy_cutover_fence_settled();
	RESUME_INTERRUPTS();
	cutover->pause_us = pause_so_far(cutover);
	MemoryContextSwitchTo(cutover->context);
	note_items(cutover);
	pgcopy_cutover_note(cutover,
						psprintf("the target is open: pause %.3f s, %d statements that were held back",
								 cutover->pause_us / 1e6, held_back));
	pgcopy_cutover_note(cutover, cutover->request->locks_only
						? "nothing keeps applications from writing on the source from now on: keep them stopped"
						: "the source stays read-only");
	if (cutover->follow->is_guarded)
		pgcopy_cutover_note(cutover, "sessions of before stay read-only here until they connect again");
	if (!cutover->request->locks_only)
		pgcopy_cutover_fence_end_waiting(cutover);
}
