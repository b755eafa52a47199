/*-------------------------------------------------------------------------
 *
 * workers.h
 *	  The workers of a job, as its leader sees them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_WORKERS_H
#define PGCOPY_WORKERS_H

#include "run/control.h"
#include "run/process.h"

typedef struct Workers Workers;

/* The result of an assignment. */
typedef struct WorkerEvent
{
	bool		has_died;		/* the catalog knows the outcome */
	Outcome		outcome;
	int			nitems;
	int			items[CONTROL_MAX_BATCH];
	int			failed;			/* index into items */
	int			done;			/* how many of them are done all the same */
	int			begun;			/* from this one on they were not begun */
	int			sqlerrcode;
	RetryNeed	need;			/* of the failed item */
	int64		rows;
	int64		bytes;
} WorkerEvent;

extern Workers *pgcopy_workers_create(Control *control, const ProcessArgs *args);

/* The number of workers, starting ones too. */
extern int	pgcopy_workers_count(const Workers *workers);

/*
 * Start up to n more.  If no process slot is free, start none for a while;
 * are_short() tells.  Throws if several workers in a row end before they start.
 * A limit keeps more than so many from being started (-1: none); with a limit of
 * 0 no worker can be had.
 */
extern void pgcopy_workers_limit(Workers *workers, int limit);
extern void pgcopy_workers_start(Workers *workers, int n);
extern bool pgcopy_workers_are_short(const Workers *workers);

/* Is there no worker, and has none been startable for a second? */
extern bool pgcopy_workers_cannot_be_had(const Workers *workers);

/* Get the next event.  Returns false if there is none. */
extern bool pgcopy_workers_next_event(Workers *workers, WorkerEvent *event);

/*
 * Find an idle worker, preferably without a session to the source.  Returns the
 * index of its slot, or -1.
 */
extern int	pgcopy_workers_find_idle(const Workers *workers);

/*
 * Find one for work that needs a session, preferably with one.  At most "limit"
 * workers may have sessions.
 */
extern int	pgcopy_workers_find_reader(const Workers *workers, int limit);

/* The number of workers that have a session or are about to open one. */
extern int	pgcopy_workers_count_sessions(const Workers *workers);
extern void pgcopy_workers_assign(Workers *workers, int slot,
								  const int *items, int nitems,
								  BuildShare share);
extern void pgcopy_workers_expect_session(Workers *workers, int slot);
extern void pgcopy_workers_wake_all(Workers *workers);

/* Let all idle and starting workers exit, and wait for them. */
extern void pgcopy_workers_dismiss(Workers *workers);

/* Terminate all workers and wait for them.  Interruptible. */
extern void pgcopy_workers_stop(Workers *workers);

/* Terminate all workers without waiting: for an exiting process. */
extern void pgcopy_workers_kill(Workers *workers);

#endif							/* PGCOPY_WORKERS_H */
