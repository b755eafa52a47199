/*-------------------------------------------------------------------------
 *
 * cutover_steps.c
 *	  The steps of a cutover around its fence: check, prepare, mark, await, copy again.
 *
 * The wait is for the target's latest_end_lsn: it moves on a keepalive, after all that
 * came before it in the stream was applied.  The slot's confirmed_flush_lsn says the
 * same once this server has flushed it, which takes longer.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "postmaster/bgwriter.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "replica/applied.h"
#include "replica/subscription.h"
#include "run/cutover.h"
#include "run/cutover_watch.h"
#include "run/following.h"
#include "stream/changes.h"
#include "stream/slot.h"

/* The lag that is small enough to begin with: one of the two. */
#define SMALL_LAG_BYTES (16 * 1024 * 1024)
#define SMALL_LAG_MS 1000

/*
 * What it should be right before the pause, as it becomes a part of that.  Wait for it as
 * long as it shrinks, at least once in so many ms, and not longer than max_pause.
 */
#define CALM_LAG_BYTES (1024 * 1024)
#define CALM_PATIENCE 2000

/* Pauses between looks, ms: at the lag; right before the pause; for the mark. */
#define LAG_PAUSE 100
#define CALM_PAUSE 20
#define FIRST_MARK_PAUSE 2
#define LAST_MARK_PAUSE 20

/* Look at the slot once in so many looks. */
#define LOOKS_PER_SLOT 20

#define MEGABYTE (1024.0 * 1024)

/* A relation whose changes arrive, in one way or another. */
static bool
is_carried(const FollowRelation *relation)
{
	return relation->carry != CARRY_NOTHING && relation->relkind != 'm';
}

/* Read which relations are carried. */
static void
read_relations(Cutover *cutover)
{
	StringInfoData oids;
	List	   *relations;
	ListCell   *lc;

	pgcopy_leader_begin(cutover->leader);
	MemoryContextSwitchTo(cutover->context);
	relations = pgcopy_follow_relations(cutover->leader->job->id);
	pgcopy_leader_commit(cutover->leader);
	MemoryContextSwitchTo(cutover->context);
	initStringInfo(&oids);
	foreach(lc, relations)
	{
		FollowRelation *relation = lfirst(lc);

		if (is_carried(relation))
			appendStringInfo(&oids, "%s%u", oids.len > 0 ? "," : "{", relation->source_oid);
	}
	appendStringInfoString(&oids, oids.len > 0 ? "}" : "{}");
	cutover->carried = oids.data;
}

/* Open all sessions to the source that the cutover needs. */
static void
connect_all(Cutover *cutover)
{
	Leader	   *leader = cutover->leader;

	cutover->session = pgcopy_cutover_connect(leader, "fence");
	cutover->locker = pgcopy_cutover_connect(leader, "locks");
	pgcopy_link_close(leader->link);
	pgcopy_leader_begin(leader);
	pgcopy_link_open(leader->link);
	pgcopy_leader_commit(leader);
	MemoryContextSwitchTo(cutover->context);
}

/* Throw the first error of the findings; note the others. */
static void
heed(Cutover *cutover, List *findings)
{
	ListCell   *lc;

	pgcopy_finding_throw(findings);
	foreach(lc, findings)
	{
		const Finding *finding = lfirst(lc);

		pgcopy_cutover_note(cutover, psprintf("%s%s%s", finding->message,
											  finding->object ? ": " : "",
											  finding->object ? finding->object : ""));
	}
}

static void
throw_lost(const Cutover *cutover, const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("slot \"%s\" on the source is of no more use", cutover->follow->name),
			 errdetail_internal("%s", why),
			 errhint("SELECT pgcopy_resume(" INT64_FORMAT ", consistent => true) reads all tables again.",
					 cutover->leader->job->id)));
}

/* Ask how far the subscription is; the current memory context stays. */
static void
look_at_applied(Cutover *cutover, Applied *applied)
{
	MemoryContext caller = CurrentMemoryContext;

	pgcopy_leader_begin(cutover->leader);
	pgcopy_applied_look(cutover->follow->subscription, applied);
	pgcopy_leader_commit(cutover->leader);
	MemoryContextSwitchTo(caller);
}

/* Measure how far the target is behind, in bytes. */
static int64
measure_lag(Cutover *cutover, Applied *applied)
{
	SlotStatus	slot;

	look_at_applied(cutover, applied);
	pgcopy_slot_look(cutover->session, cutover->follow->name, &slot);
	if (!slot.exists)
		throw_lost(cutover, "It is not there.");
	if (strcmp(slot.wal_status, "lost") == 0)
		throw_lost(cutover, "The source has removed WAL that it needs.");
	return (int64) (slot.source_lsn - Min(Max(applied->ended, slot.confirmed_flush),
										  slot.source_lsn));
}

