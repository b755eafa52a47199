/*-------------------------------------------------------------------------
 *
 * link_outage.c
 *	  Look after a link: is the session alive, is the source there?
 *
 * A session that holds the snapshot is pinged now and then, and at once when
 * the source sends something unasked or another process lost its session.  A
 * lost session is replaced by one that imports the snapshot from another
 * holder.
 *
 * A source that restarts, fails over or is cut off usually comes back.  Retry
 * soon at first, then about every ten seconds, until
 * pgcopy.source_retry_timeout has passed since the loss.  After a restart the
 * snapshot is gone; after a mere loss of our session it is not.
 *
 * Losses are counted, so that a source that crashes whenever it is read is not
 * tried forever.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/retry.h"
#include "base/settings.h"
#include "link/link_private.h"

/* Ping the session that holds the snapshot this often. */
#define PING_INTERVAL (10 * USECS_PER_SEC)

/* Wait this long for an answer, in ms, before doing something else. */
#define ANSWER_TIME 100

/* Lengths of the reason shown, and of the whole message, in bytes. */
#define SHOWN_REASON 180
#define SHOWN_MESSAGE 256

/*
 * May waiting help?  The source is not there, has no room for us, or is a standby
 * that has ended our transaction to go on with recovery.
 */
static bool
says_away(int sqlerrcode)
{
	return pgcopy_retry_ends_transaction(sqlerrcode) ||
		sqlerrcode == ERRCODE_TOO_MANY_CONNECTIONS;
}

static void
tell_reason(SourceLink *link, const ErrorData *error)
{
	const char *reason = error->message ? error->message : "it is lost";
	int			length = (int) strcspn(reason, "\n");
	char		message[SHOWN_MESSAGE];

	length = pg_mbcliplen(reason, length, SHOWN_REASON);
	snprintf(message, sizeof(message), "waiting up to %d s for the source: %.*s",
			 pgcopy_setting_source_retry_timeout, length, reason);
	pgcopy_link_tell(link, message);
}

/* Return false if that was one loss too many. */
static bool
count_loss(SourceLink *link)
{
	return ++link->losses <= pgcopy_setting_max_attempts;
}

bool
pgcopy_link_start_over(SourceLink *link)
{
	Assert(link->state == LINK_GONE);
	pgcopy_link_drop(link, LINK_NONE);
	return count_loss(link);
}

void
pgcopy_link_outage_note(SourceLink *link, ErrorData *error)
{
	TimestampTz now = GetCurrentTimestamp();

	if (!says_away(error->sqlerrcode))
		ReThrowError(error);
	if (link->state != LINK_AWAY)
	{
		if (!count_loss(link))
			ReThrowError(error);
		pgcopy_link_drop(link, LINK_AWAY);
		link->away_since = now;
		link->tries = 0;
	}
	if (TimestampDifferenceExceeds(link->away_since, now,
								   pgcopy_setting_source_retry_timeout * 1000))
		ReThrowError(error);
	if (link->tries == 0)
		link->owner.record(link->owner.arg, error);
	link->next_try =
		TimestampTzPlusMilliseconds(now, pgcopy_retry_delay(++link->tries + 1));
	tell_reason(link, error);
}

bool
pgcopy_link_outage_goes_on(const SourceLink *link)
{
	return link->state == LINK_AWAY && GetCurrentTimestamp() < link->next_try;
}

void
pgcopy_link_outage_wait(SourceLink *link)
{
	while (pgcopy_link_outage_goes_on(link))
		link->owner.wait(TimestampDifferenceMilliseconds(GetCurrentTimestamp(),
														 link->next_try) + 1);
}

void
pgcopy_link_note_seen(SourceLink *link)
{
	link->ask_at = GetCurrentTimestamp() + PING_INTERVAL;
}

void
pgcopy_link_doubt(SourceLink *link)
{
	if (link->state == LINK_THERE)
		link->ask_at = 0;
	else if (link->state == LINK_NONE)
		pgcopy_link_move(link, LINK_LOST);
}

