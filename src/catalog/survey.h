/*-------------------------------------------------------------------------
 *
 * survey.h
 *	  How far a job has come: what a resume has to know.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SURVEY_H
#define PGCOPY_SURVEY_H

#include "nodes/pg_list.h"

/*
 * A copy is an item of a table or of large objects.  It counts as done if it is
 * done and its rows are here: not if a crash has emptied the unlogged table.
 * One of large objects that found none does not count at all.
 */
typedef struct Survey
{
	int			items;			/* 0: not planned yet */
	int			copies_done;
	int			copies_left;
	int			tables;
	int			tables_read;	/* all chunks done */
	int			tables_begun;	/* some chunks done */
	int64		large_objects_read;
	int			snapshots;		/* number of them that copies done were read under */
	int64		rows_done;
	int64		bytes_done;

	/*
	 * The latest snapshot that a copy done was read under; if there is none,
	 * the latest of the job.  snapshot_no: 0 if the job has none.
	 */
	int			snapshot_no;
	char	   *snapshot_name;
	char	   *snapshot_content;
} Survey;

/* Ids of the jobs of all roles that have not ended: a List of int64 *. */
extern List *pgcopy_survey_unended(void);

/* How many jobs are not done; for when it is known that none runs. */
extern int	pgcopy_survey_stopped(void);

/* Fill in a survey, in the current memory context. */
extern void pgcopy_survey_fetch(int64 job, Survey *survey);

/*
 * Make pending all items that are not done, with new attempts.  A table or
 * chunk that was tried before keeps one attempt, so that its load cleans up
 * first.  Recorded errors become not final.
 */
extern void pgcopy_survey_reopen(int64 job);

/*
 * Integer lists of relations:
 *
 * emptied: unlogged tables that lost the rows of done items in a crash
 * split_by: not all read, and some chunk under another snapshot than this
 * read: at least one chunk is done
 * attached: an index of it is attached to that of a parent
 */
extern List *pgcopy_survey_emptied(int64 job);
extern List *pgcopy_survey_split_by(int64 job, int snapshot);
extern List *pgcopy_survey_read(int64 job);
extern List *pgcopy_survey_attached(int64 job);

/* Names of tables still to be loaded that somebody has dropped here. */
extern List *pgcopy_survey_gone(int64 job);

/*
 * The ranges of OIDs that no item has copied large objects of: OID lists of the
 * first and last of each.
 */
extern void pgcopy_survey_large_object_gaps(int64 job, List **firsts,
											List **lasts);

/* Numbers of the items that have copied no large objects, done or not. */
extern List *pgcopy_survey_large_object_items_left(int64 job);

/* Make pending all items of large objects. */
extern void pgcopy_survey_reopen_large_objects(int64 job);

/* Hash and name of all statements, in two arrays; returns their number. */
extern int	pgcopy_survey_statements(int64 job, uint64 **hashes, char ***names);

/* The same hash of a text. */
extern uint64 pgcopy_survey_hash(const char *text, size_t length);

#endif							/* PGCOPY_SURVEY_H */
