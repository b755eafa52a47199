/*-------------------------------------------------------------------------
 *
 * following_text.c
 *	  Say in a line how a target follows: what keeps it from a cutover, how far it is
 *	  behind, and what to type next.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "run/following.h"

/* Say that the slot is in danger if it is lost within so many seconds. */
#define DANGER (30 * SECS_PER_MINUTE)

/* Say that no worker runs after so long; core starts one anew every five seconds. */
#define LONGEST_IDLE (20 * USECS_PER_SEC)

/* "34 s", "4m 12s", "2h 05m" */
static void
append_seconds(StringInfo line, int64 seconds)
{
	if (seconds < 60)
		appendStringInfo(line, INT64_FORMAT " s", seconds);
	else if (seconds < SECS_PER_HOUR)
		appendStringInfo(line, "%dm %02ds", (int) (seconds / 60), (int) (seconds % 60));
	else
		appendStringInfo(line, INT64_FORMAT "h %02dm", seconds / SECS_PER_HOUR,
						 (int) (seconds % SECS_PER_HOUR / 60));
}

static void
append_size(StringInfo line, int64 bytes)
{
	Datum		size = DirectFunctionCall1(pg_size_pretty, Int64GetDatum(bytes));

	appendStringInfoString(line, TextDatumGetCString(size));
}

static void
append_time(StringInfo line, TimestampTz at)
{
	pg_time_t	seconds = timestamptz_to_time_t(at);
	char		time[64];

	pg_strftime(time, sizeof(time), "%Y-%m-%d %H:%M:%S %Z",
				pg_localtime(&seconds, session_timezone));
	appendStringInfoString(line, time);
}

static bool
is_lag_small(const Following *following)
{
	int64		ms = pgcopy_lag_ms(following->lag, GetCurrentTimestamp());

	return (ms >= 0 && ms <= SMALL_LAG_MS) ||
		pgcopy_lag_bytes(following->lag) <= SMALL_LAG_BYTES;
}

bool
pgcopy_following_is_caught_up(const Following *following)
{
	return following->has_slot && following->applied.pid != 0 && !following->is_failing &&
		following->applied.waiting == 0 && is_lag_small(following);
}

bool
pgcopy_following_is_in_danger(const Following *following)
{
	return strcmp(following->slot.wal_status, "unreserved") == 0 ||
		(following->lost_in >= 0 && following->lost_in < DANGER);
}

static void
append_danger(StringInfo line, const Following *following)
{
	if (strcmp(following->slot.wal_status, "unreserved") == 0)
		appendStringInfoString(line, "the source's next checkpoint may remove WAL that the target needs");
	else
	{
		appendStringInfoString(line, "the slot is lost in ");
		append_seconds(line, following->lost_in);
	}
	appendStringInfoString(line, ": raise max_slot_wal_keep_size on the source and reload; ");
}

static void
append_away(StringInfo line, const Following *following)
{
	appendStringInfoString(line, "the source has been away since ");
	append_time(line, following->away_since);
	appendStringInfo(line, " (%s); the target goes on by itself when it is back; ",
					 following->away_reason);
}

static void
append_failure(StringInfo line, const Following *following)
{
	appendStringInfoString(line, "apply fails");
	if (following->applied.errors > 0)
		appendStringInfo(line, ", " INT64_FORMAT " time%s so far", following->applied.errors,
						 following->applied.errors == 1 ? "" : "s");
	if (following->last_error != NULL)
		appendStringInfo(line, ": %s; ", following->last_error);
	else
		appendStringInfoString(line, ": see this server's log, lines of \"logical replication\"; ");
}

static void
append_idle(StringInfo line, const Following *following)
{
	if (!following->applied.is_enabled)
		appendStringInfo(line, "the subscription is disabled: ALTER SUBSCRIPTION %s ENABLE; ",
						 following->follow->name);
	else if (GetCurrentTimestamp() - following->idle_since > LONGEST_IDLE)
		appendStringInfoString(line, "no apply worker runs: see this server's log, and raise "
							   "max_logical_replication_workers and max_worker_processes if they are used up; ");
}

static void
append_catching_up(StringInfo line, const Following *following)
{
	int64		eta = pgcopy_lag_eta(following->lag);

	appendStringInfoString(line, "catching up");
	if (eta >= 0)
	{
		appendStringInfoString(line, ", about ");
		append_seconds(line, eta);
		appendStringInfoString(line, " left");
	}
	appendStringInfoString(line, "; ");
}

/* What keeps the target from a cutover, or will. */
static void
append_reasons(StringInfo line, const Following *following)
{
	const Applied *applied = &following->applied;

	if (pgcopy_following_is_in_danger(following))
		append_danger(line, following);
	if (following->away_since != 0)
		append_away(line, following);
	else if (following->is_failing)
		append_failure(line, following);
	else if (applied->pid == 0)
		append_idle(line, following);
	if (applied->waiting > 0)
		appendStringInfo(line, "%d of %d tables have not caught up yet; ",
						 applied->waiting, applied->tables);
	else if (following->away_since == 0 && !following->is_failing && !is_lag_small(following))
		append_catching_up(line, following);
	if (following->follow->changes_seen != NULL)
		appendStringInfo(line, "the source has changed, make the same changes here: %s; ",
						 following->follow->changes_seen);
	if (following->spared > 0)
		appendStringInfo(line, "%d older session%s of superusers here can still write; ",
						 following->spared, following->spared == 1 ? "" : "s");
}

static void
append_figures(StringInfo line, const Following *following)
{
	int64		ms = pgcopy_lag_ms(following->lag, GetCurrentTimestamp());
	int64		bytes = pgcopy_lag_bytes(following->lag);

	if (ms >= 0 && ms < 60 * 1000)
		appendStringInfo(line, "%.1f s", ms / 1000.0);
	else if (ms >= 0)
		append_seconds(line, ms / 1000);
	if (ms < 0 || bytes > SMALL_LAG_BYTES)
	{
		appendStringInfoString(line, ms < 0 ? "" : " and ");
		append_size(line, bytes);
	}
	appendStringInfoString(line, " behind");
	if (following->has_slot)
	{
		appendStringInfoString(line, ", source keeps ");
		append_size(line, following->slot.retained_bytes);
		appendStringInfoString(line, " of WAL");
	}
}

char *
pgcopy_following_describe(const Following *following)
{
	int64		job = following->leader->job->id;
	StringInfoData line;

	initStringInfo(&line);
	append_reasons(&line, following);
	append_figures(&line, following);
	if (pgcopy_following_is_caught_up(following) && !following->is_skipping)
		appendStringInfo(&line, following->follow->changes_seen == NULL ?
						 ", ready: SELECT pgcopy_cutover(" INT64_FORMAT ")" :
						 ": SELECT pgcopy_cutover(" INT64_FORMAT ", ignore_changes => true)",
						 job);
	return line.data;
}
