/*-------------------------------------------------------------------------
 *
 * job.h
 *	  pgcopy.job, with the locks, snapshots and errors of a job.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_JOB_H
#define PGCOPY_JOB_H

#include "access/xlogdefs.h"
#include "datatype/timestamp.h"

#include "base/compat.h"
#include "base/options.h"
#include "base/words.h"

typedef struct Job
{
	int64		id;
	JobState	state;
	Oid			owner;
	char	   *source;			/* printable */
	char	   *source_search_path; /* of sessions there; NULL: not asked yet */
	char	   *conninfo;		/* secret; NULL once the job is done */
	int			attempt;
	bool		is_auto_resumed;	/* by the server, after a crash */
	Oid			server_database;	/* where its server clone was ordered, and */
	int64		server_clone;	/* the number there; 0: it is of none */
	JobOptions	options;		/* see pgcopy_job_read_options() */
} Job;

/* Figures shown while the job does not run. */
typedef struct JobTotals
{
	int			percent;
	int			tables_done;
	int			tables_total;
	int			indexes_done;
	int			indexes_total;
	int64		rows_done;
	int64		bytes_done;
	int64		bytes_total;
} JobTotals;

/* What a running job publishes; NULL instead of it: as written down. */
typedef struct JobFigures
{
	int			percent;
	int			tables_done;
	int			indexes_done;
	int64		bytes_done;
	int64		bytes_per_second;	/* -1: not known */
	int64		eta_seconds;	/* -1: not known */
	const char *message;		/* what it waits for, or "" */
} JobFigures;

/*
 * Insert a queued job of this version; returns its id.  id, state and attempt are not
 * read.  pgcopy_version_check() has gone well.
 */
extern int64 pgcopy_job_insert(const Job *job);

/*
 * Fetch a job, without its options, into the current memory context.  The first
 * two return NULL if there is none, the other two throw 42704 if there is none
 * that the current user may see.  "lock" in the name: the row is locked.
 */
extern Job *pgcopy_job_fetch(int64 id);
extern Job *pgcopy_job_fetch_locked(int64 id);
extern Job *pgcopy_job_fetch_own(int64 id);
extern Job *pgcopy_job_lock_own(int64 id);

/* Throw that there is no such job, or none that may be seen (42704). */
extern void pgcopy_job_throw_missing(int64 id) pg_attribute_noreturn();

/*
 * Fill in job->options.  Not done by fetching, so that a job with options that
 * this version refuses can be shown and dropped.  Throws a data exception; the context
 * names the option.
 */
extern void pgcopy_job_read_options(Job *job);

/*
 * Move a job to another state; throws if the table of moves has no such move.
 * Sets phase, queued, started, ended and attempt.  Done: wipes conninfo and
 * statements with a secret.
 */
extern void pgcopy_job_move(int64 id, JobState to);

/* job_state.c: whether the table of moves has this move. */
extern bool pgcopy_job_may_move(JobState from, JobState to);

/* Whether the state is done, failed or cancelled. */
extern bool pgcopy_job_has_ended(JobState state);

extern void pgcopy_job_set_phase(int64 id, const char *phase);
extern void pgcopy_job_set_control(int64 id, uint32 control);
extern void pgcopy_job_set_search_path(int64 id, const char *search_path);
extern void pgcopy_job_set_totals(int64 id, const JobTotals *totals);
extern void pgcopy_job_delete(int64 id);

/*
 * Note how many items are done before the server resumes a job by itself.
 * Returns false, and notes nothing, if it did so before, has crashed since and
 * no item was done in between: the job may be what crashes it.  The caller
 * flushes the note to disk before it starts the job.
 */
extern bool pgcopy_job_note_auto_resume(int64 id);

/* Let the server resume the job by itself again. */
extern void pgcopy_job_allow_auto_resume(int64 id);

/* Set the message that views show for a job that does not run; NULL: none. */
extern void pgcopy_job_set_message(int64 id, const char *message);

/* Whether the row was written by the current transaction. */
extern bool pgcopy_job_is_of_this_transaction(int64 id);

/*
 * Whether the job exists and the current user may see it.  *control: the handle
 * of the memory where its leader publishes figures, or 0.
 */
