/*-------------------------------------------------------------------------
 *
 * link_outage.c
 *	  Look after a link: is the session alive, is the source there?
 *
 * A session that holds the snapshot is asked now and then, at once when the
 * source says something unasked or somebody has lost his own session.  A lost
 * one is replaced, by one that takes the snapshot from whoever else has it.
 *
 * A server that restarts, fails over or cannot be reached for a while comes
 * back most of the time.  The link tries again, at first soon, then every ten
 * seconds or so, for pgcopy.source_retry_timeout since it was lost.  That is
 * over when a session stands; a server that has restarted knows no snapshot any
 * more, but one that only has lost our session does.
 *
 * Losses are counted: a source that goes down each time we begin to read it
 * must not go down for ever.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/retry.h"
#include "base/settings.h"
#include "link/link_private.h"

/* How often the session that holds the snapshot is asked. */
#define PING_INTERVAL (10 * USECS_PER_SEC)

/* How long to wait for an answer before something else is done, ms. */
#define ANSWER_TIME 100

/* As much of the reason as people are shown, and of the whole message. */
#define SHOWN_REASON 180
#define SHOWN_MESSAGE 256

/* Whether waiting may help: the source is not there, or has no room for us. */
static bool
says_away(int sqlerrcode)
{
	return pgcopy_retry_is_loss(sqlerrcode) ||
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

/* False when that was one too many. */
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
 * The source has been asked and has not answered, for longer than it would be
 * waited for if it were away.  Its kernel may well be alive: no timeout of TCP
 * sees that.
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

/* The answer may take until a later call. */
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

/* Returns why the session is lost, in the link's context, or NULL. */
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
			 !pgcopy_retry_is_loss(geterrcode())))
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

/* Have a session again.  Returns why there is none, or NULL. */
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

/* Where no snapshot is to be kept, see only whether the source lets us in. */
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
	if (must_ask(link))
		ask_or_lose(link);
	if (link->state == LINK_LOST ||
		(link->state == LINK_AWAY && !pgcopy_link_outage_goes_on(link)))
		reach(link);
	return link->state;
}
