/*-------------------------------------------------------------------------
 *
 * cutover.c
 *	  End following: the target becomes the primary.
 *
 *	0 check		may it be done now?						cutover_steps.c
 *	1 prepare	what need not be done in the pause; wait until little is to arrive in it
 *	2 fence		no new writers on the source			cutover_fence.c
 *	3 lock		the proof that there are none
 *	4 mark		a position behind all that was written	cutover_steps.c
 *	5 await		until all before it is here
 *	6 again		what the stream does not carry
 *	7 open		one transaction here					cutover_open.c
 *	8 clean up	here and on the source
 *	9 the rest	what need not be done in the pause
 *
 * The truth is where it is durable: pgcopy.follow says "opened" from step 7 on, by the
 * transaction that disables the subscription.  Whatever goes wrong before that aborts
 * the cutover: the fence is lifted, the locks are released, and the target follows
 * on.  That the fence may be set is committed before it is set, so that whoever leads
 * the job next lifts it after a crash.  From step 7 on everything is repeated until it
 * is done.
 *
 * A timer interrupts all before step 7 when the caller is gone or the pause becomes
 * too long (cutover_watch.c).  A pgcopy_cancel() aborts the cutover only.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/testpoint.h"
#include "replica/subscription.h"
#include "run/cutover.h"
#include "run/cutover_watch.h"

/* Bytes a second that copying again makes, for the estimate of a rehearsal. */
#define COPY_RATE (30 * 1024 * 1024)

/* What steps 2, 4 and 7 take at least, for the same, ms. */
#define USUAL_PAUSE 200

/*
 * Seconds that a session waits for a silent source: a connection that something on the
 * way has forgotten must not keep the fence from being lifted by another one.
 */
static const int longest_silence = 30;

/* Pauses between attempts to clean up on the source, ms. */
#define FIRST_RETRY 500
#define LONGEST_RETRY 10000

void
pgcopy_cutover_note(Cutover *cutover, const char *line)
{
	long		ms = TimestampDifferenceMilliseconds(cutover->began, GetCurrentTimestamp());

	appendStringInfo(&cutover->report, "%s%4ld.%03ld s  %s",
					 cutover->report.len > 0 ? "\n" : "", ms / 1000, ms % 1000, line);
}

void
pgcopy_cutover_end_step(Cutover *cutover, const char *name)
{
	TimestampTz now = GetCurrentTimestamp();

	appendStringInfo(&cutover->steps, "%c[\"%s\", " INT64_FORMAT "]",
					 cutover->steps.len > 0 ? ',' : '[', name, now - cutover->step_began);
	cutover->step_began = now;
}

SourceSession *
pgcopy_cutover_connect(Leader *leader, const char *what)
{
	MemoryContext caller = CurrentMemoryContext;
	SourceConninfo *conninfo;
	SourceAddress address;
	SourceSession *session;

	pgcopy_leader_begin(leader);
	MemoryContextSwitchTo(caller);
	conninfo = pgcopy_conninfo_resolve(leader->job->conninfo, leader->args.owner);
	pgcopy_leader_commit(leader);
	MemoryContextSwitchTo(caller);
	pgcopy_control_get_source(leader->control, &address);
	pgcopy_conninfo_pin(conninfo, &address);
	session = pgcopy_session_open(conninfo, psprintf("pgcopy job " INT64_FORMAT " %s",
													 leader->job->id, what));
	pgcopy_session_on_wait(session, pgcopy_session_give_up, (void *) &longest_silence);
	return session;
}

