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
#include "source/series.h"

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

/*
 * work_statistics.c: the statistics of the tables of an assignment, as the job's options
 * say; NULL: none.  Add each of its items; returns where to note how many rows were
 * loaded, or NULL if none are asked for.  Then ask, behind the rows.
 */
typedef struct WorkStatistics WorkStatistics;

extern WorkStatistics *pgcopy_work_statistics_begin(const Job *job);
extern struct IntakeTable *pgcopy_work_statistics_add(WorkStatistics *statistics,
													  const Job *job, const JobItem *item,
													  const JobRelation *relation);
extern const SeriesQuery *pgcopy_work_statistics_query(WorkStatistics *statistics,
													   const SourceSession *session);

/* After the last table: write what has come, and note which tables have all of it. */
extern void pgcopy_work_statistics_take(WorkStatistics *statistics, int64 job,
										struct CopySeries *series);

/*
 * Whether a table that is complete needs no ANALYZE; what is left to do for it is done
 * then.
 */
extern bool pgcopy_work_statistics_suffice(const Job *job, const JobRelation *relation);

#endif							/* PGCOPY_WORK_PRIVATE_H */
