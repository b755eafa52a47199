/*-------------------------------------------------------------------------
 *
 * cutover_request.h
 *	  How pgcopy_cutover() asks the leader of a job.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_CUTOVER_REQUEST_H
#define PGCOPY_CUTOVER_REQUEST_H

#include "run/control.h"

/*
 * Hand a request to the leader of a job.  Returns the mapped segment, for the
 * functions below; NULL if it is gone.  Throws 55006 if the leader is at another one.
 * Once the segment is detached, also by the end of the transaction, the request is
 * withdrawn: the leader goes back if it still can.
 */
extern dsm_segment *pgcopy_cutover_request_ask(uint32 handle, int64 job,
											   const CutoverRequest *request);

/* Has it been answered?  Copies the answer. */
extern bool pgcopy_cutover_request_get_answer(dsm_segment *segment, CutoverResult *result);

#endif							/* PGCOPY_CUTOVER_REQUEST_H */
