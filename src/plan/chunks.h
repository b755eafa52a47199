/*-------------------------------------------------------------------------
 *
 * chunks.h
 *	  In how many chunks a table is copied, and what each of them is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_CHUNKS_H
#define PGCOPY_CHUNKS_H

#include "plan/draft.h"
#include "source/session.h"

/*
 * Have the tables that are to be copied in chunks split by a key, where the
 * source cannot read ranges of blocks.  Before they are counted.
 */
extern void pgcopy_chunks_split_by_keys(const Job *job, SourceSession *session,
										List *relations);

extern int	pgcopy_chunks_count(const JobPlan *plan, const PlanRelation *relation,
								int source_version);

/* The range of chunk "i". */
extern void pgcopy_chunks_set_range(JobItem *item, const PlanRelation *relation,
									int i, int chunks);

#endif							/* PGCOPY_CHUNKS_H */
