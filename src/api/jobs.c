/*-------------------------------------------------------------------------
 *
 * jobs.c
 *	  pgcopy_cancel(), pgcopy_wait(), pgcopy_drop().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "api/order.h"
#include "catalog/job.h"

extern PGDLLEXPORT Datum pgcopy_cancel(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgcopy_cancel);
extern PGDLLEXPORT Datum pgcopy_wait(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgcopy_wait);
extern PGDLLEXPORT Datum pgcopy_drop(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgcopy_drop);

/*
 * Pauses of pgcopy_wait() in ms: a twentieth of the time waited so far, within
 * these limits.
 */
#define FIRST_LOOK 5
#define LONGEST_LOOK 250

/*
 * Cancel a job.  Send SIGINT to its leader, which moves the job itself and does
 * not wait for our commit.  Move the job here if it has no leader, or if this
 * transaction ordered it: its leader waits for our commit and cannot see the
 * job yet.
 */
Datum
pgcopy_cancel(PG_FUNCTION_ARGS)
{
	int64		id = PG_GETARG_INT64(0);
	Job		   *job = pgcopy_job_fetch_own(id);
	int			pid;

	if (pgcopy_job_has_ended(job->state))
		PG_RETURN_BOOL(false);
	pid = pgcopy_job_is_of_this_transaction(id) ? 0 : pgcopy_job_leader_pid(id);
	if (pid != 0)
	{
		if (kill(pid, SIGINT) != 0 && errno != ESRCH)
			ereport(ERROR,
					(errmsg("could not signal process %d: %m", pid)));
		PG_RETURN_BOOL(true);
	}
	pgcopy_order_check_server("cancel a job");
	job = pgcopy_job_lock_own(id);
	if (pgcopy_job_has_ended(job->state))
		PG_RETURN_BOOL(false);
	pgcopy_job_move(id, JOB_CANCELLED);
	PG_RETURN_BOOL(true);
}

static JobState
look_at_job(int64 id)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pgcopy wait",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	JobState	state = pgcopy_job_fetch_own(id)->state;

	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return state;
}

/*
 * Refuse to wait for a job that this transaction ordered: its leader waits for
 * our commit.
 */
static void
check_is_committed(int64 id)
{
	if (pgcopy_job_is_of_this_transaction(id))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot wait for job " INT64_FORMAT " in the transaction that started it",
						id),
				 errdetail("The job starts when this transaction commits."),
				 errhint("COMMIT, then call pgcopy_wait(" INT64_FORMAT ").", id)));
}

/* The state to show: a job without processes is interrupted. */
static const char *
name_state(int64 id, JobState state)
{
	if (!pgcopy_job_has_ended(state) && pgcopy_job_is_interrupted(id))
		return "interrupted";
	return pgcopy_words_of_job_state(state);
}

/* Compute when to stop waiting; a null timeout means never. */
static TimestampTz
get_deadline(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(1))
		return DT_NOEND;
	return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
												   TimestampTzGetDatum(GetCurrentTimestamp()),
												   PG_GETARG_DATUM(1)));
}

/*
 * Wait for the end of a job.  Each look reads one row of pgcopy.job and one
 * lock.  The caller's statement keeps its snapshot all the time.
 */
Datum
pgcopy_wait(PG_FUNCTION_ARGS)
{
	int64		id;
	TimestampTz started = GetCurrentTimestamp();
	TimestampTz deadline;
	JobState	state;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("job must not be null")));
	id = PG_GETARG_INT64(0);
	state = look_at_job(id);
	check_is_committed(id);
	deadline = get_deadline(fcinfo);

	while (!pgcopy_job_has_ended(state) &&
		   !pgcopy_job_is_interrupted(id) &&
		   GetCurrentTimestamp() < deadline)
	{
		long		waited = TimestampDifferenceMilliseconds(started,
															 GetCurrentTimestamp());

		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 Min(Max(waited / 20, FIRST_LOOK), LONGEST_LOOK),
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		state = look_at_job(id);
	}
	PG_RETURN_TEXT_P(cstring_to_text(name_state(id, state)));
}

Datum
pgcopy_drop(PG_FUNCTION_ARGS)
{
	int64		id = PG_GETARG_INT64(0);
	Job		   *job;

	pgcopy_order_check_server("drop a job");
	job = pgcopy_job_lock_own(id);
	if (!pgcopy_job_has_ended(job->state))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("job " INT64_FORMAT " has not ended", id),
				 errdetail("It is %s.", pgcopy_words_of_job_state(job->state)),
				 errhint("Run SELECT pgcopy_cancel(" INT64_FORMAT ") first.", id)));
	pgcopy_job_delete(id);
	PG_RETURN_BOOL(true);
}
