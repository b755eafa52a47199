/*-------------------------------------------------------------------------
 *
 * process.h
 *	  The background workers of a job: how they are registered and begin.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_PROCESS_H
#define PGCOPY_PROCESS_H

#include "postmaster/bgworker.h"

/* What the user says about a snapshot that is gone: consistent => ... */
typedef enum ResumeChoice
{
	RESUME_UNSAID,
	RESUME_MIXED,				/* false: keep what is there, read the rest */
	RESUME_CONSISTENT			/* true: read all again */
} ResumeChoice;

/* What a process is told when it starts; travels in bgw_extra. */
typedef struct ProcessArgs
{
	int64		job;
	Oid			database;
	Oid			owner;			/* the role it runs as */
	TransactionId caller_xid;	/* leader: wait for its end */
	ResumeChoice choice;		/* leader */
	uint32		control;		/* worker: the leader's DSM segment */
	int			slot;			/* worker: its slot there */
} ProcessArgs;

/*
 * Register a process.  False when no slot of max_worker_processes is free.
 * The handle lives in the current memory context.
 *
 * A leader is waited for until it holds its lock, which is before the caller
 * commits: so who sees the job, and nobody who leads it, knows that its
 * processes are gone.  Throws when it does not come.
 */
extern bool pgcopy_process_start_leader(const ProcessArgs *args);
extern bool pgcopy_process_start_worker(const ProcessArgs *args,
										BackgroundWorkerHandle **handle);

/*
 * Once, while the server loads its preloaded libraries: a process that lives
 * as long as the server (launcher.c).
 */
extern void pgcopy_process_register_launcher(void);

/* One that resumes the interrupted jobs of a database, as args->owner. */
extern bool pgcopy_process_start_resumer(const ProcessArgs *args,
										 BackgroundWorkerHandle **handle);

/*
 * First call of a process: signals, connection, settings.  Leaves no
 * transaction open.
 */
extern void pgcopy_process_begin(ProcessArgs *args);

extern PGDLLEXPORT void pgcopy_launcher_main(Datum arg);
extern PGDLLEXPORT void pgcopy_launcher_resume_main(Datum arg);
extern PGDLLEXPORT void pgcopy_leader_main(Datum arg);
extern PGDLLEXPORT void pgcopy_worker_main(Datum arg);

/* A transaction of a process's own, with a snapshot. */
extern void pgcopy_process_begin_transaction(void);
extern void pgcopy_process_end_transaction(void);

/*
 * Wait for the latch, or until the time is over (ms; -1: no limit), act on
 * interrupts, and read the configuration anew when that was asked for.
 */
extern void pgcopy_process_wait(long timeout);

/* True once SIGINT has come: somebody wants the job or the item to end. */
extern bool pgcopy_process_is_cancelled(void);

/* From now on SIGINT is nothing to us: who is ending must not be stopped. */
extern void pgcopy_process_ignore_cancels(void);

#endif							/* PGCOPY_PROCESS_H */