/* Is the target as good as caught up?  If not, say what is waited for. */
static bool
has_small_lag(Cutover *cutover)
{
	ControlFollow *published = &cutover->leader->control->follow;
	Applied		applied;
	int64		lag = measure_lag(cutover, &applied);

	if (applied.waiting > 0)
		snprintf(cutover->waits_for, sizeof(cutover->waits_for),
				 "%d of %d tables to catch up", applied.waiting, applied.tables);
	else if (applied.pid == 0)
		snprintf(cutover->waits_for, sizeof(cutover->waits_for),
				 "the subscription's worker to run: see the server log");
	else
		snprintf(cutover->waits_for, sizeof(cutover->waits_for),
				 "the target to catch up: %.1f MB", lag / MEGABYTE);
	if (applied.waiting > 0 || applied.pid == 0 ||
		(lag > SMALL_LAG_BYTES && (published->lag_ms < 0 || published->lag_ms > SMALL_LAG_MS)))
		return false;
	pgcopy_cutover_note(cutover, psprintf("the target is %.1f MB behind", lag / MEGABYTE));
	return true;
}

static void
await_small_lag(Cutover *cutover)
{
	pgcopy_cutover_watch_set_deadline(TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
																  cutover->request->max_pause_ms));
	while (!has_small_lag(cutover))
		pgcopy_process_wait(LAG_PAUSE);
	pgcopy_cutover_watch_set_deadline(0);
	cutover->waits_for[0] = '\0';
}

/* What the preparations have added is made good for before the pause begins. */
void
pgcopy_cutover_steps_calm(Cutover *cutover)
{
	TimestampTz begun = GetCurrentTimestamp();
	TimestampTz shrunk = begun;
	int64		least = PG_INT64_MAX;
	int64		lag = PG_INT64_MAX;

	while (lag > CALM_LAG_BYTES)
	{
		TimestampTz now = GetCurrentTimestamp();
		Applied		applied;

		if (TimestampDifferenceExceeds(shrunk, now, CALM_PATIENCE) ||
			TimestampDifferenceExceeds(begun, now, (int) cutover->request->max_pause_ms))
			break;
		if (lag != PG_INT64_MAX)
			pgcopy_process_wait(CALM_PAUSE);
		MemoryContextSwitchTo(cutover->look_context);
		lag = measure_lag(cutover, &applied);
		MemoryContextSwitchTo(cutover->context);
		MemoryContextReset(cutover->look_context);
		if (lag < least)
			shrunk = GetCurrentTimestamp();
		least = Min(least, lag);
	}
	pgcopy_cutover_note(cutover, psprintf("%.1f MB are to arrive in the pause%s", lag / MEGABYTE,
										  lag > CALM_LAG_BYTES ? ": the source writes too fast for less" : ""));
}

/* Throw for DDL on the source, unless the user has said that it does not matter. */
static void
check_changes(Cutover *cutover, const char *changes)
{
	if (changes == NULL)
		return;
	if (cutover->request->ignore_changes)
	{
		pgcopy_cutover_note(cutover, psprintf("ignored: definitions on the source have changed: %s",
											  changes));
		return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("definitions on the source have changed since they were cloned"),
			 errdetail_internal("%s", changes),
			 errhint("Make the same changes here, in a session with SET default_transaction_read_only = off, and add new tables with pgcopy_follow_add().  What is of no matter is accepted by pgcopy_cutover(" INT64_FORMAT ", ignore_changes => true).",
					 cutover->leader->job->id)));
}

/* Throw for tables whose changes are lost: nobody can accept that. */
static void
check_skipped(Cutover *cutover)
{
	char	   *skipped = pgcopy_subscribe_find_skipped(cutover->leader, cutover->session);

	if (skipped != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("changes of some tables do not arrive"),
				 errdetail_internal("%s", skipped),
				 errhint("A partition that is new is followed within a minute; SELECT pgcopy_follow_add(" INT64_FORMAT ", 'schema.table') has an empty table followed now.  What is published no more has missed changes: drop it, or read all tables again with pgcopy_cancel(" INT64_FORMAT ") and pgcopy_resume(" INT64_FORMAT ", consistent => true).",
						 cutover->leader->job->id, cutover->leader->job->id,
						 cutover->leader->job->id)));
}

