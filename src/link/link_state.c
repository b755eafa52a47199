/*-------------------------------------------------------------------------
 *
 * link_state.c
 *	  The states of a link to the source, and the moves between them.
 *
 * src/README.md has the picture.  Any state may become none (closed).  A
 * failure to make the link, or to make it again, leads from none, open, there,
 * lost and gone to away if waiting may help.  From gone everything starts over
 * in a new session.
 *
 * With a kept snapshot, lost and away look for that.  Without one, they only
 * find out whether the source can be reached; open then leads back to none.
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
