/*-------------------------------------------------------------------------
 *
 * following_source.c
 *	  The session that asks the source, while a target follows.
 *
 * It is an ordinary one, outside of any transaction, and holds nothing there.  Apply does
 * not need it, so no trouble with it ends the job: it is closed, the reason is shown, and
 * another one is tried, soon at first and then about every ten seconds.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/retry.h"
#include "run/following.h"

/* Give up a session that has not answered for so many seconds. */
#define LONGEST_SILENCE 30

static void
close_session(Following *following)
{
	following->session = NULL;
	MemoryContextReset(following->session_context);
}

/* SessionWaits: the source is silent. */
static void
note_silence(void *arg, int seconds)
{
	Following  *following = arg;

	if (seconds >= LONGEST_SILENCE)
		ereport(ERROR,
				(errcode(ERRCODE_CONNECTION_FAILURE),
				 errmsg("the source has not answered for %d s", seconds)));
	if (seconds >= SILENCE_NOTED)
		pgcopy_progress_set_message(following->leader->progress,
									psprintf("the source has not answered for %d s; the target still follows",
											 seconds));
}

static void
open_session(Following *following)
{
	Leader	   *leader = following->leader;
	SourceConninfo *conninfo;

	pgcopy_leader_begin(leader);
	MemoryContextSwitchTo(following->session_context);
	conninfo = pgcopy_conninfo_resolve(leader->job->conninfo, leader->args.owner);
	pgcopy_leader_commit(leader);
	MemoryContextSwitchTo(following->session_context);
	following->session =
		pgcopy_session_open(conninfo, psprintf("pgcopy job " INT64_FORMAT " watch",
											   leader->job->id));
	pgcopy_session_on_wait(following->session, note_silence, following);
	MemoryContextSwitchTo(following->look_context);
}

/*
 * Undo a cutover that the end of an earlier leader has interrupted, or that could not be
 * undone while the source was away.
 */
static void
undo_cutover(Following *following)
{
	Leader	   *leader = following->leader;

	if (!following->follow->is_fenced || following->follow->is_open)
		return;
	pgcopy_cutover_undo(leader);
	following->follow->is_fenced = false;
	MemoryContextSwitchTo(following->look_context);
}

static void
ask(Following *following)
{
	if (following->session == NULL)
		open_session(following);
	undo_cutover(following);
	pgcopy_slot_look(following->session, following->follow->name, &following->slot);
	following->slot_at = GetCurrentTimestamp();
	following->has_slot = true;
	if (following->slot_at >= following->next_picture)
		pgcopy_following_compare(following);
}

/* Note why the source is away, and when to try again. */
static void
note_away(Following *following, const ErrorData *error)
{
	TimestampTz now = GetCurrentTimestamp();
	const char *reason = error->message ? error->message : "the session is lost";
	int			length = (int) strcspn(reason, "\n");

	length = pg_mbcliplen(reason, length, sizeof(following->away_reason) - 1);
	memcpy(following->away_reason, reason, length);
	following->away_reason[length] = '\0';
	if (following->away_since == 0)
	{
		following->away_since = now;
		following->tries = 0;
		ereport(LOG,
				(errmsg("job " INT64_FORMAT " does not reach its source: %s",
						following->leader->job->id, following->away_reason),
				 errdetail("The target goes on by itself when the source is back.")));
	}
	following->next_try =
		TimestampTzPlusMilliseconds(now, pgcopy_retry_delay(++following->tries + 1));
}

static void
note_there(Following *following)
{
	if (following->away_since != 0)
		ereport(LOG,
				(errmsg("job " INT64_FORMAT " has reached its source again",
						following->leader->job->id)));
	following->away_since = 0;
}

void
pgcopy_following_ask_source(Following *following)
{
	ErrorData  *volatile error = NULL;

	Assert(!IsTransactionState());
	following->has_slot = false;
	if (following->away_since != 0 && GetCurrentTimestamp() < following->next_try)
		return;
	MemoryContextSwitchTo(following->look_context);
	PG_TRY();
	{
		ask(following);
	}
	PG_CATCH();
	{
		error = pgcopy_leader_catch(following->leader);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(following->leader->context);
	if (error == NULL)
	{
		note_there(following);
		return;
	}
	close_session(following);
	note_away(following, error);
	FreeErrorData(error);
}
