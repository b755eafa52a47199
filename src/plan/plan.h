/*-------------------------------------------------------------------------
 *
 * plan.h
 *	  From what the source holds to the items of a job.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_PLAN_H
#define PGCOPY_PLAN_H

#include "nodes/pg_list.h"

#include "catalog/job.h"

/*
 * Write relations and items of a job into the catalog, in the current
 * transaction: from Lists of SourceRelation, DumpStatement (pre-data first)
 * and LargeObjectRange.
 */
extern void pgcopy_plan_store(const Job *job, int source_version,
							  List *relations, List *statements,
							  List *large_objects);

#endif							/* PGCOPY_PLAN_H */
