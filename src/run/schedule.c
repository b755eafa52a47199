/*-------------------------------------------------------------------------
 *
 * schedule.c
 *	  The leader's parallel stages: hand items out to workers.
 *
 * A round handles the workers' events, starts workers if there is work for
 * more, hands out items, and waits on the latch, at most half a second so that
 * figures move.  The leader itself does items that nobody else can (alone.c).
 *
 * The leader itself reads a table that a worker cannot lock at once on the
 * source.  Such a worker would wait behind somebody's ALTER TABLE, which waits
 * for the leader's lock, and no deadlock detector would see it.
 *
 * If the source refuses a session to a worker while other sessions exist, the
 * number of copiers drops to what it has room for, the items go back untried,
 * and one more copier is tried after a while.
 *
 * If a snapshot is good for some tables only (queue_withheld.c), the next one is taken
 * when these are read.
 *
 * The snapshot is released when the last copy item has committed, before the
 * index builds end, since it holds back VACUUM on the source.  Copies that are
 * held (held.c) keep it, even into the next stage.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/timestamp.h"

#include "base/retry.h"
#include "catalog/job.h"
#include "load/load.h"
#include "run/follow.h"
#include "run/leader.h"
#include "run/resume.h"
#include "run/server_area.h"
#include "run/work.h"

/* The longest wait, since the figures must move. */
#define TICK 500				/* ms */

/* Pause before trying one more copier than the source had room for. */
#define PAUSE_WITHOUT_ROOM (30 * USECS_PER_SEC)

/* Pause before retrying items if nobody holds the snapshot, ms. */
#define RETRY_WITHOUT_ROOM 1000

/* Make an item pending again; when 0: at once. */
static void
retry(Leader *leader, int no, TimestampTz when)
{
	pgcopy_leader_begin(leader);
	pgcopy_item_mark(leader->job->id, no, ITEM_PENDING);
	pgcopy_leader_commit(leader);
	pgcopy_queue_put_back(leader->queue, no, when);
}

/* Make an item pending again that was not begun: no attempt counts.  when: as above. */
static void
give_back(Leader *leader, int no, TimestampTz when)
{
	pgcopy_leader_begin(leader);
	pgcopy_item_give_back(leader->job->id, no);
	pgcopy_leader_commit(leader);
	pgcopy_queue_item(leader->queue, no)->attempts--;
	pgcopy_queue_put_back(leader->queue, no, when);
}

/*
 * Retry or give up the item that made its assignment fail.  If there were
 * several, retry it alone whatever the error is: the others may be the reason.
 */
static void
handle_failed_item(Leader *leader, const WorkerEvent *event)
{
	int			no = event->items[event->failed];
	QueueItem  *item = pgcopy_queue_item(leader->queue, no);
	int			attempts = item->attempts - item->attempts_past;

	if (event->need == NEED_ROUTING &&
		pgcopy_reroute_is_due(leader, no))
		return;
	if (event->nitems > 1)
		retry(leader, no, 0);
	else if (pgcopy_retry_is_due(event->sqlerrcode, attempts))
		retry(leader, no, TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
													  pgcopy_retry_delay(attempts + 1)));
	else if (!pgcopy_held_keep(leader, no, event->need))
		pgcopy_leader_give_up(leader, no);
}

/*
 * The source has no room for a worker's session.  Nothing was begun, so no
 * attempt counts.  Go on with the readers that exist; if nobody has a session,
 * treat the source as away.
 */
static void
handle_no_session(Leader *leader, const WorkerEvent *event)
{
	TimestampTz now = GetCurrentTimestamp();
	int			sessions = pgcopy_workers_count_sessions(leader->workers);
	bool		has_snapshot = pgcopy_link_has_snapshot(leader->link);
	TimestampTz when = has_snapshot ? 0 :
		TimestampTzPlusMilliseconds(now, RETRY_WITHOUT_ROOM);

	for (int i = 0; i < event->nitems; i++)
		give_back(leader, event->items[i], when);
	if (has_snapshot)
	{
		leader->copiers = Min(sessions, leader->job->options.table_jobs);
		leader->more_copiers_at = now + PAUSE_WITHOUT_ROOM;
	}
	else if (sessions == 0)
		pgcopy_link_doubt(leader->link);
}

