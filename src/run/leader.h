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
#include "link/link.h"
#include "run/control.h"
#include "run/process.h"
#include "run/progress.h"
#include "run/queue.h"
#include "run/workers.h"

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
	MemoryContext work_context; /* reset after each piece of work */

	SourceLink *link;			/* its session holds the snapshot and the locks */

	int			copiers;		/* workers that the source has room for; at most
								 * table_jobs */
	TimestampTz more_copiers_at;	/* when one more is tried, if there are fewer */

	bool		error_is_recorded;	/* the ERROR on its way is in pgcopy.error */
} Leader;

/* planning.c: snapshot, locks, dump, items; returns with all committed. */
extern void pgcopy_planning_run(Leader *leader);

/* Read the dump under a snapshot of the leader's session: DumpStatements. */
extern List *pgcopy_planning_read_dump(Leader *leader, const char *snapshot);

/* serial.c: the statements of a stage, in order. */
extern void pgcopy_serial_run(Leader *leader, ItemStage stage);

/*
 * schedule.c: a parallel stage.  False when the snapshot is gone while rows are
 * to be read under it.
 */
extern bool pgcopy_schedule_run(Leader *leader, ItemStage stage);

/*
 * advise.c: note which settings of this server cost this job time.  In a
 * transaction, with the queue loaded.
 */
extern void pgcopy_advise_run(Leader *leader);

/*
 * room.c: pg_dump has failed.  If the source has no room for one more session,
 * throw that as the reason: 53400 if its role or database never has, 53300 if
 * others are in the way.
 */
extern void pgcopy_room_check(SourceSession *session,
							  const SourceConninfo *conninfo, int copiers);

/* leader_link.c: make the leader's link, in the current memory context. */
extern void pgcopy_leader_link_create(Leader *leader);

/* From now on this is the snapshot of the job; note it in the catalog. */
extern void pgcopy_leader_link_keep_snapshot(Leader *leader, const char *name);

/* Transactions of the leader; memory context is work_context inside. */
extern void pgcopy_leader_begin(Leader *leader);
extern void pgcopy_leader_commit(Leader *leader);
extern void pgcopy_leader_abort(Leader *leader);

/*
 * To be called in PG_CATCH: abort, and return the error that is being handled,
 * in the leader's own memory context, which becomes the current one.  Throws it
 * again when the job is cancelled.
 */
extern ErrorData *pgcopy_leader_catch(Leader *leader);

/*
 * An item has failed for good: mark it and what depends on it, in a
 * transaction of its own.  The error itself is recorded already.  Errors out
 * where the job stops at its first error.
 */
extern void pgcopy_leader_give_up(Leader *leader, int no);

/* Publish progress; store the totals every now and then. */
extern void pgcopy_leader_publish(Leader *leader);

#endif							/* PGCOPY_LEADER_H */