/*
 * Note what the definitions and what is sent were compared by, before that is done: what
 * changes in between is found by the next look.
 */
static void
note_traces(Cutover *cutover, Trace *trace, List *applied)
{
	cutover->trace = trace;
	cutover->applied = applied;
}

/* The relations that the subscription applies to here: OIDs. */
static List *
list_applied(Cutover *cutover)
{
	List	   *applied;

	pgcopy_leader_begin(cutover->leader);
	MemoryContextSwitchTo(cutover->context);
	applied = pgcopy_subscription_relations(cutover->follow->subscription);
	pgcopy_leader_commit(cutover->leader);
	MemoryContextSwitchTo(cutover->context);
	return applied;
}

static void
throw_unknown(const Cutover *cutover, const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("it is not known whether rows were updated or deleted in tables that are followed by inserts only"),
			 errdetail("The counters of these tables were noted when the clone began; %s.", why),
			 errhint("If you know that they are only inserted into, pgcopy_cutover(" INT64_FORMAT ", ignore_changes => true) accepts it. Else clone again with without_identity => 'copy' or 'set'.",
					 cutover->leader->job->id)));
}

/* Throw for updates of tables that are carried by inserts only. */
static void
check_updates(Cutover *cutover)
{
	char	   *updated;
	char	   *unknown;

	pgcopy_leader_begin(cutover->leader);
	MemoryContextSwitchTo(cutover->context);
	pgcopy_carry_find_updated(cutover->leader, &updated, &unknown);
	pgcopy_leader_commit(cutover->leader);
	MemoryContextSwitchTo(cutover->context);
	if (updated != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("rows were updated or deleted in tables that are followed by inserts only"),
				 errdetail("On the source: %s.", updated),
				 errhint("Clone again with without_identity => 'copy' or 'set'.")));
	if (unknown == NULL)
		return;
	if (!cutover->request->ignore_changes)
		throw_unknown(cutover, unknown);
	pgcopy_cutover_note(cutover,
						psprintf("ignored: updates of tables that are followed by inserts only are not known: %s",
								 unknown));
}

void
pgcopy_cutover_steps_check(Cutover *cutover)
{
	read_relations(cutover);
	if (cutover->follow->lost != NULL)
		throw_lost(cutover, cutover->follow->lost);
	connect_all(cutover);
	cutover->tables = pgcopy_fence_tables(cutover->session, cutover->carried);
	heed(cutover, pgcopy_fence_check(cutover->session, cutover->carried,
									 cutover->request->locks_only));
	if (!cutover->request->locks_only)
		pgcopy_cutover_fence_check(cutover);
	heed(cutover, pgcopy_fence_find_holders(cutover->session));
	check_updates(cutover);
	note_traces(cutover, pgcopy_following_trace(cutover->leader, cutover->session, NULL),
				list_applied(cutover));
	cutover->picture = pgcopy_following_picture(cutover->leader, cutover->session);
	check_changes(cutover, pgcopy_following_find_changes(cutover->leader, cutover->session,
														 cutover->picture));
	check_skipped(cutover);
	await_small_lag(cutover);
}

/* Append what another part has to say, line by line. */
static void
note_lines(Cutover *cutover, char *lines)
{
	char	   *line;

	while ((line = strsep(&lines, "\n")) != NULL)
	{
		if (line[0] != '\0')
			pgcopy_cutover_note(cutover, line);
	}
}

/* Compare the definitions with those of the checks. */
static void
compare_again(Cutover *cutover)
{
	List	   *now = pgcopy_following_picture(cutover->leader, cutover->session);
	char	   *changes = pgcopy_changes_describe(cutover->picture, now, NIL);

	if (changes != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("definitions on the source have changed during the cutover"),
				 errdetail_internal("%s", changes),
				 errhint("Make the same changes here, in a session with SET default_transaction_read_only = off, then call pgcopy_cutover(" INT64_FORMAT ", ignore_changes => true).",
						 cutover->leader->job->id)));
}

/*
 * Compare all again if anything was written to the catalogs since that was done; else
 * there is nothing new to be found, and a look at their traces is enough.
 *
 * Done right before the pause, so that what was changed while the cutover was prepared
 * costs nothing in it, and at the end of it, when no definition changes any more.  The
 * sessions of before the fence are gone, and those that come begin read-only, which
 * refuses DDL.  One that overrides that waits for our SHARE locks to alter a carried table,
 * or to add it to a publication or take it out.  It can still make an index or an object,
 * or drop a publication, but so it could right after a full comparison: nothing on a
 * source prevents that.  With locks alone anybody can: applications are to be stopped.
 */