/*
 * Deal with the items beside the one that has failed.  What was rolled back runs alone
 * next time, what was not begun in another assignment of many.
 */
static void
handle_others(Leader *leader, const WorkerEvent *event)
{
	for (int i = 0; i < event->nitems; i++)
	{
		if (i < event->done)
			pgcopy_queue_done(leader->queue, event->items[i]);
		else if (i != event->failed && i < event->begun)
			retry(leader, event->items[i], 0);
		else if (i != event->failed)
			give_back(leader, event->items[i], 0);
	}
	if (event->done > 0)
		pgcopy_progress_add(leader->progress, event->rows, event->bytes);
}

static void
handle_failure(Leader *leader, const WorkerEvent *event)
{
	if (event->outcome == OUTCOME_NO_SESSION)
	{
		handle_no_session(leader, event);
		return;
	}
	handle_others(leader, event);
	if (event->outcome == OUTCOME_SOURCE_LOCKED)
	{
		int			no = event->items[event->failed];

		pgcopy_queue_item(leader->queue, no)->through_leader = true;
		retry(leader, no, 0);
	}
	else
	{
		if (pgcopy_retry_ends_transaction(event->sqlerrcode))
			pgcopy_link_doubt(leader->link);
		handle_failed_item(leader, event);
	}
}

static void
finish_items(Leader *leader, const WorkerEvent *event)
{
	for (int i = 0; i < event->nitems; i++)
		pgcopy_queue_done(leader->queue, event->items[i]);
}

/*
 * A worker died with an assignment.  Those that are done are the first of its items:
 * they commit together.  Blame the one behind them.
 */
static void
handle_death(Leader *leader, WorkerEvent *event)
{
	ErrorData	error = {
		.sqlerrcode = ERRCODE_ADMIN_SHUTDOWN,
		.message = "a worker of the job ended unexpectedly",
		.hint = "See the server log for the reason."
	};

	event->done = 0;			/* not what the worker's last report says */
	while (event->done < event->nitems &&
		   pgcopy_leader_read_state(leader, event->items[event->done]) == ITEM_DONE)
		event->done++;
	event->failed = event->done;
	event->begun = event->nitems;
	event->rows = event->bytes = 0;
	handle_others(leader, event);
	if (event->done == event->nitems)
		return;
	event->sqlerrcode = error.sqlerrcode;
	event->need = NEED_NOTHING;
	pgcopy_work_record_error(leader->job->id, event->items[event->failed], false, &error);
	handle_failed_item(leader, event);
}

static void
handle_event(Leader *leader, WorkerEvent *event)
{
	if (event->has_died)
		handle_death(leader, event);
	else if (event->outcome != OUTCOME_DONE)
		handle_failure(leader, event);
	else
	{
		finish_items(leader, event);
		pgcopy_progress_add(leader->progress, event->rows, event->bytes);
	}
}

static void
handle_events(Leader *leader)
{
	WorkerEvent event;

	while (pgcopy_workers_next_event(leader->workers, &event))
		handle_event(leader, &event);
}

static bool
lacks_copiers(const Leader *leader)
{
	return leader->copiers < leader->job->options.table_jobs;
}

/* Try one more copier, now and then: there may be room again. */
static void
try_more_copiers(Leader *leader)
{
	TimestampTz now = GetCurrentTimestamp();

	if (!lacks_copiers(leader) || now < leader->more_copiers_at)
		return;
	leader->copiers++;
	leader->more_copiers_at = now + PAUSE_WITHOUT_ROOM;
}

/* How many assignments of a line may run. */
static int
get_limit(const Leader *leader, QueueLine line)
{
	return line == LINE_COPY ? leader->copiers : leader->job->options.index_jobs;
}

