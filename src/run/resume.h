/*-------------------------------------------------------------------------
 *
 * resume.h
 *	  Going on with a job where it stopped.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_RESUME_H
#define PGCOPY_RESUME_H

#include "catalog/job.h"
#include "run/leader.h"

/*
 * In the backend that asks: throws what can be told at once, 55000 when the
 * user has to say what to do about a snapshot that is gone.  Connects to the
 * source where that has to be found out.
 */
extern void pgcopy_resume_check(const Job *job, ResumeChoice choice);

/*
 * In the leader, instead of planning: make the items of an earlier attempt
 * ready to go on, with a snapshot where one is needed.  False when there is
 * no plan yet.  Called outside a transaction.
 */
extern bool pgcopy_resume_run(Leader *leader);

/* reset.c: start these tables (integer list) over, whatever was done. */
extern void pgcopy_reset_tables(Leader *leader, List *relations);

/* reset.c: the same for all that has been read, large objects too. */
extern void pgcopy_reset_all(Leader *leader);

#endif							/* PGCOPY_RESUME_H */
