/*-------------------------------------------------------------------------
 *
 * link_state.c
 *	  The states of a link to the source, and which may follow which.
 *
 *	          open            take, import           begin_reading
 *	   none --------->  open  ------------->  there  <----------->  reading
 *	    |               ^  |                  |   ^   end_reading
 *	    | doubt   retry |  | nobody has       |   |
 *	    |               |  | the snapshot     |   | answer
 *	    |               |  +---> gone         v   |
 *	    |               |                     asked
 *	    v               |                       | error, silence
 *	    lost  ----------+  <--------------------+
 *	      |             |      to lost
 *	      +---> away  --+
 *
 * Every state may become none: the link is closed.  A failure while the link
 * is being made (none, open, there, lost, gone) leads to away when waiting for
 * the source may help.  From gone all starts over, by a new session.
 *
 * Lost and away come in two kinds: with a snapshot that is to be found again
 * in another session, and without, where the only question is whether the
 * source can be reached.  Without, open leads back to none.
 *
 * Nothing here knows what a link is made of.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "link/link_state.h"

#define TO(state) (1 << (state))

static const struct
{
	const char *name;
	bool		has_session;
	bool		has_snapshot;
	int			moves;
}			states[] = {
	[LINK_NONE] = {"none", false, false,
	TO(LINK_OPEN) | TO(LINK_LOST) | TO(LINK_AWAY)},
	[LINK_OPEN] = {"open", true, false,
	TO(LINK_THERE) | TO(LINK_AWAY) | TO(LINK_GONE) | TO(LINK_NONE)},
	[LINK_THERE] = {"there", true, true,
	TO(LINK_READING) | TO(LINK_ASKED) | TO(LINK_LOST) | TO(LINK_AWAY) | TO(LINK_NONE)},
	[LINK_READING] = {"reading", true, true,
	TO(LINK_THERE) | TO(LINK_NONE)},
	[LINK_ASKED] = {"asked", true, true,
	TO(LINK_THERE) | TO(LINK_LOST) | TO(LINK_NONE)},
	[LINK_LOST] = {"lost", false, false,
	TO(LINK_OPEN) | TO(LINK_AWAY) | TO(LINK_NONE)},
	[LINK_AWAY] = {"away", false, false,
	TO(LINK_OPEN) | TO(LINK_NONE)},
	[LINK_GONE] = {"gone", false, false,
	TO(LINK_OPEN) | TO(LINK_AWAY) | TO(LINK_NONE)},
};

bool
pgcopy_link_state_may_move(LinkState from, LinkState to)
{
	return (states[from].moves & TO(to)) != 0;
}

const char *
pgcopy_link_state_name(LinkState state)
{
	return states[state].name;
}

bool
pgcopy_link_state_has_session(LinkState state)
{
	return states[state].has_session;
}

bool
pgcopy_link_state_has_snapshot(LinkState state)
{
	return states[state].has_snapshot;
}
