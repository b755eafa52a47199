/*-------------------------------------------------------------------------
 *
 * chunks.h
 *	  In how many chunks a table is copied, and what each of them is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_CHUNKS_H
#define PGCOPY_CHUNKS_H

#include "catalog/relation.h"
#include "plan/input.h"
#include "source/inventory.h"

/*
 * Decide into how many chunks each relation of the input is split, and note it
 * there.  Returns those that are split: where the source cannot read ranges of
 * blocks, the caller has keys chosen for them (source/keyrange.h) before it
 * makes the plan.
 */
extern List *pgcopy_chunks_decide(const PlanInput *input);

/* The number of chunks of a table, after that. */
extern int	pgcopy_chunks_count(const PlanInput *input, const JobRelation *row,
								const SourceRelation *relation);

/* The range of chunk "i", as it stands in an item. */
extern void pgcopy_chunks_get_range(const JobRelation *row,
									const SourceRelation *relation,
									int i, int chunks,
									int64 *start, int64 *end);

#endif							/* PGCOPY_CHUNKS_H */
