/*-------------------------------------------------------------------------
 *
 * following.h
 *	  What the files of following know of a target that follows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_FOLLOWING_H
#define PGCOPY_FOLLOWING_H

#include "replica/applied.h"
#include "run/follow.h"
#include "run/lag.h"
#include "stream/slot.h"
#include "stream/trace.h"

/* The lag that is small: one of the two. */
#define SMALL_LAG_MS 1000
#define SMALL_LAG_BYTES (16 * 1024 * 1024)

typedef struct Following
{
	Leader	   *leader;
	Follow	   *follow;			/* as it was when last read */
	MemoryContext context;		/* of all here but the session */
	MemoryContext look_context; /* reset after each look */

	/* following_source.c */
	MemoryContext session_context;
	SourceSession *session;		/* NULL: there is none */
	TimestampTz away_since;		/* 0: the source is there */
	char		away_reason[256];
	int			tries;
	TimestampTz next_try;
	bool		has_slot;		/* the next two are of this look, not of an older one */
	SlotStatus	slot;
	TimestampTz slot_at;

	/* following_changes.c */
	TimestampTz next_picture;
	bool		has_picture;	/* what was cloned is known; this is its hash */
	uint64		picture;
	bool		is_skipping;	/* changes of some tables do not arrive */

	/* following.c */
	TimestampTz next_look;
	bool		is_proven;		/* a crash from now on is not its fault */
	Applied		applied;
	char	   *last_error;		/* of apply, or NULL */
	Lag		   *lag;
	int64		lost_in;		/* seconds; -1: never */
	bool		told_danger;	/* in the server's log */

	/* An error of apply stands until all that the source had by then is here. */
	int64		errors_seen;	/* -1: not yet */
	bool		is_failing;
	XLogRecPtr	failing_commit;
	XLogRecPtr	failing_source;
	TimestampTz idle_since;		/* no worker runs; 0: one does */

	/* following_guard.c */
	TimestampTz guarded_at;		/* here, by this process; 0: no session is to be ended */
	int			spared;			/* sessions that may still write */
} Following;

/*
 * following_source.c: ask the source how the slot is, and now and then for its
 * definitions.  A source that is away, or in trouble, is noted and tried again.
 */
extern void pgcopy_following_ask_source(Following *following);

/* following_changes.c: compare the source's definitions with what was cloned. */
extern void pgcopy_following_compare(Following *following);

/*
 * Write down the definitions that a job clones, as the session sees them, to be compared
 * with later ones; once it has a slot.  In a transaction.
 */
extern void pgcopy_following_keep_picture(Leader *leader, SourceSession *session);

/*
 * The same as it is now (stream/picture.h), and how it differs from what was written down,
 * but for what is alike here, NULL: not at all; into the current memory context, in
 * transactions of their own.
 */
extern List *pgcopy_following_picture(Leader *leader, SourceSession *session);
extern char *pgcopy_following_find_changes(Leader *leader, SourceSession *session,
										   List *picture);

/* stream/trace.h, of what the picture and the relations that are sent are read from. */
extern Trace *pgcopy_following_trace(Leader *leader, SourceSession *session,
									 const Trace *before);

/* following_guard.c: make the target read-only for others, unless it is; see to sessions. */
extern void pgcopy_following_guard(Following *following);
extern void pgcopy_following_end_writers(Following *following);

/* following_text.c: what to show, in the current memory context. */
extern bool pgcopy_following_is_caught_up(const Following *following);
extern bool pgcopy_following_is_in_danger(const Following *following);
extern char *pgcopy_following_describe(const Following *following);

#endif							/* PGCOPY_FOLLOWING_H */
