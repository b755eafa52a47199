/*-------------------------------------------------------------------------
 *
 * handover_watch.c
 *	  Look at the slot while rows are copied and indexes built.
 *
 * That can take days, and the source keeps all WAL meanwhile, unless it is told to keep
 * less.  A job whose slot is lost need not be copied to its end.
 *
 * Each look has a session of its own, so that the one that holds the snapshot is safe
 * from what happens to it.  A look that fails says nothing about the slot.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "run/follow.h"

#define LOOK_INTERVAL (10 * USECS_PER_SEC)

/* Seconds that a look waits for a silent source. */
static const int look_limit = 10;

typedef struct SlotWatch
{
	TimestampTz next_look;
	SlotStatus	status;
} SlotWatch;

/* Once the target is open there is nothing to look at: returns false. */
static bool
look(Leader *leader, MemoryContext context, SlotStatus *status)
{
	Follow	   *follow;
	SourceConninfo *conninfo;
	SourceSession *session;

	pgcopy_leader_begin(leader);
	MemoryContextSwitchTo(context);
	follow = pgcopy_follow_fetch(leader->job->id);
	conninfo = pgcopy_conninfo_resolve(leader->job->conninfo, leader->args.owner);
	pgcopy_leader_commit(leader);
	MemoryContextSwitchTo(context);
	if (follow->is_open)
		return false;
	session = pgcopy_session_open(conninfo, psprintf("pgcopy job " INT64_FORMAT " watch",
													 leader->job->id));
	pgcopy_session_on_wait(session, pgcopy_session_give_up, (void *) &look_limit);
	pgcopy_slot_look(session, follow->name, status);
	return true;
}

/* Returns false if the source did not tell, or need not. */
static bool
try_look(Leader *leader, SlotStatus *status)
{
	MemoryContext context = AllocSetContextCreate(leader->context, "pgcopy slot watch",
												  ALLOCSET_DEFAULT_SIZES);
	ErrorData  *volatile error = NULL;
	volatile bool has_looked = false;

	PG_TRY();
	{
		has_looked = look(leader, context, status);
	}
	PG_CATCH();
	{
		error = pgcopy_leader_catch(leader);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(leader->context);
	MemoryContextDelete(context);
	if (error == NULL)
		return has_looked;
	FreeErrorData(error);
	return false;
}

/* Is it about time, and the source there? */
static bool
is_due(const Leader *leader)
{
	LinkState	state = pgcopy_link_state(leader->link);

	return pgcopy_leader_follows(leader) &&
		(leader->job->state == JOB_COPYING || leader->job->state == JOB_POST_DATA) &&
		(state == LINK_THERE || state == LINK_NONE) &&
		(leader->slot_watch == NULL || GetCurrentTimestamp() >= leader->slot_watch->next_look);
}

void
pgcopy_handover_watch(Leader *leader)
{
	SlotStatus	status;
	const char *why;

	if (!is_due(leader))
		return;
	if (leader->slot_watch == NULL)
		leader->slot_watch = MemoryContextAllocZero(leader->context, sizeof(SlotWatch));
	leader->slot_watch->next_look = GetCurrentTimestamp() + LOOK_INTERVAL;
	if (!try_look(leader, &status))
		return;
	leader->slot_watch->status = status;
	why = pgcopy_handover_find_loss(&status);
	if (why != NULL)
		pgcopy_handover_note_lost(leader, why);
}

void
pgcopy_handover_watch_tell_danger(const Leader *leader, char *message, Size size)
{
	const SlotWatch *watch = leader->slot_watch;

	if (watch != NULL && strcmp(watch->status.wal_status, "unreserved") == 0)
		strlcpy(message,
				"the source's next checkpoint may remove WAL that the target needs: raise max_slot_wal_keep_size on the source and reload",
				size);
}

void
pgcopy_handover_watch_tell_kept(const Leader *leader, char *message, Size size)
{
	const SlotWatch *watch = leader->slot_watch;
	Datum		kept;

	if (watch == NULL || !watch->status.exists)
		return;
	kept = DirectFunctionCall1(pg_size_pretty, Int64GetDatum(watch->status.retained_bytes));
	snprintf(message, size, "the source keeps %s of WAL until the target has it",
			 TextDatumGetCString(kept));
}
