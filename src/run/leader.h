/*-------------------------------------------------------------------------
 *
 * leader.h
 *	  The leader's own state, shared by the files that make it up.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_LEADER_H
#define PGCOPY_LEADER_H

#include "catalog/job.h"
#include "run/control.h"
#include "run/process.h"
#include "run/progress.h"
#include "run/queue.h"
#include "run/workers.h"
#include "source/session.h"

/* The source is away. */
typedef struct Outage
{
	TimestampTz since;			/* 0: it is not */
	TimestampTz next_try;
	int			tries;
	int			count;			/* outages of this leader so far */
} Outage;

typedef struct Leader
{
	ProcessArgs args;
	Job		   *job;
	Control    *control;
	Workers    *workers;
	Queue	   *queue;
	Progress   *progress;
	TimestampTz totals_stored;

	MemoryContext context;		/* as long as the process */
	MemoryContext session_context;	/* reset: the session is closed */
	MemoryContext work_context; /* reset after each piece of work */

	SourceSession *session;		/* holds the snapshot and the locks */
	bool		has_snapshot;
	bool		has_savepoint;	/* alone.c reads through it */
	char	   *snapshot_content;	/* what it sees */
	TimestampTz source_seen;	/* when it last answered */
	TimestampTz asked;			/* its session is to answer since, or 0 */
	bool		lacks_session;	/* it was lost, and there is no new one yet */
	bool		doubts_source;	/* a worker could not reach it */
	Outage		outage;

	int			copiers;		/* workers that the source has room for; at most
								 * table_jobs */
	TimestampTz more_copiers_at;	/* when one more is tried, if there are fewer */

	bool		error_is_recorded;	/* the ERROR on its way is in pgcopy.error */
} Leader;

/* planning.c: snapshot, locks, dump, items; returns with all committed. */
extern void pgcopy_leader_plan(Leader *leader);

/*
 * The same for what else reads the whole source at one moment.  A SourceReader
 * does one attempt in an open transaction; false when the source has changed
 * meanwhile (*what: where), then all starts over, a few times.
 */
typedef bool (*SourceReader) (Leader *leader, char **what);
extern void pgcopy_leader_read_source(Leader *leader, SourceReader reader);

/* Steps of a SourceReader: NULL when the source has changed. */
extern SourceConninfo *pgcopy_leader_open_session(Leader *leader);
extern char *pgcopy_leader_take_snapshot(Leader *leader, List **relations,
										 char **what);
extern List *pgcopy_leader_read_dump(Leader *leader,
									 const SourceConninfo *conninfo,
									 const char *snapshot);

/* From now on this is the snapshot of the job; note it in the catalog. */
extern void pgcopy_leader_keep_snapshot(Leader *leader, const char *snapshot);

/* serial.c: the statements of a stage, in order. */
extern void pgcopy_leader_run_serial(Leader *leader, ItemStage stage);

/*
 * schedule.c: a parallel stage.  False when the snapshot is gone while rows are
 * to be read under it.
 */
extern bool pgcopy_leader_run_parallel(Leader *leader, ItemStage stage);

/* Transactions of the leader; memory context is work_context inside. */
extern void pgcopy_leader_begin(Leader *leader);
extern void pgcopy_leader_commit(Leader *leader);

/*
 * To be called in PG_CATCH: abort, and return the error that is being handled,
 * in the leader's own memory context, which becomes the current one.
 */
extern ErrorData *pgcopy_leader_catch(Leader *leader);

/* Record an error that concerns an item (0: the job), in a transaction of its own. */
extern void pgcopy_leader_record(Leader *leader, int no, bool is_final,
								 const ErrorData *error);

/* Close the session to the source, snapshot and locks with it. */
extern void pgcopy_leader_close_session(Leader *leader);

/*
 * An item has failed for good: mark it and what depends on it, in a
 * transaction of its own.  The error itself is recorded already.  Errors out
 * where the job stops at its first error.
 */
extern void pgcopy_leader_give_up(Leader *leader, int no);

/* Publish progress; store the totals every now and then. */
extern void pgcopy_leader_publish(Leader *leader);

#endif							/* PGCOPY_LEADER_H */
