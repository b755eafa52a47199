/*-------------------------------------------------------------------------
 *
 * link_wait.c
 *	  Messages while an answer of the source takes long.
 *
 * The cause may be a lock, a large catalog or a server that hangs.  The
 * session itself is busy, so another one is opened for a moment to ask who
 * blocks it.  If that fails, only the time is told.
 *
 * This may happen outside a transaction, where no catalog can be read: the new
 * session uses what the link's own was opened with.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "link/link_private.h"
#include "source/inventory.h"

/* Ask by a session of its own. */
static char *
ask_beside(SourceLink *link, LinkQuestion question)
{
	SourceSession *session = pgcopy_session_open(link->conninfo, link->owner.look_name);
	char	   *answer = question(session, link);

	pgcopy_session_close(session);
	return answer;
}

char *
pgcopy_link_ask_beside(SourceLink *link, LinkQuestion question)
{
	MemoryContext context = CurrentMemoryContext;
	char	   *volatile answer = NULL;

	PG_TRY();
	{
		answer = ask_beside(link, question);
	}
	PG_CATCH();
	{
		if (link->owner.is_cancelled())
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
	}
	PG_END_TRY();
	return answer;
}

/* LinkQuestion: who blocks the link's session? */
static char *
find_blocker(SourceSession *session, SourceLink *link)
{
	return pgcopy_inventory_blocker(session, pgcopy_session_pid(link->session));
}

void
pgcopy_link_set_errand(SourceLink *link, const char *errand)
{
	link->errand = errand;
}

void
pgcopy_link_wait_tell(void *arg, int seconds)
{
	SourceLink *link = arg;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pgcopy link wait",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	char	   *blocker = seconds > 0 ?
		pgcopy_link_ask_beside(link, find_blocker) : NULL;
	char	   *message = NULL;

	if (blocker != NULL)
		message = psprintf("waiting for a lock on the source: blocked by %s", blocker);
	else if (seconds >= SILENCE_NOTED && link->errand != NULL)
		message = psprintf("%s, for %d s", link->errand, seconds);
	else if (seconds >= SILENCE_NOTED)
		message = psprintf("the source has not answered for %d s", seconds);
	pgcopy_link_tell(link, message);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}