static Cutover *
make_cutover(Leader *leader, const CutoverRequest *request)
{
	MemoryContext context = AllocSetContextCreate(leader->context, "pgcopy cutover",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	Cutover    *cutover = palloc0(sizeof(Cutover));

	cutover->leader = leader;
	cutover->request = request;
	cutover->context = context;
	cutover->look_context = AllocSetContextCreate(context, "pgcopy cutover look",
												  ALLOCSET_DEFAULT_SIZES);
	cutover->began = GetCurrentTimestamp();
	cutover->step_began = cutover->began;
	cutover->pause_us = -1;
	initStringInfo(&cutover->report);
	initStringInfo(&cutover->steps);
	MemoryContextSwitchTo(caller);
	return cutover;
}

static Follow *
fetch_follow(Leader *leader, MemoryContext context)
{
	Follow	   *follow;

	pgcopy_leader_begin(leader);
	MemoryContextSwitchTo(context);
	follow = pgcopy_follow_fetch(leader->job->id);
	pgcopy_leader_commit(leader);
	if (follow == NULL)
		elog(ERROR, "job " INT64_FORMAT " does not follow", leader->job->id);
	return follow;
}

/* Steps 0 to 7. */
static void
cut_over(Cutover *cutover)
{
	pgcopy_cutover_steps_check(cutover);
	pgcopy_cutover_end_step(cutover, "check");
	PGCOPY_TEST_POINT("cutover", "checked");
	pgcopy_cutover_steps_prepare(cutover);
	pgcopy_cutover_steps_look_again(cutover);
	pgcopy_cutover_steps_calm(cutover);
	pgcopy_cutover_end_step(cutover, "prepare");
	PGCOPY_TEST_POINT("cutover", "prepared");
	if (!cutover->request->locks_only)
		pgcopy_cutover_fence_set(cutover);
	pgcopy_cutover_end_step(cutover, "fence");
	PGCOPY_TEST_POINT("cutover", "fenced");
	pgcopy_cutover_fence_lock(cutover);
	pgcopy_cutover_end_step(cutover, "lock");
	PGCOPY_TEST_POINT("cutover", "locked");
	pgcopy_cutover_steps_mark(cutover);
	PGCOPY_TEST_POINT("cutover", "marked");
	pgcopy_cutover_steps_await(cutover);
	pgcopy_cutover_end_step(cutover, "mark and await");
	PGCOPY_TEST_POINT("cutover", "applied");
	pgcopy_cutover_steps_copy_again(cutover);
	pgcopy_cutover_end_step(cutover, "copy again");
	PGCOPY_TEST_POINT("cutover", "again");
	pgcopy_cutover_open_target(cutover);
	PGCOPY_TEST_POINT("cutover", "opened");
}

/* What would be copied again, in words; returns the time it would take, ms. */
static long
estimate_again(Cutover *cutover)
{
	int			relations;
	int64		bytes;
	long		ms;

	pgcopy_carry_measure(cutover->leader, &relations, &bytes);
	MemoryContextSwitchTo(cutover->context);
	ms = (long) (bytes * 1000 / COPY_RATE) + relations;
	pgcopy_cutover_note(cutover,
						psprintf("to be copied again in the pause: %d relations, %.1f MB, about %ld ms",
								 relations, bytes / (1024.0 * 1024), ms));
	return ms;
}

/* How long the drain would take, and whom it would meet. */
static long
estimate_drain(Cutover *cutover)
{
	FenceSpan	all = {NULL, NULL};
	FenceSessions sessions;

	pgcopy_fence_count(cutover->session, &all, &sessions);
	pgcopy_cutover_note(cutover,
						psprintf("to be ended: %d idle sessions, %d busy ones%s%s",
								 sessions.idle, sessions.busy,
								 sessions.oldest ? "; the oldest: " : "",
								 sessions.oldest ? sessions.oldest : ""));
	return sessions.busy > 0 ? (long) cutover->request->grace_ms : 0;
}

/* The same without setting the fence, ending a session or copying: only the figures. */
static void
rehearse(Cutover *cutover)
{
	TimestampTz marked;
	long		estimate = USUAL_PAUSE;
	long		ms;

	pgcopy_cutover_steps_check(cutover);
	PGCOPY_TEST_POINT("cutover", "checked");
	pgcopy_cutover_steps_calm(cutover);
	if (!cutover->request->locks_only)
		estimate += estimate_drain(cutover);
	ms = pgcopy_cutover_fence_try_locks(cutover);
	pgcopy_cutover_note(cutover,
						ms >= 0 ? psprintf("%d tables locked within %ld ms, and released",
										   list_length(cutover->tables), ms)
						: psprintf("not to be had beside these sessions: %s", cutover->waits_for));
	marked = GetCurrentTimestamp();
	pgcopy_cutover_steps_mark(cutover);
	pgcopy_cutover_steps_await(cutover);
	ms = TimestampDifferenceMilliseconds(marked, GetCurrentTimestamp());
	estimate += ms + estimate_again(cutover);
	pgcopy_cutover_note(cutover, psprintf("the pause would be about %.1f s", estimate / 1000.0));
}

/* Say what the timer has interrupted, and why. */
static void
explain_fault(const Cutover *cutover, CutoverFault fault, ErrorData *error)
{
	if (fault == CUTOVER_FAULT_NONE && !pgcopy_process_is_cancelled())
		return;
	error->sqlerrcode = ERRCODE_QUERY_CANCELED;
	error->detail = cutover->waits_for[0] == '\0' ? NULL :
		psprintf("It waited for %s.", cutover->waits_for);
	error->hint = NULL;
	if (fault != CUTOVER_FAULT_LATE)
	{
		error->message = "the cutover was cancelled";
		return;
	}
	error->message = psprintf("the cutover did not get through within max_pause (%.1f s)",
							  cutover->request->max_pause_ms / 1000.0);
	error->hint = "See what stands in the way with rehearse => true, or give a longer max_pause.";
}

/*
 * In PG_CATCH: take the error, in the cutover's context, which becomes current.  From
 * here on SIGINT must not interrupt what undoes the cutover.
 */
static ErrorData *
catch_error(Cutover *cutover)
{
	CutoverFault fault = pgcopy_cutover_watch_end();
	ErrorData  *error;

	pgcopy_process_ignore_cancels();
	MemoryContextSwitchTo(cutover->context);
	error = CopyErrorData();
	FlushErrorState();
	pgcopy_leader_abort(cutover->leader);
	MemoryContextSwitchTo(cutover->context);
	explain_fault(cutover, fault, error);
	return error;
}

/* Lift the fence if it may be set.  Returns the error if that cannot be done now. */
static ErrorData *
try_to_lift(Cutover *cutover)
{
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		Follow	   *follow = fetch_follow(cutover->leader, cutover->context);

		if (follow->is_fenced)
		{
			MemoryContextSwitchTo(cutover->context);
			pgcopy_cutover_fence_lift(cutover->leader, cutover->session, follow,
									  cutover->fenced_at);
		}
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cutover->context);
		error = CopyErrorData();
		FlushErrorState();
		pgcopy_leader_abort(cutover->leader);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(cutover->context);
	return error;
}

