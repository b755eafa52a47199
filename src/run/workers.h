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

/* What a worker has to tell. */
typedef struct WorkerEvent
{
	int			slot;			/* index; -1: the leader itself */
	bool		has_died;		/* then the outcome is in the catalog */
	Outcome		outcome;
	int			nitems;
	int			items[CONTROL_MAX_BATCH];
	int			failed;			/* index into items */
	int			sqlerrcode;
	int64		rows;
	int64		bytes;
	bool		wants_to_leave;	/* told to, and gone soon */
} WorkerEvent;

extern Workers *pgcopy_workers_create(Control *control, const ProcessArgs *args);

/* Workers that are there or on their way. */
extern int	pgcopy_workers_count(const Workers *workers);

/*
 * Start up to n more.  Where no process slot is free nothing is started for a
 * while; is_short tells.  A worker that ends before it was ever idle, several
 * times in a row, is an error.
 */
extern void pgcopy_workers_start(Workers *workers, int n);
extern bool pgcopy_workers_are_short(const Workers *workers);

/* Whether there is none, and none could be started for a second or more. */
extern bool pgcopy_workers_cannot_be_had(const Workers *workers);

/* The next event; false when there is none. */
extern bool pgcopy_workers_next_event(Workers *workers, WorkerEvent *event);

/* An idle worker's slot index, or -1: one that can do without the source. */
extern int	pgcopy_workers_find_idle(const Workers *workers);

/*
 * The same for work that needs a session to the source, of which at most so
 * many workers may have one.  Who has one is taken first.
 */
extern int	pgcopy_workers_find_reader(const Workers *workers, int limit);

/* Workers that have a session, or were told to have one and have not reported. */
extern int	pgcopy_workers_count_sessions(const Workers *workers);
extern void pgcopy_workers_assign(Workers *workers, int slot,
								  const int *items, int nitems,
								  BuildShare share);
extern void pgcopy_workers_expect_session(Workers *workers, int slot);
extern void pgcopy_workers_wake_all(Workers *workers);

/* Send home all that are idle or on their way, quietly, and wait. */
extern void pgcopy_workers_dismiss(Workers *workers);

/* Terminate all and wait until they are gone. Interruptible. */
extern void pgcopy_workers_stop(Workers *workers);

/* Terminate all, without waiting: for an exiting process. */
extern void pgcopy_workers_kill(Workers *workers);

#endif							/* PGCOPY_WORKERS_H */
