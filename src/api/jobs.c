/*-------------------------------------------------------------------------
 *
 * jobs.c
 *	  pgcopy_cancel(), pgcopy_drop(), and what checks a job for pgcopy_summary().
 *
 * A job that follows has a slot on its source, which keeps WAL there.  Cancelling
 * keeps it, and says so; with cleanup, and when the job is dropped, it is removed
 * (run/settle.c).  A cutover that is cancelled ends, and the target follows on; with
 * cleanup the job is stopped after it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/timestamp.h"

#include "api/order.h"
#include "catalog/follow.h"
#include "catalog/job.h"
#include "run/control.h"
#include "run/cutover_request.h"
#include "run/follow.h"

/* Pause between two looks at a leader that ends, and until it is told again, ms. */
#define LOOK_INTERVAL 20
#define SIGNAL_INTERVAL 1000

extern PGDLLEXPORT Datum pgcopy_cancel(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgcopy_cancel);
extern PGDLLEXPORT Datum pgcopy_drop(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgcopy_drop);
extern PGDLLEXPORT Datum pgcopy_check_job(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgcopy_check_job);

/*
 * Send SIGINT to the leader, which moves the job itself and does not wait for our
 * commit.  Returns false if there is none, or if this transaction ordered the job:
 * its leader waits for our commit and cannot see the job yet.
 */
static bool
signal_leader(int64 id)
{
	int			pid = pgcopy_job_is_of_this_transaction(id) ? 0 : pgcopy_job_leader_pid(id);
	uint32		handle;

	if (pid == 0)
		return false;
	if (pgcopy_job_find_own(id, &handle) && handle != 0)
		pgcopy_control_note_stop(handle, id);
	if (kill(pid, SIGINT) != 0 && errno != ESRCH)
		ereport(ERROR,
				(errmsg("could not signal process %d: %m", pid)));
	return true;
}

/* Stop a job.  Returns whether it had not ended. */
static bool
cancel(int64 id)
{
	Job		   *job = pgcopy_job_fetch_own(id);

	if (pgcopy_job_has_ended(job->state))
		return false;
	if (signal_leader(id))
		return true;
	pgcopy_order_check_server("cancel a job");
	job = pgcopy_job_lock_own(id);
	if (pgcopy_job_has_ended(job->state))
		return false;
	pgcopy_job_move(id, JOB_CANCELLED);
	pgcopy_settle_pause(job);
	return true;
}

/* Say that a job keeps WAL on its source, if it does. */
static void
warn(int64 id)
{
	Follow	   *follow = pgcopy_follow_fetch(id);
	char	   *text = follow != NULL ? pgcopy_settle_tell(follow) : NULL;

	if (text != NULL)
		ereport(WARNING, (errmsg("%s", text)));
}

/* Say that only the cutover is cancelled, if one runs. */
static bool
tell_cutover(int64 id)
{
	uint32		handle;

	if (!pgcopy_job_find_own(id, &handle) || handle == 0 ||
		!pgcopy_cutover_request_is_running(handle, id))
		return false;
	ereport(NOTICE,
			(errmsg("the cutover of job " INT64_FORMAT " is cancelled; the target follows on", id),
			 errhint("To stop the job: SELECT pgcopy_cancel(" INT64_FORMAT ").", id)));
	return true;
}

/* The first signal may have ended no more than a cutover. */
static void
await_leader_end(int64 id)
{
	TimestampTz next = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), SIGNAL_INTERVAL);

	while (pgcopy_job_has_leader(id))
	{
		if (GetCurrentTimestamp() >= next)
		{
			(void) signal_leader(id);
			next = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), SIGNAL_INTERVAL);
		}
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 LOOK_INTERVAL, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

/* Remove what a job that has ended, or is about to, has here and on the source. */
static void
clean_up(int64 id)
{
	Job		   *job;

	pgcopy_order_check_server("clean up after a job");
	await_leader_end(id);
	job = pgcopy_job_lock_own(id);
	if (!pgcopy_job_has_ended(job->state))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("job " INT64_FORMAT " has been resumed meanwhile", id),
				 errhint("Run SELECT pgcopy_cancel(" INT64_FORMAT ", cleanup => true) again.", id)));
	(void) pgcopy_settle(job, false);
	pgcopy_job_set_message(id, NULL);
}

Datum
pgcopy_cancel(PG_FUNCTION_ARGS)
{
	int64		id = pgcopy_order_get_job(fcinfo);
	bool		cleans_up = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1) &&
		!pgcopy_job_is_of_this_transaction(id);
	bool		is_told = !cleans_up && tell_cutover(id);
	bool		was_cancelled = cancel(id);

	if (cleans_up)
		clean_up(id);
	else if (was_cancelled && !is_told)
		warn(id);
	PG_RETURN_BOOL(was_cancelled);
}

Datum
pgcopy_drop(PG_FUNCTION_ARGS)
{
	int64		id = pgcopy_order_get_job(fcinfo);
	bool		is_forced = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);
	Job		   *job;
	char	   *sql;

	pgcopy_order_check_server("drop a job");
	job = pgcopy_job_lock_own(id);
	if (!pgcopy_job_has_ended(job->state))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("job " INT64_FORMAT " has not ended", id),
				 errdetail("It is %s.", pgcopy_words_of_job_state(job->state)),
				 errhint("Run SELECT pgcopy_cancel(" INT64_FORMAT ") first.", id)));
	sql = pgcopy_settle(job, is_forced);
	if (sql != NULL)
		ereport(NOTICE,
				(errmsg("run this in the source's database when it can be reached:\n%s", sql)));
	pgcopy_job_delete(id);
	PG_RETURN_BOOL(true);
}

/*
 * Throw what all functions throw for such a job.  Looks at nothing but its
 * arguments: it may run beside a parallel plan.
 */
Datum
pgcopy_check_job(PG_FUNCTION_ARGS)
{
	int64		id = pgcopy_order_get_job(fcinfo);

	if (PG_ARGISNULL(1) || !PG_GETARG_BOOL(1))
		pgcopy_job_throw_missing(id);
	PG_RETURN_BOOL(true);
}
