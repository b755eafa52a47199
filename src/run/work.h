/*-------------------------------------------------------------------------
 *
 * work.h
 *	  Do one item, with what load/ and schema/ offer.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_WORK_H
#define PGCOPY_WORK_H

#include "base/retry.h"
#include "catalog/item.h"
#include "catalog/job.h"
#include "catalog/relation.h"
#include "load/load.h"
#include "source/session.h"

/* Size in bytes from which TRUNCATE pays, if it saves the WAL. */
#define WORK_TRUNCATE_PAYS_FROM (64 * 1024 * 1024)

/* Tables that are copied together. */
typedef struct WorkBatch
{
	List	   *items;			/* JobItem * */
	int		   *current;		/* index of the one being done, or that an error is about */

	/* written by work_table.c; zero at first */
	struct CopySeries *series;
	struct WorkStatistics *statistics;	/* or NULL */
	List	   *tables;
	int			begun;			/* how many have had a chance to change something here */
	bool		is_undone;		/* what the current one has done here is rolled back */
} WorkBatch;

/* What an item needs beside its row. */
typedef struct WorkPlace
{
	const Job  *job;
	SourceSession *session;		/* NULL for items that read no source */
	bool		is_leader;		/* the session holds the locks already */
	bool		can_vacuum;		/* the caller handles WORK_WANTS_VACUUM */
	WorkBatch  *batch;			/* of an item that is a table */
	LoadProgress progress;
	void	   *progress_arg;
	const char *search_path;	/* set by pgcopy_work_do() */
} WorkPlace;

typedef enum WorkResult
{
	WORK_DONE,
	WORK_SOURCE_LOCKED,			/* the source's table cannot be locked now */
	WORK_WANTS_VACUUM			/* run it outside a transaction, then retry */
} WorkResult;

/* Stop at the test point of an item's kind; see base/testpoint.c. */
extern void pgcopy_work_test_point(const JobItem *item, const char *moment);

/* work_shared.c: run statements on roles or the database; tell what is left out of them. */
extern void pgcopy_work_shared(const WorkPlace *place, const JobItem *item);

/* Throw 42P01 if a relation is not here.  Waits for a DROP in progress. */
extern void pgcopy_work_check_target(const JobRelation *target);

/*
 * Do an item and mark it done, in the current transaction.  *load: rows and
 * bytes read.
 */
extern WorkResult pgcopy_work_do(const WorkPlace *place, const JobItem *item,
								 LoadResult *load);

/*
 * Copy a table again that an item has copied, in the current transaction, into itself
 * or the root of its tree.  The session sees the source.
 */
extern LoadResult pgcopy_work_copy_again(const Job *job, SourceSession *session,
										 JobRelation *relation, const JobRelation *target,
										 LoadStart start);

/* Set those of a List of JobRelation * that are sequences to set.  Returns how many. */
extern int	pgcopy_work_set_sequences(const Job *job, SourceSession *session, List *rows);

/*
 * Remove what the last attempt of an item left, if no other will follow.
 * Called after its abort, in another transaction.
 */
extern void pgcopy_work_clean_up(const Job *job, const JobItem *item);

/*
 * VACUUM dead rows of failed attempts: in the table of an ANALYZE that asks for
 * it, or, as far as that needs no waiting, after a table item failed for good.
 * Called outside a transaction; leave none open.
 */
extern void pgcopy_work_vacuum(const Job *job, JobItem *item);
extern void pgcopy_work_vacuum_failed(const Job *job, const JobItem *item);

/*
 * Clean up when the job ends: truncate a table of which nothing is done,
 * without waiting.
 */
extern void pgcopy_work_clean_up_at_end(const Job *job, const JobItem *item);

/* The kind and name of an item, to be shown. */
extern char *pgcopy_work_describe(const JobItem *item);

/*
 * Record an error of an item (0: of the job), with its name and its statement
 * unless that is secret, in a transaction of its own. is_final: no retry
 * follows.
 */
extern void pgcopy_work_record_error(int64 job, int no, bool is_final,
									 const ErrorData *error);

/*
 * work_path.c: the search_path to run an item under; NULL: an empty one.
 * Whether there is another one that an item may be tried under.
 */
extern char *pgcopy_work_path_choose(const Job *job, const JobItem *item);
extern bool pgcopy_work_path_is_left(const Job *job, const JobItem *item);

/*
 * After a failed attempt: let the next one run under the other path, if that may
 * help; else under an empty one again.  Returns true if it is to be at once.
 * Needs a transaction.
 */
extern bool pgcopy_work_path_switch(const Job *job, const JobItem *item, RetryNeed need);

/* Tell, in the current transaction, that a done item needed the source's path. */
extern void pgcopy_work_path_tell(const Job *job, const JobItem *item);

/* Return an error with a hint at search_path, if that may be the reason. */
extern const ErrorData *pgcopy_work_path_hint(const Job *job, const JobItem *item,
											  const ErrorData *error);

#endif							/* PGCOPY_WORK_H */