/* Count the running assignments of each line. */
static void
count_running(Leader *leader, int *running)
{
	Control    *control = leader->control;

	memset(running, 0, sizeof(int) * QUEUE_LINES);
	for (int i = 0; i < control->nslots; i++)
	{
		ItemKind	kind;

		if (!pgcopy_control_has_assignment(control, &control->slots[i]))
			continue;
		/* items are the leader's own */
		kind = pgcopy_queue_item(leader->queue, control->slots[i].items[0])->kind;
		running[pgcopy_item_kind_traits(kind)->needs_snapshot ? LINE_COPY : LINE_BUILD]++;
	}
}

/*
 * Find an idle worker for a line, or -1.  While rows remain to be read, spare
 * those that have a session to the source.
 */
static int
find_worker(Leader *leader, QueueLine line)
{
	if (line == LINE_COPY && lacks_copiers(leader))
		return pgcopy_workers_find_reader(leader->workers, leader->copiers);
	if (line == LINE_COPY || pgcopy_queue_unfinished_copies(leader->queue) == 0)
		return pgcopy_workers_find_reader(leader->workers, CONTROL_MAX_SLOTS);
	return pgcopy_workers_find_idle(leader->workers);
}

static void
assign(Leader *leader, int slot, int running, const int *items, int n)
{
	ItemKind	kind = pgcopy_queue_item(leader->queue, items[0])->kind;

	if (pgcopy_item_kind_traits(kind)->needs_source)
		pgcopy_workers_expect_session(leader->workers, slot);
	pgcopy_workers_assign(leader->workers, slot, items, n,
						  pgcopy_share(leader, running, items, n));
}

/*
 * Hand out what can be handed out, copies first.  Returns how many more workers
 * there is work for.
 */
static int
hand_out(Leader *leader)
{
	int			running[QUEUE_LINES];
	int			missing = 0;

	try_more_copiers(leader);
	count_running(leader, running);
	for (QueueLine line = LINE_COPY; line < QUEUE_LINES; line++)
	{
		int			limit = get_limit(leader, line);

		while (running[line] < limit)
		{
			int			items[CONTROL_MAX_BATCH];
			int			slot = find_worker(leader, line);
			int			n;

			if (slot < 0)
				break;
			n = pgcopy_queue_take(leader->queue, line, limit, items, CONTROL_MAX_BATCH);
			if (n == 0)
				break;
			assign(leader, slot, running[line]++, items, n);
		}
		missing += Min(limit - running[line], pgcopy_queue_ready(leader->queue, line));
	}
	return missing;
}

/* Release the snapshot: all rows are here. */
static void
let_go_of_snapshot(Leader *leader)
{
	if (!pgcopy_link_keeps_snapshot(leader->link))
		return;
	pgcopy_queue_set_source_away(leader->queue, false);
	pg_atomic_write_u32(&leader->control->is_copy_over, 1);
	pgcopy_workers_wake_all(leader->workers);
	pgcopy_link_let_go(leader->link);
	pgcopy_leader_begin(leader);
	pgcopy_job_snapshot_mark_released(leader->job->id);
	pgcopy_leader_commit(leader);
}

/*
 * Take the next snapshot, for what may not be read under this one.  Returns false if
 * that must be prepared.
 */
static bool
take_next_snapshot(Leader *leader)
{
	if (!pgcopy_resume_next_snapshot(leader))
	{
		leader->must_read_anew = true;
		return false;
	}
	pgcopy_leader_begin(leader);
	pgcopy_handover_withhold(leader);
	pgcopy_leader_commit(leader);
	pgcopy_workers_wake_all(leader->workers);
	return true;
}

/*
 * Look after the link, also while all workers are busy.  Returns false if the
 * snapshot is gone.
 */
static bool
look_after_source(Leader *leader)
{
	LinkState	state = pgcopy_link_look_after(leader->link);

	pgcopy_queue_set_source_away(leader->queue, state == LINK_AWAY);
	return state != LINK_GONE;
}

