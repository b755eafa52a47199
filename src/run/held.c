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

#include "catalog/job.h"
#include "run/leader.h"
#include "run/work.h"

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
	takes_path = need == NEED_OBJECTS && pgcopy_work_path_is_left(leader->job, item);
	if (takes_path)
		pgcopy_item_set_with_path(leader->job->id, no);
	else
		describe_held(leader, item, need);
	pgcopy_item_mark(leader->job->id, no, ITEM_PENDING);
	pgcopy_leader_commit(leader);

	if (takes_path)
		pgcopy_queue_put_back(leader->queue, no, 0);
	else
		pgcopy_queue_hold(leader->queue, no, need);
	return true;
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