extern bool pgcopy_job_find_own(int64 id, uint32 *control);

/*
 * job_lock.c, all in a transaction.  Take the lock of the job's leader, or that
 * of its workers, for the life of this process.  The first waits until the
 * previous leader is gone.
 */
extern void pgcopy_job_lead(int64 id);
extern void pgcopy_job_join(int64 id);

/* Wait for workers that outlived the previous leader. */
extern void pgcopy_job_await_workers(int64 id);

/*
 * Take the lock of a server clone's coordinator for the life of this process;
 * returns false if another has it.  Whether the clone of a database has one; and
 * its pid, 0 if there is none.
 */
extern bool pgcopy_job_coordinate(int64 clone);
extern bool pgcopy_job_has_coordinator(Oid database, int64 clone);

/*
 * One coordinator of this server at a time creates databases and orders jobs:
 * wait for the turn, inside a transaction that may end before the turn does.
 */
extern void pgcopy_job_begin_orders(void);
extern void pgcopy_job_end_orders(void);
extern int	pgcopy_job_coordinator_pid(int64 clone);

/* The last job of a server clone here that is not older; 0: none. */
extern int64 pgcopy_job_find_of_server(Oid database, int64 clone, TimestampTz created);

/* Read the figures of a job as they are written down. */
extern void pgcopy_job_read_totals(int64 id, JobTotals *totals, uint32 *control);

/*
 * Whether the job has not ended and has no leader, nor waits for its turn in a
 * server clone whose coordinator is alive.  False on a standby, which
 * cannot know.  A job is not visible before its leader holds the lock
 * (pgcopy_process_start_leader()).
 */
extern bool pgcopy_job_is_interrupted(int64 id);

/* Whether a process holds the leader's lock or waits for it.  Cheap. */
extern bool pgcopy_job_has_leader(int64 id);

/* The same of a job in another database of this server. */
extern bool pgcopy_job_has_leader_in(Oid database, int64 id);

/*
 * The pid of the leader, 0 if there is none; whether a process is the leader or
 * waits to be.  Both read all locks of the server.
 */
extern int	pgcopy_job_leader_pid(int64 id);
extern bool pgcopy_job_is_led_by(int64 id, int pid);

/*
 * job_snapshot.c: record a snapshot of the source; returns its number.
 * content: the transactions it sees, to recognize it (source/snapshot.h).
 */
extern int	pgcopy_job_snapshot_insert(int64 job, const char *name,
									   const char *content);

/*
 * Note that the snapshot sees just what was committed before this position; exact: of
 * these tables alone (OIDs on the source), NIL: of all.
 */
extern void pgcopy_job_snapshot_set_lsn(int64 job, int no, XLogRecPtr lsn,
										const List *exact);

extern char *pgcopy_job_snapshot_fetch_content(int64 job, int no);

/* The first transaction on the source that one of the job's snapshots may not see. */
extern int64 pgcopy_job_snapshot_oldest(int64 job);

/* Record the name under which the same snapshot has been exported again. */
extern void pgcopy_job_snapshot_rename(int64 job, int no, const char *name);

/* Mark all snapshots of a job as released. */
extern void pgcopy_job_snapshot_mark_released(int64 job);

typedef struct JobError
{
	int			item;			/* 0: of the job as a whole */
	bool		is_final;		/* not tried again */
	const ErrorData *error;
	const char *object;			/* or NULL */
	const char *statement;		/* SQL to show, without secrets; or NULL */
} JobError;

/* The first error of a job; detail and hint may be NULL. */
typedef struct JobFailure
{
	char	   *message;
	char	   *detail;
	char	   *hint;
} JobFailure;

/*
 * job_line.c: a line for people about how far a job is; and its first error that
 * is final, NULL if there is none.
 */
extern char *pgcopy_job_line(int64 id, const JobFigures *live);
extern JobFailure *pgcopy_job_line_failure(int64 id);

/* error.c: record an error in the current transaction. */
extern void pgcopy_error_insert(int64 job, const JobError *record);

/* Mark the last error of an item as final, in the current transaction. */
extern void pgcopy_error_mark_final(int64 job, int item);

#endif							/* PGCOPY_JOB_H */
