/*-------------------------------------------------------------------------
 *
 * states.h
 *	  Which state of a job may follow which.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_STATES_H
#define PGCOPY_STATES_H

#include "base/words.h"

extern bool pgcopy_job_may_move(JobState from, JobState to);

#endif							/* PGCOPY_STATES_H */
