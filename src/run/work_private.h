/*-------------------------------------------------------------------------
 *
 * work_private.h
 *	  What the files that do items share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_WORK_PRIVATE_H
#define PGCOPY_WORK_PRIVATE_H

#include "run/work.h"
#include "source/inventory.h"

extern SourceRelation *pgcopy_work_source_relation(const JobRelation *row);

extern bool pgcopy_work_is_chunk(const JobItem *item);

/* The relation that an item loads: for some leaves it is the root. */
extern const JobRelation *pgcopy_work_find_target(const Job *job, const JobItem *item,
												  const JobRelation *relation);

/*
 * Mark rows of an item's failed attempts as dead.  They are newer than
 * dirty_from and belong to no done item.
 */
extern void pgcopy_work_take_back_rows(int64 job, const JobItem *item, Oid relid);

/* work_table.c: copy a table, as pgcopy_work_do(). */
extern WorkResult pgcopy_work_table(const WorkPlace *place, const JobItem *item,
									LoadResult *load);

#endif							/* PGCOPY_WORK_PRIVATE_H */
