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

/* In the current memory context. */
extern Progress *pgcopy_progress_create(int64 job, Control *control);

/* From now on these are the items; so much of them is done already. */
extern void pgcopy_progress_set_queue(Progress *progress, Queue *queue,
									  int64 rows_done, int64 bytes_done);

/* Rows and bytes of items that have committed. */
extern void pgcopy_progress_add(Progress *progress, int64 rows, int64 bytes);

/* What the job waits for, for people; NULL when for nothing. */
extern void pgcopy_progress_set_message(Progress *progress, const char *message);

/*
 * A worker that waits for the source and has had nothing from it for more than
 * SILENCE_NOTED seconds: its number, and for how long; 0 when there is none.
 */
extern int	pgcopy_progress_find_silent(const Progress *progress, int *seconds);

/* Publish when the last time is long enough ago. Cheap. */
extern void pgcopy_progress_publish(Progress *progress);

/* Write the totals to the job's row, in the current transaction. */
extern void pgcopy_progress_store(Progress *progress);

#endif							/* PGCOPY_PROGRESS_H */
