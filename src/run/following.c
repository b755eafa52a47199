/*-------------------------------------------------------------------------
 *
 * following.c
 *	  Keep an eye on a target that follows its source.
 *
 * Apply workers of the server do the work and need nobody here.  The leader looks at both
 * sides every two seconds, publishes what it sees, tells in time what goes wrong, and does
 * the cutover when it is asked for.  It holds nothing: no transaction on either side
 * outlives a look.
 *
 *	the source is away			shown; the target still follows
 *	apply fails					shown until it has passed; core tries again
 *	the slot is lost			the subscription stops, the job fails: what the slot has not
 *								sent never comes, so to go on would lose changes
 *	someone asks for a cutover	cutover.c; open: the end, else follow on
 *	cancelled					the error ends the job, as everywhere
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "mb/pg_wchar.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/testpoint.h"
#include "replica/subscription.h"
#include "run/following.h"

/* Time between two looks, and the longest sleep, ms. */
#define LOOK_INTERVAL 2000
#define LONGEST_SLEEP 1000

/* Once it has followed for so long, the job has shown that it does not crash the server. */
#define PROOF_TIME (10 * USECS_PER_SEC)

/* Log that the slot is in danger if it is lost within so many seconds. */
#define DANGER_TO_LOG (10 * SECS_PER_MINUTE)

static void
fetch_follow(Following *following)
{
	Leader	   *leader = following->leader;

	pgcopy_leader_begin(leader);
	MemoryContextSwitchTo(following->context);
	following->follow = pgcopy_follow_fetch(leader->job->id);
	pgcopy_leader_commit(leader);
	if (following->follow == NULL)
		elog(ERROR, "job " INT64_FORMAT " has no row in pgcopy.follow", leader->job->id);
}

