/*-------------------------------------------------------------------------
 *
 * alone.c
 *	  Items that the leader does itself.
 *
 * The leader does what nobody else can, or the job would never end:
 *
 * - all kinds of items while no worker can be started;
 * - items that read rows while the source has no room for a worker's session;
 * - a table that a worker could not lock on the source (schedule.c).
 *
 * The leader does not hear its workers meanwhile, so it does one assignment at
 * a time.  The result is an event like a worker's, and is treated alike.
 *
 * Rows are read through the session that holds the job's snapshot and locks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "run/assignment.h"
#include "run/leader.h"
#include "run/work.h"

/* Can rows be read through the leader's session now? */
static bool
can_read(const Leader *leader)
{
	return pgcopy_link_state(leader->link) == LINK_THERE;
}

static bool
has_no_room_for_readers(const Leader *leader)
{
	return leader->copiers == 0 &&
		pgcopy_workers_count_sessions(leader->workers) == 0;
}

int
pgcopy_alone_take(Leader *leader, int missing, int *items, int max)
{
	Queue	   *queue = leader->queue;
	bool		is_alone = missing > 0 &&
		pgcopy_workers_cannot_be_had(leader->workers);
	int			n = 0;

	if (can_read(leader) && (is_alone || has_no_room_for_readers(leader)))
		n = pgcopy_queue_take(queue, LINE_COPY, 1, items, max);
	if (n == 0 && is_alone)
		n = pgcopy_queue_take(queue, LINE_BUILD, 1, items, max);
	if (n == 0 && can_read(leader) && (is_alone || missing == 0))
	{
		items[0] = pgcopy_queue_take_through_leader(queue);
		n = items[0] != 0 ? 1 : 0;
	}
	return n;
}

/* Assignment.tick. */
static void
publish(void *arg)
{
	Leader	   *leader = arg;

	pgcopy_progress_publish(leader->progress);
}

/* Assignment.prepare: use the link's session, or open one for a while. */
static SourceSession *
prepare_source(Assignment *assignment, const JobItem *item)
{
	Leader	   *leader = assignment->arg;
	SourceSession *session;

	if (!pgcopy_item_kind_traits(item->kind)->needs_source)
		return NULL;
	assignment->is_connecting = pgcopy_link_session(leader->link) == NULL;
	session = pgcopy_link_begin_reading(leader->link);
	assignment->is_connecting = false;
	return session;
}

static Assignment *
make_assignment(Leader *leader, const WorkerEvent *event)
{
	Assignment *assignment = palloc0(sizeof(Assignment));

	assignment->job = leader->job;
	assignment->items = event->items;
	assignment->nitems = event->nitems;
	assignment->snapshot_no = leader->control->snapshot_no;
	assignment->share.memory = (int) pgcopy_share_budget();
	assignment->share.parallel_workers = max_parallel_maintenance_workers;
	assignment->live = &leader->control->own;
	assignment->is_leader = true;
	assignment->prepare = prepare_source;
	assignment->tick = publish;
	assignment->arg = leader;
	return assignment;
}

/* Return the error, in the leader's context, or NULL. */
static ErrorData *
try_assignment(Leader *leader, Assignment *assignment, WorkerEvent *event)
{
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		event->outcome = pgcopy_assignment_do(assignment);
	}
	PG_CATCH();
	{
		error = pgcopy_leader_catch(leader);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(leader->context);
	return error;
}

static void
fill_event(const Assignment *assignment, const ErrorData *error,
		   WorkerEvent *event)
{
	event->failed = assignment->current;
	event->done = assignment->done;
	event->begun = pgcopy_assignment_begun(assignment);
	event->rows = assignment->rows;
	event->bytes = assignment->bytes;
	if (error == NULL)
		return;
	event->sqlerrcode = error->sqlerrcode;
	event->need = pgcopy_assignment_need(assignment, error);
	event->outcome = pgcopy_assignment_lacks_session(assignment, error) ?
		OUTCOME_NO_SESSION : OUTCOME_FAILED;
}

void
pgcopy_alone_do(Leader *leader, const int *items, int nitems,
				WorkerEvent *event)
{
	MemoryContext context = AllocSetContextCreate(leader->context,
												  "pgcopy own items",
												  ALLOCSET_DEFAULT_SIZES);
	Assignment *assignment;
	ErrorData  *error;

	Assert(!IsTransactionState() && nitems > 0);
	memset(event, 0, sizeof(*event));
	event->nitems = nitems;
	memcpy(event->items, items, sizeof(int) * nitems);

	MemoryContextSwitchTo(context);
	assignment = make_assignment(leader, event);
	error = try_assignment(leader, assignment, event);
	pgcopy_link_end_reading(leader->link);
	MemoryContextSwitchTo(context);
	fill_event(assignment, error, event);
	if (event->outcome == OUTCOME_FAILED)
		pgcopy_assignment_record(assignment, error);
	pgcopy_control_clear_live(&leader->control->own);
	MemoryContextSwitchTo(context);
	pgstat_report_activity(STATE_RUNNING,
						   psprintf("pgcopy job " INT64_FORMAT ": leading",
									leader->job->id));
	pgstat_report_stat(false);

	MemoryContextSwitchTo(leader->context);
	MemoryContextDelete(context);
	if (error != NULL)
		FreeErrorData(error);
}
