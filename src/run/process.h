/*-------------------------------------------------------------------------
 *
 * process.h
 *	  Background workers: how they are registered, and how they begin.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_PROCESS_H
#define PGCOPY_PROCESS_H

#include "postmaster/bgworker.h"

/* What the user chose if the snapshot is gone: consistent => ... */
typedef enum ResumeChoice
{
	RESUME_UNSAID,
	RESUME_MIXED,				/* false: keep what was read, read the rest */
	RESUME_CONSISTENT			/* true: read everything again */
} ResumeChoice;

/* Arguments of a process, passed in bgw_extra. */
typedef struct ProcessArgs
{
	int64		job;
	Oid			database;
	Oid			owner;			/* the role it runs as */
	TransactionId caller_xid;	/* leader: wait for its end */
	ResumeChoice choice;		/* leader */
	uint32		control;		/* worker: the leader's DSM segment */
	int			slot;			/* worker: its slot there */

	/* of a server clone: its area, its number, the seat of the database there */
	uint32		server;
	int64		server_clone;
	int			seat;
} ProcessArgs;

/*
 * Start a process.  Returns false if max_worker_processes leaves no slot.  The
 * handle is in the current memory context.  A coordinator, and a leader if "waits",
 * is given some seconds for a slot: that of a job that has ended is free soon.
 *
 * Starting a leader waits until it holds or queues for its lock, and throws
 * if it does not come.  This happens before the caller commits, so a visible
 * job without a leader has lost its processes.  An orderly leader is that of a
 * job which is committed already and waits for its turn: nobody waits.
 */
extern bool pgcopy_process_start_leader(const ProcessArgs *args, bool waits);
extern bool pgcopy_process_start_orderly(const ProcessArgs *args,
										 BackgroundWorkerHandle **handle);
extern bool pgcopy_process_start_worker(const ProcessArgs *args,
										BackgroundWorkerHandle **handle);

/* Register the launcher (launcher.c), while preloaded libraries load. */
extern void pgcopy_process_register_launcher(void);

/*
 * Start a process that resumes a database's interrupted jobs, as args->owner.
 */
extern bool pgcopy_process_start_resumer(const ProcessArgs *args,
										 BackgroundWorkerHandle **handle);

/*
 * Start the coordinator of a server clone (server/coordinator.c), or a process
 * that it sends to another database (server/visit.c).
 */
extern bool pgcopy_process_start_coordinator(const ProcessArgs *args,
											 BackgroundWorkerHandle **handle);
extern bool pgcopy_process_start_visitor(const ProcessArgs *args,
										 BackgroundWorkerHandle **handle);

/*
 * Set up signals, connection and settings.  Called first in a process; leaves
 * no transaction open.
 */
extern void pgcopy_process_begin(ProcessArgs *args);

extern PGDLLEXPORT void pgcopy_launcher_main(Datum arg);
extern PGDLLEXPORT void pgcopy_launcher_resume_main(Datum arg);
extern PGDLLEXPORT void pgcopy_leader_main(Datum arg);
extern PGDLLEXPORT void pgcopy_worker_main(Datum arg);

/* A transaction with a snapshot. */
extern void pgcopy_process_begin_transaction(void);
extern void pgcopy_process_end_transaction(void);

/*
 * Wait for the latch, interruptibly, for at most timeout ms (-1: no limit).
 * Reload the configuration if asked to.
 */
extern void pgcopy_process_wait(long timeout);

/*
 * Flush each commit.  For a job that has crashed the server: the launcher counts
 * the items that are done after the next crash.
 */
extern void pgcopy_process_commit_durably(void);

/* Has SIGINT come? */
extern bool pgcopy_process_is_cancelled(void);

/* Ignore SIGINT from now on: shutdown must not be cancelled. */
extern void pgcopy_process_ignore_cancels(void);

/* Heed it again, but for what has come so far: it has ended a piece of work, not the job. */
extern void pgcopy_process_allow_cancels(void);

#endif							/* PGCOPY_PROCESS_H */
