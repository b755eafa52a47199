/*-------------------------------------------------------------------------
 *
 * link_state.h
 *	  The states of a link to the source, and the moves between them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_LINK_STATE_H
#define PGCOPY_LINK_STATE_H

typedef enum LinkState
{
	LINK_NONE,					/* no session, and nothing needs one */
	LINK_OPEN,					/* a session, without a snapshot */
	LINK_THERE,					/* a session that holds the snapshot */
	LINK_READING,				/* the same, and rows are read through it */
	LINK_ASKED,					/* the same, asked whether it is alive */
	LINK_LOST,					/* no session; try to get one at once */
	LINK_AWAY,					/* the source is away; try again later */
	LINK_GONE					/* the source is there, the snapshot is not */
} LinkState;

#define LINK_STATES (LINK_GONE + 1)

extern bool pgcopy_link_state_may_move(LinkState from, LinkState to);
extern const char *pgcopy_link_state_name(LinkState state);

/* Does the state have a session?  One that holds a snapshot? */
extern bool pgcopy_link_state_has_session(LinkState state);
extern bool pgcopy_link_state_has_snapshot(LinkState state);

#endif							/* PGCOPY_LINK_STATE_H */