/* Say why there are fewer workers than there could be. */
static void
describe_shortage(Leader *leader, int missing, char *message, Size size)
{
	bool		has_workers = pgcopy_workers_count(leader->workers) > 0;

	if (missing > 0 && pgcopy_workers_cannot_be_had(leader->workers))
		strlcpy(message, "no free background worker, the leader works alone: raise max_worker_processes",
				size);
	else if (missing > 0 && !has_workers && pgcopy_workers_are_short(leader->workers))
		strlcpy(message, "waiting for a free background worker: raise max_worker_processes",
				size);
	else if (lacks_copiers(leader) && pgcopy_link_has_snapshot(leader->link))
		snprintf(message, size,
				 "the source has room for %d of %d copiers: raise the connection limit of the role or database there, or max_connections",
				 leader->copiers, leader->job->options.table_jobs);
}

static void
tell_what_is_missing(Leader *leader, int missing)
{
	LinkState	state = pgcopy_link_state(leader->link);
	char		message[CONTROL_MESSAGE_LENGTH] = "";
	int			seconds;
	int			worker = pgcopy_progress_find_silent(leader->progress, &seconds);

	if (state == LINK_AWAY || state == LINK_ASKED)
		return;					/* the link shows a worse problem */
	pgcopy_handover_watch_tell_danger(leader, message, sizeof(message));
	if (message[0] == '\0')
		describe_shortage(leader, missing, message, sizeof(message));
	if (message[0] == '\0' && worker != 0)
		snprintf(message, sizeof(message),
				 "worker %d has received nothing from the source for %d s: see pg_stat_activity there",
				 worker, seconds);
	if (message[0] == '\0')
		strlcpy(message, leader->held_for, sizeof(message));
	if (message[0] == '\0')
		pgcopy_handover_watch_tell_kept(leader, message, sizeof(message));
	pgcopy_progress_set_message(leader->progress, message);
}

static void
wait_for_events(Leader *leader, TimestampTz next)
{
	long		timeout = TICK;

	if (next != 0)
		timeout = Min(timeout,
					  TimestampDifferenceMilliseconds(GetCurrentTimestamp(), next) + 1);
	pgcopy_process_wait(timeout);
}

/* Do items that nobody else can do. */
static void
do_own(Leader *leader, int missing)
{
	int			items[CONTROL_MAX_BATCH];
	int			n = pgcopy_alone_take(leader, missing, items, CONTROL_MAX_BATCH);
	WorkerEvent event;

	if (n == 0)
		return;
	pgcopy_alone_do(leader, items, n, &event);
	handle_event(leader, &event);
	SetLatch(MyLatch);			/* events may have come meanwhile */
}

/*
 * Do one round.  *next: when a delayed item becomes ready.  Returns false if
 * the snapshot is gone.
 */
static bool
run_round(Leader *leader, TimestampTz *next)
{
	int			missing;

	if (pgcopy_queue_unfinished_copies(leader->queue) == 0)
		let_go_of_snapshot(leader);
	if (!look_after_source(leader))
		return false;
	pgcopy_handover_watch(leader);
	if (pgcopy_queue_needs_snapshot(leader->queue) && !take_next_snapshot(leader))
		return false;

	/* needed even with no worker: ready items make us start one */
	*next = pgcopy_queue_recall_delayed(leader->queue);
	missing = hand_out(leader);
	pgcopy_workers_limit(leader->workers, pgcopy_server_area_limit());
	if (missing > 0)
		pgcopy_workers_start(leader->workers, missing);
	tell_what_is_missing(leader, missing);
	do_own(leader, missing);
	return true;
}

bool
pgcopy_schedule_run(Leader *leader, ItemStage stage)
{
	TimestampTz next;

	pgcopy_link_note_seen(leader->link);
	pgcopy_queue_open_stage(leader->queue, stage);
	for (;;)
	{
		handle_events(leader);
		if (leader->misplaced != 0)
			return false;
		if (!pgcopy_held_go_on(leader))
			return true;
		if (!run_round(leader, &next) || leader->misplaced != 0)
			return false;
		pgcopy_leader_publish(leader);
		if (pgcopy_queue_unfinished(leader->queue) == 0)
			return true;
		wait_for_events(leader, next);
	}
}