/* There is no position to wait for. */
static void
forget_mark(Leader *leader)
{
	pgcopy_leader_begin(leader);
	pgcopy_follow_set_cutover(leader->job->id, InvalidXLogRecPtr);
	pgcopy_leader_commit(leader);
}

/* Undo what was done on the source. */
static void
go_back(Cutover *cutover, ErrorData *error)
{
	ErrorData  *in_the_way;

	if (cutover->session != NULL)
		pgcopy_session_abandon(cutover->session);
	if (cutover->locker != NULL)
		pgcopy_session_close(cutover->locker);
	cutover->locker = NULL;
	in_the_way = try_to_lift(cutover);
	if (in_the_way != NULL)
		error->detail = psprintf("%s%sThe source is still read-only, and will be so until it can be reached: %s",
								 error->detail ? error->detail : "",
								 error->detail ? " " : "", in_the_way->message);
	forget_mark(cutover->leader);
	pgcopy_process_allow_cancels();
	ereport(LOG,
			(errmsg("the cutover of job " INT64_FORMAT " was aborted: %s",
					cutover->leader->job->id, error->message)));
}

/* Copy what fits of a text, in whole characters. */
static void
copy_text(char *to, const char *text, int size)
{
	int			length = text != NULL ? (int) strlen(text) : 0;

	length = text != NULL ? pg_mbcliplen(text, length, size - 1) : 0;
	memcpy(to, text != NULL ? text : "", length);
	to[length] = '\0';
}

static void
fill_result(const Cutover *cutover, const ErrorData *error, CutoverResult *result)
{
	memset(result, 0, sizeof(CutoverResult));
	result->is_open = cutover->is_open;
	result->lsn = cutover->mark;
	result->pause_us = cutover->pause_us;
	copy_text(result->report, cutover->report.data, sizeof(result->report));
	if (error == NULL || cutover->is_open)
		return;
	result->sqlerrcode = error->sqlerrcode;
	copy_text(result->message, error->message, sizeof(result->message));
	copy_text(result->detail, error->detail, sizeof(result->detail));
	copy_text(result->hint, error->hint, sizeof(result->hint));
}

