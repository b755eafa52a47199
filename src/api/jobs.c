/*-------------------------------------------------------------------------
 *
 * jobs.c
 *	  pgcopy_cancel(), pgcopy_drop(), and what checks a job for pgcopy_summary().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "fmgr.h"

#include "api/order.h"
#include "catalog/job.h"

extern PGDLLEXPORT Datum pgcopy_cancel(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgcopy_cancel);
extern PGDLLEXPORT Datum pgcopy_drop(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgcopy_drop);
extern PGDLLEXPORT Datum pgcopy_check_job(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgcopy_check_job);

/*
 * Cancel a job.  Send SIGINT to its leader, which moves the job itself and does
 * not wait for our commit.  Move the job here if it has no leader, or if this
 * transaction ordered it: its leader waits for our commit and cannot see the
 * job yet.
 */
Datum
pgcopy_cancel(PG_FUNCTION_ARGS)
{
	int64		id = pgcopy_order_get_job(fcinfo);
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

Datum
pgcopy_drop(PG_FUNCTION_ARGS)
{
	int64		id = pgcopy_order_get_job(fcinfo);
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