static bool
must_ask(const SourceLink *link)
{
	return link->state == LINK_ASKED ||
		(link->state == LINK_THERE &&
		 (GetCurrentTimestamp() >= link->ask_at ||
		  pgcopy_session_has_news(link->session)));
}

/*
 * Report a source that does not answer a ping, and give up after
 * source_retry_timeout.  TCP's timeouts do not see a hanging server whose
 * kernel is alive.
 */
static void
check_silence(SourceLink *link)
{
	TimestampTz now = GetCurrentTimestamp();
	int			silent = (int) ((now - link->asked_at) / USECS_PER_SEC);
	char		message[SHOWN_MESSAGE];

	if (silent >= Max(pgcopy_setting_source_retry_timeout, SILENCE_NOTED))
		ereport(ERROR,
				(errcode(ERRCODE_CONNECTION_FAILURE),
				 errmsg("the source has not answered for %d s", silent),
				 errhint("Check whether the source's server hangs.")));
	if (silent < SILENCE_NOTED)
		return;
	snprintf(message, sizeof(message),
			 "the source has not answered for %d s: check whether it hangs", silent);
	pgcopy_link_tell(link, message);
}

/* Ping, or look for the answer to an earlier ping. */
static void
ask(SourceLink *link)
{
	if (link->state == LINK_THERE)
	{
		pgcopy_session_ask(link->session);
		link->asked_at = GetCurrentTimestamp();
		pgcopy_link_move(link, LINK_ASKED);
	}
	if (!pgcopy_session_has_answered(link->session, ANSWER_TIME))
	{
		check_silence(link);
		return;
	}
	pgcopy_link_move(link, LINK_THERE);
	pgcopy_link_note_seen(link);
}

/* Return why the session is lost, in the link's context, or NULL. */
static ErrorData *
try_ask(SourceLink *link)
{
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		ask(link);
	}
	PG_CATCH();
	{
		if (link->owner.is_cancelled() ||
			(pgcopy_session_is_alive(link->session) &&
			 !pgcopy_retry_ends_transaction(geterrcode())))
			PG_RE_THROW();
		MemoryContextSwitchTo(link->context);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	return error;
}

static void
ask_or_lose(SourceLink *link)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pgcopy link question",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	ErrorData  *error = try_ask(link);

	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	if (error == NULL)
		return;
	pgcopy_link_drop(link, LINK_LOST);
	link->owner.set_snapshot(link->owner.arg, NULL);
	link->owner.record(link->owner.arg, error);
	FreeErrorData(error);
}

/*
 * Get a new session.  Returns why that failed, in the link's context, or NULL.
 */
static ErrorData *
try_reach(SourceLink *link)
{
	MemoryContext caller = CurrentMemoryContext;
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		link->owner.begin(link->owner.arg);
		pgcopy_link_open(link);
		if (link->content != NULL)
			pgcopy_link_snapshot_rejoin(link);
		link->owner.commit(link->owner.arg);
	}
	PG_CATCH();
	{
		if (link->owner.is_cancelled())
			PG_RE_THROW();
		error = pgcopy_link_catch(link);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	return error;
}

/* Without a kept snapshot, only see whether the source lets us in. */
static void
reach(SourceLink *link)
{
	ErrorData  *error = try_reach(link);

	if (error != NULL)
	{
		pgcopy_link_outage_note(link, error);
		FreeErrorData(error);
	}
	else if (link->state == LINK_THERE)
		pgcopy_link_note_seen(link);
	else
		pgcopy_link_drop(link, link->content != NULL ? LINK_GONE : LINK_NONE);
}

LinkState
pgcopy_link_look_after(SourceLink *link)
{
	Assert(!IsTransactionState());
	if (must_ask(link))
		ask_or_lose(link);
	if (link->state == LINK_LOST ||
		(link->state == LINK_AWAY && !pgcopy_link_outage_goes_on(link)))
		reach(link);
	return link->state;
}
