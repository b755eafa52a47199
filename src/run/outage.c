/*-------------------------------------------------------------------------
 *
 * outage.c
 *	  A source that is away, and how long it is waited for.
 *
 * A server that restarts, fails over or cannot be reached for a while comes
 * back most of the time.  The leader tries again, at first soon, then every
 * ten seconds or so, for pgcopy.source_retry_timeout since it was lost.  An
 * outage is over when a session stands; what has become of the snapshot is
 * another question (rejoin.c, resume.c).
 *
 * Outages are counted: a source that goes down each time we begin to read it
 * must not go down for ever.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "base/retry.h"
#include "base/settings.h"
#include "run/outage.h"

/* As much of the reason as people are shown. */
#define SHOWN_REASON 180

/* Whether waiting may help: the source is not there, or has no room for us. */
static bool
says_away(int sqlerrcode)
{
	return pgcopy_retry_is_loss(sqlerrcode) ||
		sqlerrcode == ERRCODE_TOO_MANY_CONNECTIONS;
}

static void
tell(Leader *leader, const ErrorData *error)
{
	const char *reason = error->message ? error->message : "it is lost";
	int			length = (int) strcspn(reason, "\n");
	char		message[CONTROL_MESSAGE_LENGTH];

	length = pg_mbcliplen(reason, length, SHOWN_REASON);
	snprintf(message, sizeof(message), "waiting up to %d s for the source: %.*s",
			 pgcopy_setting_source_retry_timeout, length, reason);
	pgcopy_progress_set_message(leader->progress, message);
}

void
pgcopy_outage_note(Leader *leader, ErrorData *error)
{
	Outage	   *outage = &leader->outage;
	TimestampTz now = GetCurrentTimestamp();

	if (!says_away(error->sqlerrcode))
		ReThrowError(error);
	if (outage->since == 0)
	{
		if (++outage->count > pgcopy_setting_max_attempts)
			ReThrowError(error);
		outage->since = now;
		outage->tries = 0;
	}
	if (TimestampDifferenceExceeds(outage->since, now,
								   pgcopy_setting_source_retry_timeout * 1000))
		ReThrowError(error);
	if (outage->tries == 0)
		pgcopy_leader_record(leader, 0, false, error);
	outage->next_try =
		TimestampTzPlusMilliseconds(now, pgcopy_retry_delay(++outage->tries + 1));
	tell(leader, error);
}

void
pgcopy_outage_end(Leader *leader)
{
	if (leader->outage.since == 0)
		return;
	leader->outage.since = 0;
	pgcopy_progress_set_message(leader->progress, NULL);
}

bool
pgcopy_outage_goes_on(const Leader *leader)
{
	return leader->outage.since != 0 &&
		GetCurrentTimestamp() < leader->outage.next_try;
}

void
pgcopy_outage_wait(Leader *leader)
{
	while (pgcopy_outage_goes_on(leader))
		pgcopy_process_wait(TimestampDifferenceMilliseconds(GetCurrentTimestamp(),
															leader->outage.next_try) + 1);
}
