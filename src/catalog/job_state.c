/*-------------------------------------------------------------------------
 *
 * job_state.c
 *	  The moves between states of a job.
 *
 *	queued -> planning -> pre-data -> copying -> post-data -> done
 *	post-data -> following <-> cutover -> done		(follow => true)
 *
 * All but done may become queued; all that have not ended may also become
 * failed or cancelled.  "interrupted" is not stored: it is a state that has not
 * ended, without a leader (job_lock.c).  The table lets a running job be
 * queued; pgcopy_resume() and the launcher do that to ended and interrupted
 * jobs only.
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
	[JOB_POST_DATA] = TO(JOB_FOLLOWING) | TO(JOB_DONE) | OTHERS,
	[JOB_FOLLOWING] = TO(JOB_CUTOVER) | OTHERS,
	[JOB_CUTOVER] = TO(JOB_FOLLOWING) | TO(JOB_DONE) | OTHERS,
	[JOB_DONE] = 0,
	[JOB_FAILED] = TO(JOB_QUEUED),
	[JOB_CANCELLED] = TO(JOB_QUEUED),
};

bool
pgcopy_job_may_move(JobState from, JobState to)
{
	Assert((int) from < lengthof(moves) && (int) to < lengthof(moves));
	return (moves[from] & TO(to)) != 0;
}

bool
pgcopy_job_has_ended(JobState state)
{
	return state >= JOB_DONE;
}
