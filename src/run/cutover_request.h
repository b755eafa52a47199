/*-------------------------------------------------------------------------
 *
 * cutover_request.h
 *	  How pgcopy_cutover() asks the leader, and how the leader answers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_CUTOVER_REQUEST_H
#define PGCOPY_CUTOVER_REQUEST_H

#include "run/control.h"

/*
 * Caller: hand a request to the leader of a job.  Returns the mapped segment, for the
 * functions below; NULL if it is gone.  Throws 55006 if the leader is at another one.
 * Once the segment is detached, also by the end of the transaction, the request is
 * withdrawn: the leader goes back if it still can.
 */
extern dsm_segment *pgcopy_cutover_request_ask(uint32 handle, int64 job,
											   const CutoverRequest *request);

/* Has it been answered?  Copies the answer. */
extern bool pgcopy_cutover_request_get_answer(dsm_segment *segment, CutoverResult *result);

/* Leader: is there a request?  If so, it is copied and running from now on. */
extern bool pgcopy_cutover_request_take(Control *control, CutoverRequest *request);
extern void pgcopy_cutover_request_answer(Control *control, const CutoverResult *result);

#endif							/* PGCOPY_CUTOVER_REQUEST_H */
