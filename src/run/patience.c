/*-------------------------------------------------------------------------
 *
 * patience.c
 *	  What people are told while the source makes the leader wait.
 *
 * An answer that takes long is a lock that somebody has, a large catalog, or a
 * server that hangs.  The session itself is busy, so another one is opened for
 * a moment and asked who stands in the way.  Whatever goes wrong with that one
 * is no error: then only the time is told.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "run/patience.h"
#include "source/inventory.h"

/* Who blocks the leader's session, in the current memory context, or NULL. */
static char *
find_blocker(Leader *leader)
{
	SourceConninfo *conninfo = pgcopy_conninfo_resolve(leader->job->conninfo,
													   leader->args.owner);
	SourceAddress address;
	SourceSession *session;
	char	   *blocker;

	pgcopy_control_get_source(leader->control, &address);
	pgcopy_conninfo_pin(conninfo, &address);
	session = pgcopy_session_open(conninfo,
								  psprintf("pgcopy job " INT64_FORMAT " look",
										   leader->job->id));
	blocker = pgcopy_inventory_blocker(session, pgcopy_session_pid(leader->session));
	pgcopy_session_close(session);
	return blocker;
}

static char *
try_find_blocker(Leader *leader, MemoryContext context)
{
	char	   *volatile blocker = NULL;

	PG_TRY();
	{
		blocker = find_blocker(leader);
	}
	PG_CATCH();
	{
		if (pgcopy_process_is_cancelled())
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
	}
	PG_END_TRY();
	return blocker;
}

void
pgcopy_patience_tell(void *arg, int seconds)
{
	Leader	   *leader = arg;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pgcopy patience",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	char	   *blocker = seconds > 0 ? try_find_blocker(leader, context) : NULL;
	char	   *message = NULL;

	if (blocker != NULL)
		message = psprintf("waiting for a lock on the source: its %s has it", blocker);
	else if (seconds >= SILENCE_NOTED)
		message = psprintf("the source has not answered for %d s", seconds);
	pgcopy_progress_set_message(leader->progress, message);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}
