/*-------------------------------------------------------------------------
 *
 * cutover_fence.c
 *	  The fence of a cutover: set, proved by locks, and lifted.
 *
 * pgcopy.follow says that it may be set before it is, durably.  If the process ends
 * by FATAL while it is, it tries for a moment to lift it; whoever leads the job next
 * does it for certain.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "run/cutover.h"
#include "run/cutover_watch.h"

/* Pause between two looks at sessions that are to end, ms. */
#define DRAIN_PAUSE 2

/*
 * How long to ask for the locks at a time, ms: below the applications' deadlock_timeout
 * while they may be writing; beyond it, so that autovacuum gives way, once they are not.
 */
#define SHORT_LOCK_TIME 200
#define LONG_LOCK_TIME 3000
#define LOCK_PAUSE 50
#define REHEARSED_TRIES 3

/* How long sessions get to end by themselves after the fence is lifted, ms. */
#define LIFT_GRACE 1000

/* How long an exiting process tries to lift the fence, ms. */
#define EXIT_TIME 2000

/* What to run when the process exits. */
static SourceSession *exit_session = NULL;
static char *exit_sql = NULL;

static void
lift_at_exit(int code, Datum arg)
{
	if (exit_session != NULL)
		pgcopy_session_run_at_exit(exit_session, exit_sql, EXIT_TIME);
	exit_session = NULL;
}

static void
lift_when_exiting(Cutover *cutover, const char *before)
{
	static bool is_registered = false;

	if (!is_registered)
		before_shmem_exit(lift_at_exit, (Datum) 0);
	is_registered = true;
	exit_sql = pgcopy_fence_lift_sql(cutover->session,
									 pgcopy_follow_fence_name(cutover->follow), before);
	exit_session = cutover->session;
}

void
pgcopy_cutover_fence_settled(void)
{
	exit_session = NULL;
}

static void
throw_untouchable(const FenceSessions *sessions)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("the source's role may not end %d of the sessions there",
					sessions->untouchable),
			 errdetail("They could go on writing into a database that is no longer followed."),
			 errhint("Let them end, connect as a superuser or GRANT pg_signal_backend, or use fence => 'lock' with the applications stopped.")));
}

void
pgcopy_cutover_fence_check(Cutover *cutover)
{
	FenceSpan	all = {NULL, NULL};
	FenceSessions sessions;

	pgcopy_fence_check_owner(cutover->session, pgcopy_follow_fence_name(cutover->follow));
	pgcopy_fence_count(cutover->session, &all, &sessions);
	if (sessions.untouchable > 0)
		throw_untouchable(&sessions);
	pgcopy_cutover_note(cutover, psprintf("sessions on the source: %d idle, %d busy",
										  sessions.idle, sessions.busy));
}

/* Note, durably, that the fence may be set from now on. */
static void
note_intent(Cutover *cutover, const char *before)
{
	pgcopy_leader_begin(cutover->leader);
	pgcopy_follow_set_fence(cutover->leader->job->id, true, before);
	ForceSyncCommit();
	pgcopy_leader_commit(cutover->leader);
	MemoryContextSwitchTo(cutover->context);
}

/* Throw for the sessions that are left after the grace. */
static void
throw_busy(const FenceSessions *left)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_IN_USE),
			 errmsg("%d sessions on the source are still in their transactions",
					left->busy + left->unknown),
			 left->oldest != NULL ? errdetail("The oldest is %s.", left->oldest) : 0,
			 errhint("Give a longer grace, or let them be ended: terminate => true.")));
}

/* Look at the sessions of before the fence once.  Returns whether none is left. */
static bool
drain_some(Cutover *cutover, bool is_grace_over, int *ended)
{
	FenceSpan	span = {.until = cutover->fenced_at};
	FenceSessions left;

	*ended += pgcopy_fence_end_sessions(cutover->session, &span,
										is_grace_over && cutover->request->terminate);
	pgcopy_fence_count(cutover->session, &span, &left);
	if (left.idle + left.busy + left.unknown == 0)
		return true;
	if (is_grace_over && left.untouchable > 0)
		throw_untouchable(&left);
	if (is_grace_over && !cutover->request->terminate && left.idle == 0)
		throw_busy(&left);
	snprintf(cutover->waits_for, sizeof(cutover->waits_for), "%d sessions to end%s%s",
			 left.idle + left.busy + left.unknown, left.oldest ? ", the oldest: " : "",
			 left.oldest ? left.oldest : "");
	return false;
}

/* End the sessions that began before the fence. */
static void
drain(Cutover *cutover)
{
	TimestampTz grace_end = TimestampTzPlusMilliseconds(cutover->paused,
														cutover->request->grace_ms);
	int			ended = 0;
	bool		is_done = false;

	while (!is_done)
	{
		MemoryContextSwitchTo(cutover->look_context);
		is_done = drain_some(cutover, GetCurrentTimestamp() >= grace_end, &ended);
		MemoryContextSwitchTo(cutover->context);
		MemoryContextReset(cutover->look_context);
		if (!is_done)
			pgcopy_process_wait(DRAIN_PAUSE);
	}
	cutover->waits_for[0] = '\0';
	pgcopy_cutover_note(cutover, psprintf("no session of before is left, %d were ended", ended));
}

static void
set_deadline(const Cutover *cutover, TimestampTz since)
{
	int64		ms = cutover->request->max_pause_ms;

	pgcopy_cutover_watch_set_deadline(TimestampTzPlusMilliseconds(since, ms));
}

/* From now on writes are refused: the pause has begun. */
static void
begin_pause(Cutover *cutover, TimestampTz when)
{
	cutover->paused = when;
	set_deadline(cutover, when);
}

/*
 * Sessions that were beginning when the fence was set may have read the setting before,
 * and show up later: wait until they have begun, so that the drain sees them.
 */
