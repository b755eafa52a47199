/*-------------------------------------------------------------------------
 *
 * live.h
 *	  What the leader of a job publishes, for those who may see the job.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_LIVE_H
#define PGCOPY_LIVE_H

#include "run/control.h"

/*
 * Copy what the job's leader publishes into the current memory context; NULL if
 * there is none or the caller may not see the job.
 */
extern ControlView *pgcopy_live_peek(int64 job);

/*
 * Say who has kept a process of the job waiting for seconds; NULL: nobody.  With
 * the rights of the caller.  The text is in the current memory context.
 */
extern char *pgcopy_live_hold_up(int64 job);

#endif							/* PGCOPY_LIVE_H */
