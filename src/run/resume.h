/*-------------------------------------------------------------------------
 *
 * resume.h
 *	  Resume a job where it stopped.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_RESUME_H
#define PGCOPY_RESUME_H

#include "catalog/job.h"
#include "run/leader.h"

/*
 * Called in the user's backend.  Throws 55000 if the user must choose what to
 * do about a lost snapshot; connects to the source to find that out.
 */
extern void pgcopy_resume_check(const Job *job, ResumeChoice choice);

/*
 * Called in the leader instead of planning, outside a transaction.  Prepares
 * the items of an earlier attempt, and a snapshot if one is needed.  Returns
 * false if there is no plan yet.
 */
extern bool pgcopy_resume_run(Leader *leader);

/* reset.c: start these tables (integer list) over, whatever was done. */
extern void pgcopy_reset_tables(Leader *leader, List *relations);

/*
 * reset.c: route the rows of a whole tree from now on, and start it over, in
 * one transaction.  relation: one of its leaves.
 */
extern void pgcopy_reset_tree(Leader *leader, int relation, int root);

/* reset.c: start over everything that was read, large objects too. */
extern void pgcopy_reset_all(Leader *leader);

/*
 * All that may be read under the snapshot is here, and more is left: take the next one,
 * while builds go on.  Returns false, with nothing done, if a table was read in part: it
 * must start over, which pgcopy_resume_under_new_snapshot() does.  No worker may run for
 * that, and the queue is to be loaded again.
 */
extern bool pgcopy_resume_next_snapshot(Leader *leader);
extern void pgcopy_resume_under_new_snapshot(Leader *leader);

#endif							/* PGCOPY_RESUME_H */
