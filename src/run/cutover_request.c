/*-------------------------------------------------------------------------
 *
 * cutover_request.c
 *	  How pgcopy_cutover() asks the leader of a job.
 *
 *	NONE -> ASKED		the caller has filled in the request
 *	ASKED -> RUNNING	the leader has read it (following.c)
 *	RUNNING -> ANSWERED the leader has filled in the result
 *	ANSWERED -> NONE	the caller has read it, or is gone
 *	ASKED -> NONE		the caller is gone
 *
 * A caller that goes away while the leader is at it sets is_unwanted; nobody waits
 * for the answer then, and the next caller takes its place.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/latch.h"

#include "run/cutover_request.h"

/* Callback of the segment: the caller is gone, for whatever reason. */
static void
withdraw(dsm_segment *segment, Datum arg)
{
	Control    *control = dsm_segment_address(segment);
	ControlCutover *cutover = &control->cutover;

	LWLockAcquire(&control->lock, LW_EXCLUSIVE);
	if (cutover->caller == MyProc && cutover->caller_pid == MyProcPid)
	{
		cutover->caller = NULL;
		cutover->caller_pid = 0;
		if (cutover->state == CUTOVER_RUNNING)
			pg_atomic_write_u32(&cutover->is_unwanted, 1);
		else
			cutover->state = CUTOVER_NONE;
	}
	LWLockRelease(&control->lock);
	pgcopy_control_wake_leader(control);
}

/* Put the request in its place.  Returns false if another one is there. */
static bool
put_request(Control *control, const CutoverRequest *request)
{
	ControlCutover *cutover = &control->cutover;
	bool		is_free;

	LWLockAcquire(&control->lock, LW_EXCLUSIVE);
	is_free = cutover->state == CUTOVER_NONE || cutover->state == CUTOVER_ANSWERED;
	if (is_free)
	{
		cutover->request = *request;
		cutover->caller = MyProc;
		cutover->caller_pid = MyProcPid;
		pg_atomic_write_u32(&cutover->is_unwanted, 0);
		cutover->state = CUTOVER_ASKED;
	}
	LWLockRelease(&control->lock);
	return is_free;
}

dsm_segment *
pgcopy_cutover_request_ask(uint32 handle, int64 job, const CutoverRequest *request)
{
	dsm_segment *segment = pgcopy_control_map(handle, job);

	if (segment == NULL)
		return NULL;
	on_dsm_detach(segment, withdraw, (Datum) 0);
	if (!put_request(dsm_segment_address(segment), request))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("another cutover of job " INT64_FORMAT " is running", job),
				 errhint("Wait for its end, or cancel the session that called it.")));
	pgcopy_control_wake_leader(dsm_segment_address(segment));
	return segment;
}

bool
pgcopy_cutover_request_get_answer(dsm_segment *segment, CutoverResult *result)
{
	Control    *control = dsm_segment_address(segment);
	bool		is_answered;

	LWLockAcquire(&control->lock, LW_SHARED);
	is_answered = control->cutover.state == CUTOVER_ANSWERED;
	if (is_answered)
		*result = control->cutover.result;
	LWLockRelease(&control->lock);
	return is_answered;
}
