/*-------------------------------------------------------------------------
 *
 * cutover_request.h
 *	  How pgcopy_cutover() asks the leader of a job.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_CUTOVER_REQUEST_H
#define PGCOPY_CUTOVER_REQUEST_H

#include "base/compat.h"
#include "run/control.h"

/*
 * Hand a request to the leader of a job.  Returns the mapped segment, for the
 * functions below; NULL if it is gone.  Throws 55006 if the leader is at another one,
 * 55000 if the target is open.  Once the segment is detached, also by the end
 * of the transaction, the request is withdrawn: the leader goes back if it still can.
 */
extern dsm_segment *pgcopy_cutover_request_ask(uint32 handle, int64 job,
											   const CutoverRequest *request);

/* Throw that the target is open. */
extern void pgcopy_cutover_request_throw_open(int64 job) pg_attribute_noreturn();

/* Is the leader at one that it can still go back from? */
extern bool pgcopy_cutover_request_is_running(uint32 handle, int64 job);

/* Has it been answered?  Copies the answer. */
extern bool pgcopy_cutover_request_get_answer(dsm_segment *segment, CutoverResult *result);

#endif							/* PGCOPY_CUTOVER_REQUEST_H */
