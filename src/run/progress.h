/*-------------------------------------------------------------------------
 *
 * progress.h
 *	  What the leader publishes about its job: counts, rate, percent, ETA.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_PROGRESS_H
#define PGCOPY_PROGRESS_H

#include "run/control.h"
#include "run/queue.h"

typedef struct Progress Progress;

/* Create progress in the current memory context. */
extern Progress *pgcopy_progress_create(int64 job, Control *control);

/* Set the items, and what is done of them already. */
extern void pgcopy_progress_set_queue(Progress *progress, Queue *queue,
									  int64 rows_done, int64 bytes_done);

/* Add rows and bytes of committed items. */
extern void pgcopy_progress_add(Progress *progress, int64 rows, int64 bytes);

/* Show what the job waits for; NULL: nothing. */
extern void pgcopy_progress_set_message(Progress *progress, const char *message);

/*
 * Find a worker that waits for the source and has received nothing for
 * SILENCE_NOTED seconds or more.  Returns its number, and for how long; 0 if
 * there is none.
 */
extern int	pgcopy_progress_find_silent(const Progress *progress, int *seconds);

/* Publish, at most twice a second.  Cheap. */
extern void pgcopy_progress_publish(Progress *progress);

/* Write the totals to the job's row, in the current transaction. */
extern void pgcopy_progress_store(Progress *progress);

#endif							/* PGCOPY_PROGRESS_H */