static Following *
begin_following(Leader *leader)
{
	MemoryContext context = AllocSetContextCreate(leader->context, "pgcopy following",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	Following  *following = palloc0(sizeof(Following));

	following->leader = leader;
	following->context = context;
	following->look_context = AllocSetContextCreate(context, "pgcopy look",
													ALLOCSET_DEFAULT_SIZES);
	following->session_context = AllocSetContextCreate(context, "pgcopy watch session",
													   ALLOCSET_DEFAULT_SIZES);
	following->lag = pgcopy_lag_create();
	following->lost_in = -1;
	following->errors_seen = -1;
	MemoryContextSwitchTo(caller);
	fetch_follow(following);
	return following;
}

/* Look at this side. */
static void
look_here(Following *following)
{
	Leader	   *leader = following->leader;
	Oid			subscription = following->follow->subscription;

	pgcopy_leader_begin(leader);
	pgcopy_applied_look(subscription, &following->applied);
	MemoryContextSwitchTo(following->look_context);
	following->last_error = pgcopy_applied_last_error(subscription);
	pgcopy_leader_commit(leader);
}

static void
note_lag(Following *following)
{
	const Applied *applied = &following->applied;
	const SlotStatus *slot = &following->slot;

	if (following->has_slot)
		pgcopy_lag_note_source(following->lag, following->slot_at, slot->source_lsn,
							   slot->safe_wal_size);
	pgcopy_lag_note_applied(following->lag, GetCurrentTimestamp(),
							Max(slot->confirmed_flush, Max(applied->ended, applied->committed)));
	if (!following->has_slot)
		return;
	following->lost_in = slot->safe_wal_size < 0 ? -1 : pgcopy_lag_lost_in(following->lag);
}

/* Has an error occurred since the last look?  Before 15, a worker that changes shows it. */
static bool
has_new_error(const Following *following, int worker_before)
{
	const Applied *applied = &following->applied;

	if (applied->errors >= 0)
		return following->errors_seen >= 0 && applied->errors > following->errors_seen;
	return worker_before != 0 && applied->pid != 0 && applied->pid != worker_before;
}

/*
 * Note what the source takes for safe here, after it has said so: a server that has this
 * row has all before that position.
 */
static void
note_confirmed(Following *following)
{
	Follow	   *follow = following->follow;
	Leader	   *leader = following->leader;
	int			timeline = (int) pgcopy_timeline();

	if (!following->has_slot || !following->slot.exists ||
		(following->slot.confirmed_flush == follow->confirmed && follow->timeline == timeline))
		return;
	follow->confirmed = following->slot.confirmed_flush;
	follow->timeline = timeline;
	pgcopy_leader_begin(leader);
	pgcopy_follow_set_confirmed(leader->job->id, follow->confirmed, timeline);
	pgcopy_leader_commit(leader);
}

/* An error has passed once a transaction is applied, or all that there was. */
static bool
has_passed(const Following *following)
{
	const Applied *applied = &following->applied;

	return applied->committed > following->failing_commit ||
		(applied->ended != InvalidXLogRecPtr && applied->ended >= following->failing_source);
}

static void
note_errors(Following *following, int worker_before)
{
	const Applied *applied = &following->applied;

	if (has_new_error(following, worker_before))
	{
		following->is_failing = true;
		following->next_picture = 0;	/* a table may be missing */
		following->failing_commit = applied->committed;
		following->failing_source = following->slot.source_lsn;
	}
	else if (following->is_failing && has_passed(following))
		following->is_failing = false;
	following->errors_seen = applied->errors;

	if (applied->pid != 0)
		following->idle_since = 0;
	else if (following->idle_since == 0)
		following->idle_since = GetCurrentTimestamp();
}

/* Tell the server's log, once for each time that it comes to this. */
static void
tell_danger(Following *following)
{
	bool		is_in_danger = pgcopy_following_is_in_danger(following) &&
		following->lost_in < DANGER_TO_LOG;

	if (is_in_danger && !following->told_danger)
		ereport(LOG,
				(errmsg("job " INT64_FORMAT ": replication slot \"%s\" on the source is about to be lost",
						following->leader->job->id, following->follow->name),
				 errdetail("Its state is %s; it may fall behind by " INT64_FORMAT " MB more.",
						   following->slot.wal_status,
						   following->slot.safe_wal_size / (1024 * 1024)),
				 errhint("Raise max_slot_wal_keep_size on the source and reload.")));
	following->told_danger = is_in_danger;
}

/* All before is applied. */
static XLogRecPtr
get_applied(const Following *following)
{
	return Max(following->applied.ended, following->applied.committed);
}

/* A source that ends before what it once sent would send other changes under the same positions. */
static const char *
find_loss(const Following *following, XLogRecPtr applied_before)
{
	const char *loss;

	if (!following->applied.exists)
		return "the subscription is gone";
	if (!following->has_slot)
		return NULL;
	loss = pgcopy_handover_find_loss(&following->slot);
	if (loss == NULL && following->slot.source_lsn < applied_before)
		loss = psprintf("the source's WAL ends at %X/%X, before %X/%X, which was applied here: it was restored to an earlier state",
						LSN_FORMAT_ARGS(following->slot.source_lsn),
						LSN_FORMAT_ARGS(applied_before));
	return loss;
}

/* Stop for good if the slot is lost: what it has not sent never comes. */
static void
give_up_if_lost(Following *following, XLogRecPtr applied_before)
{
	Leader	   *leader = following->leader;
	const char *loss = find_loss(following, applied_before);

	if (loss == NULL)
		return;
	pgcopy_leader_begin(leader);
	pgcopy_follow_set_lost(leader->job->id, loss);
	if (following->applied.exists)
		pgcopy_subscription_disable(following->follow->subscription, following->follow->name);
	ForceSyncCommit();
	pgcopy_leader_commit(leader);
	pgcopy_handover_throw_lost(leader->job->id, loss);
}

static void
copy_text(char *to, const char *from)
{
	int			length = from ? (int) strlen(from) : 0;

	length = length > 0 ? pg_mbcliplen(from, length, CONTROL_MESSAGE_LENGTH - 1) : 0;
	if (length > 0)
		memcpy(to, from, length);
	to[length] = '\0';
}

static void
fill_figures(const Following *following, ControlFollow *figures)
{
	const Applied *applied = &following->applied;

	figures->is_valid = true;
	figures->source_lsn = following->slot.source_lsn;
	figures->applied_lsn = Max(following->slot.confirmed_flush,
							   Max(applied->ended, applied->committed));
	figures->lag_bytes = pgcopy_lag_bytes(following->lag);
	figures->lag_ms = pgcopy_lag_ms(following->lag, GetCurrentTimestamp());
	figures->retained_bytes = following->slot.retained_bytes;
	strlcpy(figures->wal_status, following->slot.wal_status, sizeof(figures->wal_status));
	figures->lost_in_seconds = following->lost_in;
	figures->tables = applied->tables;
	figures->tables_waiting = applied->waiting;
	figures->worker_pid = applied->pid;
	figures->is_caught_up = pgcopy_following_is_caught_up(following);
	figures->errors = applied->errors;
	copy_text(figures->last_error, following->last_error);
	copy_text(figures->changes, following->follow->changes_seen);
}

static void
publish(Following *following)
{
	Control    *control = following->leader->control;
	ControlFollow figures = {0};

	fill_figures(following, &figures);
	LWLockAcquire(&control->lock, LW_EXCLUSIVE);
	control->follow = figures;
	control->totals.percent = 100;
	control->totals.bytes_per_second = -1;
	control->totals.eta_seconds = -1;
	LWLockRelease(&control->lock);
	pgcopy_progress_set_message(following->leader->progress,
								pgcopy_following_describe(following));
}

/* From now on a crash of the server does not keep the job from being resumed. */
static void
note_proof(Following *following)
{
	Leader	   *leader = following->leader;

	pgcopy_leader_begin(leader);
	pgcopy_job_allow_auto_resume(leader->job->id);
	pgcopy_leader_commit(leader);
	following->is_proven = true;
}

static void
look(Following *following)
{
	int			worker_before = following->applied.pid;
	XLogRecPtr	applied_before = get_applied(following);

	pgcopy_following_ask_source(following);
	look_here(following);
	MemoryContextSwitchTo(following->look_context);
	note_lag(following);
	note_errors(following, worker_before);
	tell_danger(following);
	pgcopy_following_end_writers(following);
	MemoryContextSwitchTo(following->look_context);
	publish(following);
	give_up_if_lost(following, applied_before);
	note_confirmed(following);
	MemoryContextSwitchTo(following->leader->context);
	MemoryContextReset(following->look_context);
	following->last_error = NULL;
	pgstat_report_stat(false);
}

/* Take a request for a cutover, if there is one. */
static bool
take_request(Leader *leader, CutoverRequest *request)
{
	Control    *control = leader->control;
	bool		is_asked;

	LWLockAcquire(&control->lock, LW_EXCLUSIVE);
	is_asked = control->cutover.state == CUTOVER_ASKED;
	if (is_asked)
	{
		control->cutover.state = CUTOVER_RUNNING;
		*request = control->cutover.request;
	}
	LWLockRelease(&control->lock);
	return is_asked;
}

/* Give the caller the result, and wake him if he still waits. */
static void
answer(Leader *leader, const CutoverResult *result)
{
	Control    *control = leader->control;

	LWLockAcquire(&control->lock, LW_EXCLUSIVE);
	control->cutover.result = *result;
	control->cutover.state = CUTOVER_ANSWERED;
	control->is_told_to_stop = pgcopy_process_is_cancelled();
	if (control->cutover.caller_pid != 0 && control->cutover.caller != NULL)
		SetLatch(&control->cutover.caller->procLatch);
	LWLockRelease(&control->lock);
}

/* Tell the caller what ends the job, and him. */
static void
answer_error(Leader *leader, CutoverResult *result)
{
	MemoryContext caller = MemoryContextSwitchTo(leader->context);
	ErrorData  *error = CopyErrorData();

	memset(result, 0, sizeof(*result));
	result->pause_us = -1;
	result->sqlerrcode = error->sqlerrcode;
	copy_text(result->message, error->message);
	copy_text(result->detail, error->detail);
	copy_text(result->hint, error->hint);
	answer(leader, result);
	FreeErrorData(error);
	MemoryContextSwitchTo(caller);
}

/* Do the cutover that is asked for; returns whether the target is open. */
static bool
run_cutover(Following *following, const CutoverRequest *request)
{
	Leader	   *leader = following->leader;
	CutoverResult *result = MemoryContextAllocZero(following->context, sizeof(CutoverResult));
	volatile bool is_open = false;

	PG_TRY();
	{
		is_open = pgcopy_cutover_run(leader, request, result);
	}
	PG_CATCH();
	{
		answer_error(leader, result);
		PG_RE_THROW();
	}
	PG_END_TRY();
	answer(leader, result);
	pfree(result);
	return is_open;
}

/* Returns whether the target is open now. */
static bool
serve_cutover(Following *following)
{
	CutoverRequest request;

	if (!take_request(following->leader, &request))
		return false;
	if (run_cutover(following, &request))
		return true;
	fetch_follow(following);
	following->next_look = 0;
	return false;
}

static void
end_following(Following *following)
{
	MemoryContextSwitchTo(following->leader->context);
	MemoryContextDelete(following->context);
}

void
pgcopy_following_run(Leader *leader)
{
	Following  *following = begin_following(leader);
	TimestampTz begun = GetCurrentTimestamp();

	if (following->follow->is_open)
	{
		end_following(following);
		return;
	}
	pgcopy_following_guard(following);
	look_here(following);
	PGCOPY_TEST_POINT("following", "begun");
	pgstat_report_activity(STATE_RUNNING, psprintf("pgcopy job " INT64_FORMAT ": following",
												   leader->job->id));
	while (!serve_cutover(following))
	{
		TimestampTz now = GetCurrentTimestamp();

		if (now >= following->next_look)
		{
			look(following);
			following->next_look = TimestampTzPlusMilliseconds(now, LOOK_INTERVAL);
			PGCOPY_TEST_POINT("following", "looked");
		}
		if (!following->is_proven && now - begun > PROOF_TIME)
			note_proof(following);
		pgcopy_process_wait(LONGEST_SLEEP);
	}
	end_following(following);
}
