/*-------------------------------------------------------------------------
 *
 * held.c
 *	  Items that failed for want of something: try again later, or give up.
 *
 * The first time that an item does not find something, it is tried again at
 * once under the search_path of the source (work_path.c).  Otherwise the queue
 * holds it until something was done that may help (queue_held.c).
 *
 * If nothing in the stage of the copies helps, the statements of post-data run
 * as far as they can; then the stage is opened again, and so on while that
 * does anything.  Only then are held items given up, and their last error is
 * marked as final.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "nodes/parsenodes.h"

#include "catalog/job.h"
#include "catalog/relation.h"
#include "run/leader.h"
#include "run/work.h"
#include "schema/apply.h"

/* Show in the views what an item waits for. */
static void
describe_held(Leader *leader, const JobItem *item, RetryNeed need)
{
	const char *name = pgcopy_work_describe(item);

	if (need == NEED_OBJECTS)
		snprintf(leader->held_for, sizeof(leader->held_for),
				 "%s waits for other objects or rows: see pgcopy_errors", name);
	else
		snprintf(leader->held_for, sizeof(leader->held_for),
				 "%s waits for other rows: see pgcopy_errors", name);
}

bool
pgcopy_held_keep(Leader *leader, int no, RetryNeed need)
{
	QueueItem  *queued = pgcopy_queue_item(leader->queue, no);
	JobItem    *item;
	bool		takes_path;

	/* NEED_ROUTING: it was routed already, or there is nothing to route it from */
	if (need == NEED_NOTHING || need == NEED_ROUTING)
		return false;

	/* other errors than temporary ones use up no attempts */
	queued->attempts_past = queued->attempts;
	pgcopy_leader_begin(leader);
	item = pgcopy_item_fetch(leader->job->id, no);
	takes_path = pgcopy_work_path_switch(leader->job, item, need);
	if (!takes_path)
		describe_held(leader, item, need);
	pgcopy_item_mark(leader->job->id, no, ITEM_PENDING);
	pgcopy_leader_commit(leader);

	if (takes_path)
		pgcopy_queue_put_back(leader->queue, no, 0);
	else
		pgcopy_queue_hold(leader->queue, no, need);
	return true;
}

/* The table that a statement adds an index or a constraint to, if it is one. */
static Oid
find_table(const char *sql)
{
	Node	   *node = pgcopy_apply_parse(sql)->stmt;
	RangeVar   *name = NULL;

	if (IsA(node, IndexStmt))
		name = castNode(IndexStmt, node)->relation;
	else if (IsA(node, AlterTableStmt))
	{
		AlterTableStmt *alter = castNode(AlterTableStmt, node);

		if (linitial_node(AlterTableCmd, alter->cmds)->subtype == AT_AddConstraint)
			name = alter->relation;
	}
	return name == NULL ? InvalidOid : RangeVarGetRelid(name, NoLock, true);
}

/* Indexes of partitions are built in a serial stage. */
bool
pgcopy_held_blocks(Leader *leader, int no)
{
	int64		job = leader->job->id;
	List	   *numbers;
	ListCell   *lc;
	Oid			table;
	bool		is_blocked = false;

	if (pgcopy_queue_held(leader->queue) == 0)
		return false;
	numbers = pgcopy_queue_list_held(leader->queue);
	pgcopy_leader_begin(leader);
	table = find_table(pgcopy_item_fetch_statement(job, no)->sql);
	foreach(lc, numbers)
	{
		int			relation = pgcopy_queue_item(leader->queue, lfirst_int(lc))->relation;

		if (OidIsValid(table) && relation != 0 &&
			pgcopy_relation_fetch(job, relation)->target_oid == table)
			is_blocked = true;
	}
	pgcopy_leader_commit(leader);
	list_free(numbers);
	return is_blocked;
}

/* Give up all that is held; the first one ends the job unless it continues. */
static void
give_up_all(Leader *leader)
{
	List	   *numbers = pgcopy_queue_list_held(leader->queue);
	ListCell   *lc;

	leader->held_for[0] = '\0';
	foreach(lc, numbers)
		pgcopy_leader_give_up(leader, lfirst_int(lc));
	list_free(numbers);
}

bool
pgcopy_held_go_on(Leader *leader)
{
	Queue	   *queue = leader->queue;

	if (pgcopy_queue_held(queue) == 0)
	{
		leader->held_for[0] = '\0';
		(void) pgcopy_queue_release_held(queue);
		return true;
	}
	if (pgcopy_queue_release_held(queue))
		return true;
	if (pgcopy_queue_leave_held(queue))
		return false;
	give_up_all(leader);
	return true;
}
