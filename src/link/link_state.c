/*-------------------------------------------------------------------------
 *
 * link_state.c
 *	  The states of a link to the source, and which may follow which.
 *
 *	          open            take, import         begin_reading
 *	none ------------> open ---------------> there <-----------> reading
 *	 |                 ^ |                    | ^    end_reading
 *	 |                 | | nobody has         | |
 *	 | doubt     retry | | the snapshot   ask | | answer
 *	 |                 | +-------> gone       v |
 *	 |                 |                     asked
 *	 |                 |                       |
 *	 |                 +------- away           | error, silence
 *	 |                 |         ^             |
 *	 +--------------> lost ------+             |
 *	                   ^   not reached         |
 *	                   +-----------------------+
 *
 * Every state may become none: the link is closed.  What fails while the link
 * is made, or made again (none, open, there, lost, gone), leads to away where
 * waiting for the source may help.  From gone all starts over, by a new session.
 *
 * Lost and away come in two kinds: with a snapshot that is to be found again,
 * and without, where the only question is whether the source can be reached.
 * Without, open leads back to none.
 *
 * Nothing here knows what a link is made of.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "link/link_state.h"

#define TO(state) (1 << (state))

static const int moves[] = {
	[LINK_NONE] = TO(LINK_OPEN) | TO(LINK_LOST) | TO(LINK_AWAY),
	[LINK_OPEN] = TO(LINK_NONE) | TO(LINK_THERE) | TO(LINK_AWAY) | TO(LINK_GONE),
	[LINK_THERE] = TO(LINK_NONE) | TO(LINK_READING) | TO(LINK_ASKED) |
	TO(LINK_LOST) | TO(LINK_AWAY),
	[LINK_READING] = TO(LINK_NONE) | TO(LINK_THERE),
	[LINK_ASKED] = TO(LINK_NONE) | TO(LINK_THERE) | TO(LINK_LOST),
	[LINK_LOST] = TO(LINK_NONE) | TO(LINK_OPEN) | TO(LINK_AWAY),
	[LINK_AWAY] = TO(LINK_NONE) | TO(LINK_OPEN),
	[LINK_GONE] = TO(LINK_NONE) | TO(LINK_OPEN) | TO(LINK_AWAY),
};

static const char *const names[] = {
	[LINK_NONE] = "none",
	[LINK_OPEN] = "open",
	[LINK_THERE] = "there",
	[LINK_READING] = "reading",
	[LINK_ASKED] = "asked",
	[LINK_LOST] = "lost",
	[LINK_AWAY] = "away",
	[LINK_GONE] = "gone",
};

StaticAssertDecl(lengthof(moves) == LINK_STATES, "each state has its moves");
StaticAssertDecl(lengthof(names) == LINK_STATES, "each state has a name");

bool
pgcopy_link_state_may_move(LinkState from, LinkState to)
{
	return (moves[from] & TO(to)) != 0;
}

const char *
pgcopy_link_state_name(LinkState state)
{
	return names[state];
}

bool
pgcopy_link_state_has_session(LinkState state)
{
	return state == LINK_OPEN || pgcopy_link_state_has_snapshot(state);
}

bool
pgcopy_link_state_has_snapshot(LinkState state)
{
	return state == LINK_THERE || state == LINK_READING || state == LINK_ASKED;
}