static void
await_beginning(Cutover *cutover)
{
	char	   *pids = pgcopy_fence_beginning(cutover->session, NULL);

	snprintf(cutover->waits_for, sizeof(cutover->waits_for), "sessions to begin on the source");
	while (pids != NULL)
	{
		pgcopy_process_wait(DRAIN_PAUSE);
		pids = pgcopy_fence_beginning(cutover->session, pids);
	}
	cutover->waits_for[0] = '\0';
}

/* One that an earlier cutover could not lift yet is not what was there before. */
void
pgcopy_cutover_fence_set(Cutover *cutover)
{
	char	   *owner = pgcopy_follow_fence_name(cutover->follow);
	char	   *before = cutover->follow->is_fenced ? cutover->follow->fence_before :
		pgcopy_fence_setting(cutover->session);

	pgcopy_fence_check_owner(cutover->session, owner);
	note_intent(cutover, before);
	lift_when_exiting(cutover, before);
	begin_pause(cutover, GetCurrentTimestamp());
	pgcopy_fence_set(cutover->session, owner);
	cutover->fenced_at = pgcopy_fence_now(cutover->session);
	pgcopy_cutover_note(cutover, "the source is read-only for new sessions");
	await_beginning(cutover);
	drain(cutover);
}

/* Note who is in the way. */
static void
note_blocker(Cutover *cutover, const char *who)
{
	snprintf(cutover->waits_for, sizeof(cutover->waits_for), "locks on %d tables%s%s",
			 list_length(cutover->tables), who ? "; in the way: " : "", who ? who : "");
}

/*
 * The session with the locks lives until the cutover ends.  Without a fence the pause
 * begins with the locks, and applications may go on between the attempts.
 */
void
pgcopy_cutover_fence_lock(Cutover *cutover)
{
	bool		is_fenced = cutover->paused != 0;
	int			lock_ms = SHORT_LOCK_TIME;
	TimestampTz asked = GetCurrentTimestamp();
	char	   *who = NULL;

	if (!is_fenced)
		set_deadline(cutover, asked);
	while (!pgcopy_fence_lock(cutover->locker, cutover->tables, lock_ms, &who))
	{
		note_blocker(cutover, who);
		if (is_fenced)
			lock_ms = LONG_LOCK_TIME;
		else
			pgcopy_process_wait(LOCK_PAUSE);
		asked = GetCurrentTimestamp();
	}
	if (!is_fenced)
		begin_pause(cutover, asked);
	cutover->waits_for[0] = '\0';
	pgcopy_cutover_note(cutover, psprintf("%d tables are locked against writers",
										  list_length(cutover->tables)));
}

void
pgcopy_cutover_fence_prove(Cutover *cutover)
{
	char	   *setting = NULL;

	if (!pgcopy_fence_has_locks(cutover->locker, list_length(cutover->tables)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the locks on the source's tables have been lost")));
	if (!cutover->request->locks_only)
		setting = pgcopy_fence_setting(cutover->session);
	if (!cutover->request->locks_only && (setting == NULL || strcmp(setting, "on") != 0))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the source's database is no longer read-only"),
				 errdetail("Somebody else has changed its default_transaction_read_only.")));
}

void
pgcopy_cutover_fence_end_waiting(Cutover *cutover)
{
	int			ended;
	int			count = pgcopy_fence_end_waiting(cutover->locker, &ended);

	if (count > 0)
		pgcopy_cutover_note(cutover,
							psprintf("%d sessions waited to write on the source in spite of the fence: %d were ended",
									 count, ended));
}

long
pgcopy_cutover_fence_try_locks(Cutover *cutover)
{
	char	   *who = NULL;

	for (int i = 0; i < REHEARSED_TRIES; i++)
	{
		TimestampTz asked = GetCurrentTimestamp();
		long		ms;

		if (pgcopy_fence_lock(cutover->locker, cutover->tables, SHORT_LOCK_TIME, &who))
		{
			ms = TimestampDifferenceMilliseconds(asked, GetCurrentTimestamp());
			pgcopy_session_exec(cutover->locker, "ROLLBACK");
			return ms;
		}
		pgcopy_process_wait(LOCK_PAUSE);
	}
	note_blocker(cutover, who);
	return -1;
}

/*
 * End the sessions that began under the fence: a pool would keep them, read-only, for
 * ever.  While it is not known when it was set, spare those at work.
 */
static void
end_fenced_sessions(SourceSession *session, const char *since)
{
	FenceSpan	span = {.from = since, .until = pgcopy_fence_now(session)};
	TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LIFT_GRACE);
	FenceSessions left;

	for (;;)
	{
		bool		is_over = GetCurrentTimestamp() >= end;

		(void) pgcopy_fence_end_sessions(session, &span, is_over && since != NULL);
		pgcopy_fence_count(session, &span, &left);
		if (is_over || left.idle + left.busy == 0)
			return;
		pgcopy_process_wait(DRAIN_PAUSE);
	}
}

void
pgcopy_cutover_fence_lift(Leader *leader, SourceSession *session,
						  const Follow *follow, const char *since)
{
	MemoryContext caller = CurrentMemoryContext;

	if (session == NULL || !pgcopy_session_is_alive(session))
		session = pgcopy_cutover_connect(leader, "fence");
	pgcopy_fence_lift(session, pgcopy_follow_fence_name(follow), follow->fence_before);
	end_fenced_sessions(session, since);
	pgcopy_cutover_fence_settled();
	pgcopy_leader_begin(leader);
	pgcopy_follow_set_fence(follow->job, false, NULL);
	ForceSyncCommit();
	pgcopy_leader_commit(leader);
	MemoryContextSwitchTo(caller);
}
