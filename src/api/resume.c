/*-------------------------------------------------------------------------
 *
 * resume.c
 *	  pgcopy_resume(): continue a job that has stopped.
 *
 * Only check the job and queue it; the leader does the rest (run/resume.c)
 * once the caller commits.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "api/order.h"
#include "catalog/job.h"
#include "catalog/version.h"
#include "run/resume.h"

extern PGDLLEXPORT Datum pgcopy_resume(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgcopy_resume);

static ResumeChoice
get_choice(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(1))
		return RESUME_UNSAID;
	return PG_GETARG_BOOL(1) ? RESUME_CONSISTENT : RESUME_MIXED;
}

static void
check_state(const Job *job)
{
	if (job->state == JOB_DONE)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot resume job " INT64_FORMAT, job->id),
				 errdetail("It is done."),
				 errhint("Start a new clone with pgcopy_clone().")));
	if (!pgcopy_job_has_ended(job->state) &&
		!pgcopy_job_is_interrupted(job->id))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("cannot resume job " INT64_FORMAT, job->id),
				 errdetail("It is %s.", pgcopy_words_of_job_state(job->state)),
				 errhint("Only a job that failed, was cancelled or interrupted can be resumed; see pgcopy_progress.")));
	if (job->conninfo == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot resume job " INT64_FORMAT, job->id),
				 errdetail("Its connection string has been wiped."),
				 errhint("Start a new clone with pgcopy_clone().")));
}

Datum
pgcopy_resume(PG_FUNCTION_ARGS)
{
	ResumeChoice choice = get_choice(fcinfo);
	int64		id = pgcopy_order_get_job(fcinfo);
	Job		   *job;

	pgcopy_order_check_server("resume a job");
	job = pgcopy_job_lock_own(id);
	check_state(job);
	pgcopy_version_check_job(id);
	pgcopy_job_read_options(job);
	pgcopy_order_check_role(job->owner);
	pgcopy_resume_check(job, choice);

	pgcopy_job_allow_auto_resume(job->id);
	pgcopy_job_move(job->id, JOB_QUEUED);
	pgcopy_order_start_leader(job, choice);
	PG_RETURN_INT64(job->id);
}
