/*-------------------------------------------------------------------------
 *
 * handover_watch.c
 *	  Look after the slot while rows are copied.
 *
 * A slot that is lost makes the rest of the copy useless, and a copy may last for
 * hours.  So it is looked at by the link's session, which holds the snapshot.  Trouble
 * with the session is for the link to deal with.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "catalog/notice.h"
#include "run/follow.h"

/* Time between two looks. */
#define LOOK_INTERVAL (10 * USECS_PER_SEC)

/* Look at the slot; false: the source did not answer. */
static bool
try_look(Leader *leader, SlotStatus *status)
{
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		SourceSession *session;
		Follow	   *follow;

		pgcopy_leader_begin(leader);
		follow = pgcopy_follow_fetch(leader->job->id);
		session = pgcopy_link_begin_reading(leader->link);
		pgcopy_slot_look(session, follow->name, status);
		pgcopy_leader_commit(leader);
	}
	PG_CATCH();
	{
		error = pgcopy_leader_catch(leader);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(leader->context);
	pgcopy_link_end_reading(leader->link);
	if (error == NULL)
		return true;
	FreeErrorData(error);
	return false;
}

static void
throw_loss(Leader *leader, const char *why)
{
	pgcopy_leader_begin(leader);
	pgcopy_follow_set_lost(leader->job->id, why);
	pgcopy_leader_commit(leader);
	pgcopy_handover_throw_lost(leader->job->id, why);
}

/* The last chance to save it.  Told once. */
static void
tell_danger(Leader *leader)
{
	leader->has_told_danger = true;
	pgcopy_leader_begin(leader);
	pgcopy_notice_tell(leader->job->id, NULL,
					   "the replication slot is about to be lost: the next checkpoint of the source may remove WAL that it needs",
					   "Raise max_slot_wal_keep_size there, a reload suffices.");
	pgcopy_leader_commit(leader);
}

void
pgcopy_handover_watch(Leader *leader)
{
	TimestampTz now = GetCurrentTimestamp();
	SlotStatus	status;
	const char *loss;

	if (!pgcopy_leader_follows(leader) || now < leader->next_slot_look ||
		pgcopy_link_state(leader->link) != LINK_THERE)
		return;
	leader->next_slot_look = now + LOOK_INTERVAL;
	if (!try_look(leader, &status))
		return;
	loss = pgcopy_handover_find_loss(&status);
	if (loss != NULL)
		throw_loss(leader, loss);
	if (strcmp(status.wal_status, "unreserved") == 0 && !leader->has_told_danger)
		tell_danger(leader);
}
