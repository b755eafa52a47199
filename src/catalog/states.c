/*-------------------------------------------------------------------------
 *
 * states.c
 *	  Which state of a job may follow which.
 *
 *	queued -> planning -> pre-data -> copying -> post-data -> done
 *
 * Each of them but done can also become failed or cancelled.  A job whose
 * processes are gone keeps its state: that it is interrupted is seen by the
 * missing advisory lock of its leader, never written.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/states.h"

#define TO(state) (1 << (state))
#define ENDINGS (TO(JOB_FAILED) | TO(JOB_CANCELLED))

static const int moves[] = {
	[JOB_QUEUED] = TO(JOB_PLANNING) | ENDINGS,
	[JOB_PLANNING] = TO(JOB_PRE_DATA) | ENDINGS,
	[JOB_PRE_DATA] = TO(JOB_COPYING) | ENDINGS,
	[JOB_COPYING] = TO(JOB_POST_DATA) | ENDINGS,
	[JOB_POST_DATA] = TO(JOB_DONE) | ENDINGS,
	[JOB_DONE] = 0,
	[JOB_FAILED] = 0,
	[JOB_CANCELLED] = 0,
};

bool
pgcopy_job_may_move(JobState from, JobState to)
{
	return (moves[from] & TO(to)) != 0;
}
