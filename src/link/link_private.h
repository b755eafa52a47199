/*-------------------------------------------------------------------------
 *
 * link_private.h
 *	  The parts of a link to the source; for the files of this room only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_LINK_PRIVATE_H
#define PGCOPY_LINK_PRIVATE_H

#include "datatype/timestamp.h"
#include "link/link.h"

struct SourceLink
{
	LinkOwner	owner;
	LinkState	state;			/* written by pgcopy_link_move() only */

	MemoryContext context;		/* lives as long as the link */
	MemoryContext session_context;	/* a reset closes the session */

	const char *errand;			/* see pgcopy_link_set_errand(); or NULL */

	SourceSession *session;		/* NULL if the state has none */
	SourceConninfo *conninfo;	/* along with it */

	/*
	 * What the kept snapshot sees, or NULL. Set in READING and ASKED, NULL in
	 * NONE and GONE.
	 */
	char	   *content;

	/* What the owner chose under the latest snapshot, or NULL: all. */
	char	   *only;

	TimestampTz ask_at;			/* THERE: time of the next ping */
	TimestampTz asked_at;		/* ASKED: time of the ping */

	TimestampTz away_since;		/* AWAY, and the next two */
	TimestampTz next_try;
	int			tries;

	int			losses;			/* times the source went away */
};

/*
 * Change the state; nothing else does.  Set the fields of the new state first.
 */
extern void pgcopy_link_move(SourceLink *link, LinkState to);

/* Close the session, if any, and move to a state without one. */
extern void pgcopy_link_drop(SourceLink *link, LinkState to);

extern void pgcopy_link_tell(SourceLink *link, const char *message);

/*
 * In PG_CATCH: abort, and return the error in the link's context, which becomes
 * current.
 */
extern ErrorData *pgcopy_link_catch(SourceLink *link);

/* Stop keeping the snapshot. */
extern void pgcopy_link_forget_snapshot(SourceLink *link);

/* Take the kept snapshot from another holder, if one still has it. */
extern void pgcopy_link_snapshot_rejoin(SourceLink *link);

/*
 * The source cannot be reached: move to AWAY, report it, and schedule the next
 * try.  Rethrows an error of another kind, and any once the source has been
 * away too long or too often.
 */
extern void pgcopy_link_outage_note(SourceLink *link, ErrorData *error);

/* Is it too early to try again?  Wait until it is time. */
extern bool pgcopy_link_outage_goes_on(const SourceLink *link);
extern void pgcopy_link_outage_wait(SourceLink *link);

/*
 * The session's wait callback; arg is the link.  In a transaction or outside of
 * one.
 */
extern void pgcopy_link_wait_tell(void *arg, int seconds);

#endif							/* PGCOPY_LINK_PRIVATE_H */
