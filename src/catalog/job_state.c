/*-------------------------------------------------------------------------
 *
 * job_state.c
 *	  Which state of a job may follow which.
 *
 *	queued -> planning -> pre-data -> copying -> post-data -> done
 *
 * Each of them but done can also become failed or cancelled, and each but done
 * can be queued again.  A job whose processes are gone keeps its state: that it
 * is interrupted is seen by the missing advisory lock of its leader, never
 * written.  Only such a job, or one that has ended, may be queued again: that
 * is pgcopy_resume()'s to see to.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/job.h"

#define TO(state) (1 << (state))
#define OTHERS (TO(JOB_FAILED) | TO(JOB_CANCELLED) | TO(JOB_QUEUED))

static const int moves[] = {
	[JOB_QUEUED] = TO(JOB_PLANNING) | OTHERS,
	[JOB_PLANNING] = TO(JOB_PRE_DATA) | OTHERS,
	[JOB_PRE_DATA] = TO(JOB_COPYING) | OTHERS,
	[JOB_COPYING] = TO(JOB_POST_DATA) | OTHERS,
	[JOB_POST_DATA] = TO(JOB_DONE) | OTHERS,
	[JOB_DONE] = 0,
	[JOB_FAILED] = TO(JOB_QUEUED),
	[JOB_CANCELLED] = TO(JOB_QUEUED),
};

bool
pgcopy_job_may_move(JobState from, JobState to)
{
	return (moves[from] & TO(to)) != 0;
}

bool
pgcopy_job_has_ended(JobState state)
{
	return state >= JOB_DONE;
}
