/*-------------------------------------------------------------------------
 *
 * link_private.h
 *	  What a link to the source is made of; for the files of this room only.
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
	LinkState	state;			/* pgcopy_link_move() alone writes it */

	MemoryContext context;		/* as long as the link */
	MemoryContext session_context;	/* reset: the session is closed */

	SourceSession *session;		/* NULL where the state has none */
	SourceConninfo *conninfo;	/* along with it */
	SourceAddress address;		/* of the last session */

	/*
	 * What the snapshot sees that is kept, else NULL.  Always there in READING
	 * and ASKED, never in NONE and GONE.
	 */
	char	   *content;

	TimestampTz ask_at;			/* THERE: when it is asked next */
	TimestampTz asked_at;		/* ASKED: since when */

	TimestampTz away_since;		/* AWAY */
	TimestampTz next_try;
	int			tries;

	int			losses;			/* times that the source went away, so far */
};

/*
 * The one function that changes the state.  Fields must be those of the new
 * state already.
 */
extern void pgcopy_link_move(SourceLink *link, LinkState to);

/* Close the session, if there is one, and move to a state without. */
extern void pgcopy_link_drop(SourceLink *link, LinkState to);

extern void pgcopy_link_tell(SourceLink *link, const char *message);

/*
 * To be called in PG_CATCH: abort, and return the error that is being handled,
 * in the link's context, which becomes the current one.
 */
extern ErrorData *pgcopy_link_catch(SourceLink *link);

/* The snapshot need not be found again. */
extern void pgcopy_link_forget_snapshot(SourceLink *link);

/* The session lost, take the snapshot from others; where they have it. */
extern void pgcopy_link_snapshot_rejoin(SourceLink *link);

/*
 * The source could not be reached, or a session to it was lost: move to AWAY,
 * say so, and when to try again.  Throws the error when it says something else,
 * when the time is over, or when the source has been away too often.
 */
extern void pgcopy_link_outage_note(SourceLink *link, ErrorData *error);

/* Whether it is not yet time to try again; and wait until it is. */
extern bool pgcopy_link_outage_goes_on(const SourceLink *link);
extern void pgcopy_link_outage_wait(SourceLink *link);

/* SessionWaits of the link's session; arg is the link. */
extern void pgcopy_link_wait_tell(void *arg, int seconds);

#endif							/* PGCOPY_LINK_PRIVATE_H */
