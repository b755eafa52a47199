/*-------------------------------------------------------------------------
 *
 * link.c
 *	  The link to the source: opened, closed, read through.
 *
 * The states are in link_state.c.  The link knows no job and no other process;
 * what it needs of its owner is in LinkOwner.
 *
 *	link.c				open, close, read
 *	link_snapshot.c		take, import, keep and find a snapshot
 *	link_read.c			attempts to read everything at one moment
 *	link_outage.c		ping the session; wait for a source that is away
 *	link_wait.c			messages while an answer takes long
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"

#include "link/link_private.h"
#include "source/snapshot.h"

SourceLink *
pgcopy_link_create(const LinkOwner *owner)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pgcopy link",
												  ALLOCSET_SMALL_SIZES);
	SourceLink *link = MemoryContextAllocZero(context, sizeof(SourceLink));

	link->owner = *owner;
	link->context = context;
	link->session_context = AllocSetContextCreate(context,
												  "pgcopy source session",
												  ALLOCSET_DEFAULT_SIZES);
	return link;
}

void
pgcopy_link_move(SourceLink *link, LinkState to)
{
	if (!pgcopy_link_state_may_move(link->state, to))
		elog(ERROR, "a link to the source does not move from %s to %s",
			 pgcopy_link_state_name(link->state), pgcopy_link_state_name(to));
	link->state = to;
	Assert(pgcopy_link_state_has_session(to) == (link->session != NULL));
	Assert(link->content != NULL || (to != LINK_READING && to != LINK_ASKED));
	Assert(link->content == NULL || (to != LINK_NONE && to != LINK_GONE));
}

LinkState
pgcopy_link_state(const SourceLink *link)
{
	return link->state;
}

SourceSession *
pgcopy_link_session(const SourceLink *link)
{
	return link->session;
}

const SourceConninfo *
pgcopy_link_conninfo(const SourceLink *link)
{
	return link->conninfo;
}

bool
pgcopy_link_has_snapshot(const SourceLink *link)
{
	return pgcopy_link_state_has_snapshot(link->state);
}

bool
pgcopy_link_keeps_snapshot(const SourceLink *link)
{
	return link->content != NULL;
}

void
pgcopy_link_tell(SourceLink *link, const char *message)
{
	if (link->owner.tell != NULL)
		link->owner.tell(link->owner.arg, message);
}

ErrorData *
pgcopy_link_catch(SourceLink *link)
{
	ErrorData  *error;

	MemoryContextSwitchTo(link->context);
	error = CopyErrorData();
	FlushErrorState();
	link->owner.abort(link->owner.arg);
	MemoryContextSwitchTo(link->context);
	return error;
}

void
pgcopy_link_open(SourceLink *link)
{
	MemoryContext caller = MemoryContextSwitchTo(link->session_context);
	SourceConninfo *conninfo;
	SourceSession *session;
	SourceAddress address;

	Assert(IsTransactionState());
	Assert(link->session == NULL);
	MemoryContextReset(link->session_context);
	conninfo = pgcopy_conninfo_resolve(link->owner.conninfo, link->owner.role);
	session = pgcopy_session_open(conninfo, link->owner.name);
	pgcopy_session_address(session, &address);
	pgcopy_conninfo_pin(conninfo, &address);
	if (link->owner.set_address != NULL)
		link->owner.set_address(link->owner.arg, &address);
	MemoryContextSwitchTo(caller);
	link->errand = NULL;
	pgcopy_session_on_wait(session, pgcopy_link_wait_tell, link);
	if (link->state == LINK_AWAY)
		pgcopy_link_tell(link, NULL);
	link->conninfo = conninfo;
	link->session = session;
	pgcopy_link_move(link, LINK_OPEN);
}

void
pgcopy_link_forget_snapshot(SourceLink *link)
{
	if (link->content != NULL)
		pfree(link->content);
	link->content = NULL;
}

void
pgcopy_link_drop(SourceLink *link, LinkState to)
{
	Assert(!pgcopy_link_state_has_session(to));
	link->session = NULL;
	link->conninfo = NULL;
	MemoryContextReset(link->session_context);
	if (to == LINK_NONE || to == LINK_GONE)
		pgcopy_link_forget_snapshot(link);
	pgcopy_link_move(link, to);
}

void
pgcopy_link_close(SourceLink *link)
{
	if (link->state != LINK_NONE)
		pgcopy_link_drop(link, LINK_NONE);
}

void
pgcopy_link_let_go(SourceLink *link)
{
	if (link->state == LINK_AWAY)
		pgcopy_link_tell(link, NULL);
	pgcopy_link_close(link);
}

/* Use a savepoint: the snapshot ends with its transaction. */
SourceSession *
pgcopy_link_begin_reading(SourceLink *link)
{
	Assert(link->state != LINK_ASKED);
	if (link->state == LINK_THERE)
	{
		pgcopy_session_exec(link->session, "SAVEPOINT " SNAPSHOT_SAVEPOINT);
		pgcopy_link_move(link, LINK_READING);
	}
	if (link->session == NULL)
	{
		Assert(link->content == NULL);
		pgcopy_link_open(link);
	}
	return link->session;
}

/*
 * Always roll back to the savepoint: that clears errors and releases locks.  If
 * it fails, close the session; the link then treats it as lost.
 */
static void
roll_back(SourceLink *link)
{
	MemoryContext caller = CurrentMemoryContext;
	volatile bool is_alive = true;

	PG_TRY();
	{
		pgcopy_session_abandon(link->session);
		pgcopy_session_exec(link->session,
							"ROLLBACK TO SAVEPOINT " SNAPSHOT_SAVEPOINT
							"; RELEASE SAVEPOINT " SNAPSHOT_SAVEPOINT);
	}
	PG_CATCH();
	{
		if (link->owner.is_cancelled())
			PG_RE_THROW();
		MemoryContextSwitchTo(caller);
		FlushErrorState();
		pgcopy_session_close(link->session);
		is_alive = false;
	}
	PG_END_TRY();
	pgcopy_link_move(link, LINK_THERE);
	if (!is_alive)
		pgcopy_link_doubt(link);
}

void
pgcopy_link_end_reading(SourceLink *link)
{
	if (link->state == LINK_OPEN)
		pgcopy_link_close(link);
	else if (link->state == LINK_READING)
		roll_back(link);
}