void
pgcopy_cutover_steps_look_again(Cutover *cutover)
{
	Trace	   *trace = pgcopy_following_trace(cutover->leader, cutover->session,
											   cutover->trace);
	List	   *applied = list_applied(cutover);

	if (strcmp(trace->text, cutover->trace->text) == 0 && equal(applied, cutover->applied))
		return;
	note_traces(cutover, trace, applied);
	compare_again(cutover);
	check_skipped(cutover);
	pgcopy_cutover_note(cutover, "something was written to the source's catalogs: all definitions were compared again");
}

void
pgcopy_cutover_steps_prepare(Cutover *cutover)
{
	StringInfoData lines;

	initStringInfo(&lines);
	pgcopy_carry_before(cutover->leader, &lines);
	if (cutover->request->refresh == CUTOVER_REFRESH_BEFORE)
		pgcopy_cutover_open_refresh(cutover->leader);
	MemoryContextSwitchTo(cutover->context);
	note_lines(cutover, lines.data);
	RequestCheckpoint(CHECKPOINT_IMMEDIATE | CHECKPOINT_FORCE | CHECKPOINT_WAIT);
	pgcopy_cutover_note(cutover, "prepared");
}

void
pgcopy_cutover_steps_mark(Cutover *cutover)
{
	cutover->mark = pgcopy_fence_mark(cutover->session);
	pgcopy_leader_begin(cutover->leader);
	pgcopy_follow_set_cutover(cutover->leader->job->id, cutover->mark);
	pgcopy_leader_commit(cutover->leader);
	MemoryContextSwitchTo(cutover->context);
	pgcopy_cutover_note(cutover, psprintf("the mark is at %X/%X", LSN_FORMAT_ARGS(cutover->mark)));
}

/* Is all before the mark here? */
static bool
is_mark_here(Cutover *cutover, int look)
{
	Applied		applied;
	SlotStatus	slot;

	look_at_applied(cutover, &applied);
	snprintf(cutover->waits_for, sizeof(cutover->waits_for),
			 "the target to arrive at %X/%X: it is at %X/%X%s",
			 LSN_FORMAT_ARGS(cutover->mark), LSN_FORMAT_ARGS(applied.ended),
			 applied.pid == 0 ? ", and the subscription's worker does not run" : "");
	if (applied.ended >= cutover->mark)
		return true;
	if (look % LOOKS_PER_SLOT != LOOKS_PER_SLOT - 1)
		return false;
	pgcopy_slot_look(cutover->session, cutover->follow->name, &slot);
	return slot.exists && slot.confirmed_flush >= cutover->mark;
}

void
pgcopy_cutover_steps_await(Cutover *cutover)
{
	long		pause = FIRST_MARK_PAUSE;

	for (int look = 0;; look++)
	{
		bool		is_here;

		MemoryContextSwitchTo(cutover->look_context);
		is_here = is_mark_here(cutover, look);
		MemoryContextSwitchTo(cutover->context);
		MemoryContextReset(cutover->look_context);
		if (is_here)
			break;
		pgcopy_process_wait(pause);
		if (look >= 100)
			pause = LAST_MARK_PAUSE;
	}
	cutover->waits_for[0] = '\0';
	pgcopy_cutover_note(cutover, "all before the mark is here");
}

/* Throw if a table was added since the checks: it is not locked. */
static void
check_relations(Cutover *cutover)
{
	const char *before = cutover->carried;

	read_relations(cutover);
	if (strcmp(before, cutover->carried) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("a table was added to the job during the cutover"),
				 errhint("Call pgcopy_cutover(" INT64_FORMAT ") again.",
						 cutover->leader->job->id)));
}

void
pgcopy_cutover_steps_copy_again(Cutover *cutover)
{
	StringInfoData lines;

	initStringInfo(&lines);
	snprintf(cutover->waits_for, sizeof(cutover->waits_for),
			 "what the stream does not carry to be copied again");
	pgcopy_carry_again(cutover->leader, &lines);
	if (cutover->request->refresh == CUTOVER_REFRESH_INSIDE)
		pgcopy_cutover_open_refresh(cutover->leader);
	MemoryContextSwitchTo(cutover->context);
	note_lines(cutover, lines.data);
	check_updates(cutover);
	check_relations(cutover);
	pgcopy_cutover_steps_look_again(cutover);
	cutover->waits_for[0] = '\0';
	pgcopy_cutover_note(cutover, "copied again what the stream does not carry");
}
