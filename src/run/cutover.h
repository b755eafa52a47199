/*-------------------------------------------------------------------------
 *
 * cutover.h
 *	  The parts of a cutover; for its files only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_CUTOVER_H
#define PGCOPY_CUTOVER_H

#include "lib/stringinfo.h"

#include "run/follow.h"
#include "stream/fence.h"
#include "stream/trace.h"

typedef struct Cutover
{
	Leader	   *leader;
	const CutoverRequest *request;
	Follow	   *follow;			/* as it was when the cutover began */

	MemoryContext context;		/* lives as long as the cutover; has the sessions */
	MemoryContext look_context; /* reset after each look */
	SourceSession *session;		/* sets the fence, ends sessions, writes the mark */
	SourceSession *locker;		/* holds the locks; NULL: not opened, or closed */

	char	   *carried;		/* relations whose changes arrive, an oid[] */
	List	   *tables;			/* their names, to be locked */
	List	   *picture;		/* of the source's definitions: StreamFact */
	Trace	   *trace;			/* of before the last look at all of them */
	List	   *applied;		/* relations of the subscription here then: OIDs */
	XLogRecPtr	mark;			/* E: all before it must be here; 0: not written yet */

	TimestampTz began;
	TimestampTz paused;			/* of the first refused write; 0: none yet */
	char	   *fenced_at;		/* the same, by the source's clock; NULL: not fenced */
	int64		pause_us;		/* -1: none */
	TimestampTz step_began;
	StringInfoData steps;		/* how long each took: JSON without its end */
	bool		is_open;		/* the point of no return is behind us */

	char		waits_for[256]; /* for the error if that takes too long; or "" */
	StringInfoData report;
} Cutover;

/* cutover.c: add a line to the report, with the time since the cutover began. */
extern void pgcopy_cutover_note(Cutover *cutover, const char *line);

/* Note how long a step has taken, since the end of the one before; name: plain words. */
extern void pgcopy_cutover_end_step(Cutover *cutover, const char *name);

/*
 * Open a session to the source, named after what it is for, in the current memory
 * context.  Called outside a transaction.
 */
extern SourceSession *pgcopy_cutover_connect(Leader *leader, const char *what);

/*
 * cutover_steps.c, in this order.  Each throws if it cannot be done, and leaves
 * nothing on the source.
 */
extern void pgcopy_cutover_steps_check(Cutover *cutover);
extern void pgcopy_cutover_steps_prepare(Cutover *cutover);
extern void pgcopy_cutover_steps_look_again(Cutover *cutover);
extern void pgcopy_cutover_steps_calm(Cutover *cutover);
extern void pgcopy_cutover_steps_mark(Cutover *cutover);
extern void pgcopy_cutover_steps_await(Cutover *cutover);
extern void pgcopy_cutover_steps_copy_again(Cutover *cutover);

/*
 * cutover_fence.c: throw for sessions that the role may not end.  Set the fence and
 * end the sessions of before.  Take the locks.
 */
extern void pgcopy_cutover_fence_check(Cutover *cutover);
extern void pgcopy_cutover_fence_set(Cutover *cutover);
extern void pgcopy_cutover_fence_lock(Cutover *cutover);

/* Throw if locks or fence have been lost since. */
extern void pgcopy_cutover_fence_prove(Cutover *cutover);

/*
 * The target is open: end who waits for the locks to write on the source all the same,
 * and say so.
 */
extern void pgcopy_cutover_fence_end_waiting(Cutover *cutover);

/*
 * Try the locks, and release them at once.  Returns the time it took, in ms; -1: they
 * were not to be had.
 */
extern long pgcopy_cutover_fence_try_locks(Cutover *cutover);

/*
 * Lift the fence, end the sessions that began under it ("since", by the source's
 * clock; NULL: those that are idle), and forget it.  Throws if the source cannot be
 * reached; nothing is forgotten then.  session: may be NULL or lost.
 */
extern void pgcopy_cutover_fence_lift(Leader *leader, SourceSession *session,
									  const Follow *follow, const char *since);

/* The fence stays, or is lifted: nothing is to be done about it when the process exits. */
extern void pgcopy_cutover_fence_settled(void);

/* cutover_open.c: the point of no return, one transaction. */
extern void pgcopy_cutover_open_target(Cutover *cutover);

/* Refresh the materialized views that the job has filled, in transactions of its own. */
extern void pgcopy_cutover_open_refresh(Leader *leader);

/* Refresh those that step 7 has left for later. */
extern void pgcopy_cutover_open_refresh_rest(Leader *leader);

#endif							/* PGCOPY_CUTOVER_H */
