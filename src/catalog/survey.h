/*-------------------------------------------------------------------------
 *
 * survey.h
 *	  How far a job has come, for going on with it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SURVEY_H
#define PGCOPY_SURVEY_H

#include "nodes/pg_list.h"

/*
 * Copies are the items that read rows: of tables, and large objects.  One is
 * done when something of what it has read is here: a table, be it empty, but not
 * an unlogged one that a crash has emptied, and not large objects where there
 * were none.
 */
typedef struct Survey
{
	int			items;			/* 0: there is no plan yet */
	int			copies_done;
	int			copies_left;
	int			tables;
	int			tables_read;	/* wholly: all chunks of it */
	int			tables_begun;	/* in part */
	int64		large_objects_read;
	int			snapshots;		/* that the copies done were read under */
	int64		rows_done;
	int64		bytes_done;

	/*
	 * The latest snapshot that a copy done was read under; before there is one,
	 * the latest of the job.  no: 0 when there is none.
	 */
	int			snapshot_no;
	char	   *snapshot_name;
	char	   *snapshot_content;
} Survey;

/* Numbers of jobs that have not ended, whoever runs them: a List of int64 *. */
extern List *pgcopy_survey_unended(void);

/* In the current memory context. */
extern void pgcopy_survey_fetch(int64 job, Survey *survey);

/*
 * Everything that is not done becomes pending, with a fresh allowance of
 * attempts.  What was tried before keeps one attempt: that is how a load
 * knows that it has to clean up first.  Errors so far are not final any more.
 */
extern void pgcopy_survey_reopen(int64 job);

/*
 * Integer lists of relations: those that are empty though their rows were
 * read (unlogged tables after a crash), those of which a part was read under
 * another snapshot than this, all that were read at all, and those of which an
 * index belongs to that of a parent.
 */
extern List *pgcopy_survey_emptied(int64 job);
extern List *pgcopy_survey_split_by(int64 job, int snapshot);
extern List *pgcopy_survey_read(int64 job);
extern List *pgcopy_survey_attached(int64 job);

/* Names of tables that are still to be loaded and are not there any more. */
extern List *pgcopy_survey_gone(int64 job);

/*
 * Where large objects lie that no item has copied, whatever their number may
 * be: OID lists of the first and last number of each gap.
 */
extern void pgcopy_survey_large_object_gaps(int64 job, List **firsts,
											List **lasts);

/* Items of large objects that have copied none, done or not: integers. */
extern List *pgcopy_survey_large_object_items_left(int64 job);

/* All large objects are to be copied again. */
extern void pgcopy_survey_reopen_large_objects(int64 job);

/* Hashes of the texts of all statements, and a name for each; same length. */
extern int	pgcopy_survey_statements(int64 job, uint64 **hashes, char ***names);
extern uint64 pgcopy_survey_hash(const char *sql);

#endif							/* PGCOPY_SURVEY_H */