/* Do it, and undo it if it fails.  Returns the error. */
static ErrorData *
run_or_go_back(Cutover *cutover)
{
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		cutover->follow = fetch_follow(cutover->leader, cutover->context);
		pgcopy_cutover_watch_begin(cutover->leader->control);
		MemoryContextSwitchTo(cutover->context);
		if (cutover->request->rehearse)
			rehearse(cutover);
		else
			cut_over(cutover);
		(void) pgcopy_cutover_watch_end();
	}
	PG_CATCH();
	{
		error = catch_error(cutover);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(cutover->context);
	if (cutover->is_open)
	{
		if (error != NULL)
			pgcopy_process_allow_cancels();
		return NULL;
	}
	if (error != NULL)
		go_back(cutover, error);
	else
		forget_mark(cutover->leader);
	return error;
}

bool
pgcopy_cutover_run(Leader *leader, const CutoverRequest *request, CutoverResult *result)
{
	Cutover    *cutover = make_cutover(leader, request);
	bool		is_open;
	ErrorData  *error;

	Assert(!IsTransactionState());
	error = run_or_go_back(cutover);
	MemoryContextSwitchTo(leader->context);
	fill_result(cutover, error, result);
	pgcopy_cutover_fence_settled();
	pgcopy_link_close(leader->link);
	is_open = cutover->is_open;
	MemoryContextDelete(cutover->context);
	return is_open;
}

void
pgcopy_cutover_undo(Leader *leader)
{
	MemoryContext context = AllocSetContextCreate(leader->context, "pgcopy cutover undo",
												  ALLOCSET_DEFAULT_SIZES);
	Follow	   *follow = fetch_follow(leader, context);

	MemoryContextSwitchTo(context);
	if (follow->is_fenced && !follow->is_open)
		pgcopy_cutover_fence_lift(leader, NULL, follow, NULL);
	MemoryContextSwitchTo(leader->context);
	MemoryContextDelete(context);
}

/*
 * Drop the subscription, which step 7 has disabled.  Whoever reads the catalog, as
 * pg_dump does to its end, is not to hold up all that want to read it, behind us.
 */
static void
drop_subscription(Leader *leader)
{
	pgcopy_leader_begin(leader);
	pgcopy_leader_limit_lock_wait();
	pgcopy_subscription_drop(pgcopy_follow_fetch(leader->job->id)->name);
	pgcopy_leader_commit(leader);
}

/* Clean up, here and on the source.  Returns the error if that cannot be done now. */
static ErrorData *
try_to_settle(Leader *leader)
{
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		drop_subscription(leader);
		pgcopy_leader_begin(leader);
		(void) pgcopy_settle(leader->job, false);
		pgcopy_leader_commit(leader);
	}
	PG_CATCH();
	{
		error = pgcopy_leader_catch(leader);
	}
	PG_END_TRY();
	return error;
}

/* Repeat that until it is done: the source may be away, or the catalog in use. */
static void
settle(Leader *leader)
{
	long		pause = FIRST_RETRY;
	ErrorData  *error;

	while ((error = try_to_settle(leader)) != NULL)
	{
		char	   *message = psprintf("the target is open, but the job has not cleaned up behind itself: %s",
									   error->message);

		if (pause == FIRST_RETRY)
			ereport(LOG, (errmsg("job " INT64_FORMAT ": %s", leader->job->id, message)));
		pgcopy_progress_set_message(leader->progress, message);
		pgcopy_leader_publish(leader);
		pfree(message);
		FreeErrorData(error);
		pgcopy_process_wait(pause);
		pause = Min(pause * 2, LONGEST_RETRY);
	}
	pgcopy_progress_set_message(leader->progress, "");
}

void
pgcopy_cutover_finish(Leader *leader)
{
	if (leader->job->state == JOB_FOLLOWING)
		pgcopy_leader_move(leader, JOB_CUTOVER);
	settle(leader);
	pgcopy_cutover_open_refresh_rest(leader);
	(void) pgcopy_schedule_run(leader, STAGE_OPEN);
	pgcopy_workers_dismiss(leader->workers);
}
