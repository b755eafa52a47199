/*-------------------------------------------------------------------------
 *
 * work.h
 *	  Do one item: bring together what load and schema can do.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_WORK_H
#define PGCOPY_WORK_H

#include "catalog/item.h"
#include "catalog/job.h"
#include "load/load.h"
#include "source/session.h"

/* From this size on TRUNCATE pays where it saves the WAL. */
#define WORK_TRUNCATE_PAYS_FROM (64 * 1024 * 1024)

/* What an item needs beside its row. */
typedef struct WorkPlace
{
	const Job  *job;
	SourceSession *session;		/* NULL for items that read no source */
	bool		is_leader;		/* the session holds the locks already */
	bool		can_vacuum;		/* the caller sees to WORK_WANTS_VACUUM */
	LoadProgress progress;
	void	   *progress_arg;
} WorkPlace;

typedef enum WorkResult
{
	WORK_DONE,
	WORK_SOURCE_LOCKED,			/* the source's table cannot be locked now */
	WORK_WANTS_VACUUM			/* first, outside a transaction */
} WorkResult;

/* The test point of an item's kind at a moment; see base/testpoint.c. */
extern void pgcopy_work_test_point(const JobItem *item, const char *moment);

/* Whether an item of this kind reads under the job's snapshot. */
extern bool pgcopy_work_needs_snapshot(ItemKind kind);

/* Whether it reads the source without it. */
extern bool pgcopy_work_needs_source(ItemKind kind);

/*
 * Do an item and mark it done, in the current transaction, which the caller
 * commits.  *load: rows and bytes read.
 */
extern WorkResult pgcopy_work_do(const WorkPlace *place, const JobItem *item,
								 LoadResult *load);

/*
 * Take away what the last attempt of an item has left, when there will be no
 * further one.  Called after its abort, by another process or transaction.
 */
extern void pgcopy_work_clean_up(const Job *job, const JobItem *item);

/*
 * Have VACUUM take away what was taken back of failed attempts: from the table of
 * an ANALYZE that wants it; or where a table item has failed for good, as far as
 * that need not wait.  Called outside a transaction, and leave none open.
 */
extern void pgcopy_work_vacuum(const Job *job, JobItem *item);
extern void pgcopy_work_vacuum_failed(const Job *job, const JobItem *item);

/*
 * The same when the whole job ends, which must be soon: only tables of which
 * nothing is done are emptied, and only where that need not wait.
 */
extern void pgcopy_work_clean_up_at_end(const Job *job, const JobItem *item);

/* The kind and name of an item, for people. */
extern char *pgcopy_work_describe(const JobItem *item);

/*
 * Record an error that concerns an item (0: the job), in a transaction of its
 * own: with the item's name, and its statement where that can be shown.
 * is_final: it is not tried again.
 */
extern void pgcopy_work_record_error(int64 job, int no, bool is_final,
									 const ErrorData *error);

#endif							/* PGCOPY_WORK_H */
