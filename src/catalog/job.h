/*-------------------------------------------------------------------------
 *
 * job.h
 *	  pgcopy.job: one row per order to clone; and what hangs on a job alone.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_JOB_H
#define PGCOPY_JOB_H

#include "base/options.h"
#include "base/words.h"

typedef struct Job
{
	int64		id;
	JobState	state;
	Oid			owner;
	char	   *source;			/* printable */
	char	   *conninfo;		/* secret; NULL once the job is done */
	int			attempt;
	JobOptions	options;		/* see pgcopy_job_read_options() */
} Job;

/* What a job has done, for the row of a job that does not run. */
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

/* Enqueue; returns the number.  state, id and attempt are not looked at. */
extern int64 pgcopy_job_insert(const Job *job);

/* The row, or NULL; in the current memory context. */
extern Job *pgcopy_job_fetch(int64 id);
extern Job *pgcopy_job_fetch_locked(int64 id);

/* The same, errors out when there is none or it is not visible to the current
 * user (42704), and locks the row when asked to by its name. */
extern Job *pgcopy_job_fetch_own(int64 id);
extern Job *pgcopy_job_lock_own(int64 id);

/*
 * Fill in options, which no function does that fetches a row: a job whose
 * options do not fit any more can be looked at and dropped.  Throws 22023, with
 * the name of the option in the context.
 */
extern void pgcopy_job_read_options(Job *job);

/*
 * Move a job to another state; an error where the table of moves has none.
 * Sets queued, started and ended; wipes conninfo, and the statements with a
 * secret, when the job is done.
 */
extern void pgcopy_job_move(int64 id, JobState to);

/* job_state.c: whether the table of moves has this one; done, failed, cancelled. */
extern bool pgcopy_job_may_move(JobState from, JobState to);
extern bool pgcopy_job_has_ended(JobState state);

extern void pgcopy_job_set_phase(int64 id, const char *phase);
extern void pgcopy_job_set_control(int64 id, uint32 control);
extern void pgcopy_job_set_totals(int64 id, const JobTotals *totals);
extern void pgcopy_job_delete(int64 id);

/*
 * Before the server goes on with an interrupted job by itself: note how far it
 * is.  False, and nothing is noted, when it has done so before, has crashed
 * since, and not one item more is done: that would go on for ever.  The caller
 * sees to it that the note is on disk before anything else is tried.
 */
extern bool pgcopy_job_note_auto_resume(int64 id);

/* Somebody asks for it, so the server may try again by itself as well. */
extern void pgcopy_job_allow_auto_resume(int64 id);

/* What people are told of a job that does not run. */
extern void pgcopy_job_set_message(int64 id, const char *message);

/* Whether the row was written by the current transaction. */
extern bool pgcopy_job_is_of_this_transaction(int64 id);

/*
 * Whether there is such a job and it is visible to the current user; and where
 * its leader publishes its figures (0: nowhere).
 */
extern bool pgcopy_job_find_own(int64 id, uint32 *control);

/*
 * job_lock.c, all in a transaction.  Make this process the leader of a job, or a
 * worker of it: take the lock that says so, for the life of the process.  The
 * first waits for an earlier leader to be gone.
 */
extern void pgcopy_job_lead(int64 id);
extern void pgcopy_job_join(int64 id);

/* Wait for workers that outlived the previous leader. */
extern void pgcopy_job_await_workers(int64 id);

/*
 * Whether the job has not ended and has no leader: its processes are gone.
 * Never on a standby, where it cannot be known.  A job is not seen before its
 * leader is there (pgcopy_process_start_leader()).
 */
extern bool pgcopy_job_is_interrupted(int64 id);

/* Whether a process leads the job or is about to.  Cheap, in a transaction. */
extern bool pgcopy_job_has_leader(int64 id);

/*
 * The pid of the leader, 0 when it has none, and whether a process is leader or
 * waits to be.  Both read all locks of the server.
 */
extern int	pgcopy_job_leader_pid(int64 id);
extern bool pgcopy_job_is_led_by(int64 id, int pid);

/*
 * job_snapshot.c: record a snapshot of the source; returns its number.
 * content: what it sees, to know it again (source/snapshot.h).
 */
extern int	pgcopy_job_snapshot_insert(int64 job, const char *name,
									   const char *content);

extern char *pgcopy_job_snapshot_fetch_content(int64 job, int no);

/* The same snapshot is held under another name now. */
extern void pgcopy_job_snapshot_rename(int64 job, int no, const char *name);
extern void pgcopy_job_snapshot_mark_released(int64 job);

/*
 * error.c: record an error of a job, complete, in the current transaction.
 * item: 0 when it belongs to none.  is_final: it is not tried again.  statement: SQL
 * text to show, or NULL; never one that holds a secret.
 */
extern void pgcopy_error_insert(int64 job, int item, bool is_final,
								const ErrorData *error,
								const char *object, const char *statement);

#endif							/* PGCOPY_JOB_H */
