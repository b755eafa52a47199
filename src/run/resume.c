/*-------------------------------------------------------------------------
 *
 * resume.c
 *	  Resume a job where it stopped.
 *
 * What is done stays done: an item was marked in the transaction that did it.
 * The rest is pending again.  Which snapshot to read under:
 *
 *	no table is left to read			none
 *	no table has been read				a new one
 *	some have, and it still exists		the old one
 *	some have, and it is gone			a new one; consistent => false keeps
 *										what was read, true reads all again
 *
 * Rows of a job that follows may be of several snapshots, since the stream goes on
 * from each one's position: it never asks.  It needs its slot instead; without that,
 * only consistent => true helps, which begins a new stream.
 *
 * Under a new snapshot the source must still match the plan; this is checked
 * before anything changes.  Chunks are ranges of blocks, exact within one
 * snapshot only, so a table whose chunks would be of two starts over whole.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "catalog/job.h"
#include "catalog/survey.h"
#include "plan/plan.h"
#include "run/follow.h"
#include "run/resume.h"
#include "schema/dump.h"
#include "source/snapshot.h"

/* Must the rest be read under the old snapshot? */
static bool
needs_old_snapshot(const Survey *survey)
{
	return survey->copies_done > 0 && survey->copies_left > 0;
}

/* Append "3 large objects have been read. ", or nothing. */
static void
append_count(StringInfo text, int64 count, const char *what, const char *how)
{
	if (count > 0)
		appendStringInfo(text, INT64_FORMAT " %s%s %s been read%s. ", count, what,
						 count == 1 ? "" : "s", count == 1 ? "has" : "have", how);
}

/* Describe what was read beside whole tables, in sentences. */
static char *
describe_rest(const Survey *survey)
{
	StringInfoData text;

	initStringInfo(&text);
	append_count(&text, survey->tables_begun, "more table", " in part");
	append_count(&text, survey->large_objects_read, "large object", "");
	return text.data;
}

static void report_gone(int64 job, const Survey *survey) pg_attribute_noreturn();

static void
report_gone(int64 job, const Survey *survey)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("job " INT64_FORMAT ": %d of %d tables were read under a snapshot that is gone",
					job, survey->tables_read, survey->tables),
			 errdetail("%sThe rest would be read as the source is now.",
					   describe_rest(survey)),
			 errhint("SELECT pgcopy_resume(" INT64_FORMAT ", consistent => false) keeps what is here and reads the rest under a new snapshot; "
					 "SELECT pgcopy_resume(" INT64_FORMAT ", consistent => true) reads all tables again.",
					 job, job)));
}

/* Is the old snapshot known? */
static bool
has_old_snapshot(const Survey *survey)
{
	return survey->snapshot_name != NULL && survey->snapshot_content != NULL;
}

void
pgcopy_resume_check(const Job *job, ResumeChoice choice)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pgcopy resume check",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	Survey		survey;

	pgcopy_survey_fetch(job->id, &survey);
	if (choice == RESUME_UNSAID && needs_old_snapshot(&survey) &&
		pgcopy_follow_fetch(job->id) == NULL)
	{
		SourceConninfo *conninfo = pgcopy_conninfo_resolve(job->conninfo,
														   job->owner);
		SourceSession *session = pgcopy_session_open(conninfo, "pgcopy_resume");

		if (!has_old_snapshot(&survey) ||
			pgcopy_snapshot_try_import(session, survey.snapshot_name,
									   survey.snapshot_content) == NULL)
			report_gone(job->id, &survey);
		pgcopy_session_close(session);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}

/* Survey the job, into the leader's own context. */
static void
survey_job(Leader *leader, Survey *survey)
{
	pgcopy_leader_begin(leader);
	MemoryContextSwitchTo(leader->context);
	pgcopy_survey_fetch(leader->job->id, survey);
	pgcopy_leader_commit(leader);
}

/*
 * Throw if tables that the job created are gone: others may bear their names
 * now.
 */
static void
check_targets(Leader *leader)
{
	List	   *gone = pgcopy_survey_gone(leader->job->id);

	if (gone == NIL)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("job " INT64_FORMAT " cannot be resumed: %d tables that it created here are gone",
					leader->job->id, list_length(gone)),
			 errdetail("The first is %s.", (char *) linitial(gone)),
			 errhint("Clone again, into an empty database.")));
}

/*
 * Unlogged tables, which a crash of the server empties while their items stay done: to
 * be read again.  Not once the job follows: the cutover copies them.
 */
static List *
find_emptied(Leader *leader)
{
	Follow	   *follow = pgcopy_follow_fetch(leader->job->id);

	if (follow != NULL && OidIsValid(follow->subscription))
		return NIL;
	MemoryContextSwitchTo(leader->context);
	return pgcopy_survey_emptied(leader->job->id);
}

/* Make pending what is not done, or not any more. */
static void
reopen_items(Leader *leader)
{
	List	   *emptied;

	pgcopy_leader_begin(leader);
	check_targets(leader);
	pgcopy_survey_reopen(leader->job->id);
	emptied = find_emptied(leader);
	pgcopy_leader_commit(leader);
	pgcopy_reset_tables(leader, emptied);
	list_free(emptied);
	pgcopy_largeobjects_remove(leader);
}

/* LinkAttempt: import the old snapshot. */
static LinkOutcome
try_old_snapshot(void *arg, char **what)
{
	Leader	   *leader = arg;
	Survey		survey;

	pgcopy_survey_fetch(leader->job->id, &survey);
	pgcopy_link_open(leader->link);
	if (!has_old_snapshot(&survey))
		return ATTEMPT_GONE;
	leader->control->snapshot_no = survey.snapshot_no;
	if (!pgcopy_link_import_snapshot(leader->link, survey.snapshot_name,
									 survey.snapshot_content,
									 pgcopy_chosen_planned(leader)))
		return ATTEMPT_GONE;
	return ATTEMPT_DONE;
}

/*
 * Take a snapshot of a source that is as it was planned.  Returns NULL, with *what, if
 * it changes meanwhile.
 */
static char *
take_unchanged(Leader *leader, char **what)
{
	List	   *relations;
	List	   *statements;
	List	   *not_mapped;		/* was told when the job was planned */
	char	   *snapshot;

	pgcopy_link_open(leader->link);
	snapshot = pgcopy_link_take_snapshot(leader->link, pgcopy_chosen_make(leader),
										 &relations, what);
	pgcopy_handover_release(leader);
	if (snapshot == NULL)
		return NULL;
	statements = pgcopy_planning_read_dump(leader, snapshot, relations, false);
	if (!pgcopy_link_still_true(leader->link, what))
		return NULL;
	statements = pgcopy_map_statements(statements, &leader->job->options, &not_mapped);
	pgcopy_drift_check(leader->job->id, relations, statements);
	return snapshot;
}

/* Read from now on under a snapshot that was taken. */
static void
keep_new_snapshot(Leader *leader, const char *snapshot)
{
	pgcopy_job_snapshot_mark_released(leader->job->id);
	pgcopy_leader_link_keep_snapshot(leader, snapshot);
}

/*
 * LinkAttempt: take a new snapshot, and plan large objects again in the same
 * transaction.
 */
static LinkOutcome
try_new_snapshot(void *arg, char **what)
{
	Leader	   *leader = arg;
	char	   *snapshot = take_unchanged(leader, what);

	if (snapshot == NULL)
		return ATTEMPT_CHANGED;
	if (leader->args.choice == RESUME_CONSISTENT)
		pgcopy_survey_reopen_large_objects(leader->job->id);
	pgcopy_largeobjects_plan_again(leader);
	keep_new_snapshot(leader, snapshot);
	return ATTEMPT_DONE;
}

/* LinkAttempt: the same once all large objects are here, or were given up. */
static LinkOutcome
try_next_snapshot(void *arg, char **what)
{
	Leader	   *leader = arg;
	char	   *snapshot = take_unchanged(leader, what);

	if (snapshot == NULL)
		return ATTEMPT_CHANGED;
	keep_new_snapshot(leader, snapshot);
	return ATTEMPT_DONE;
}

/* Reset tables whose chunks would be of two snapshots. */
static void
reset_split_tables(Leader *leader)
{
	List	   *split;

	pgcopy_leader_begin(leader);
	MemoryContextSwitchTo(leader->context);
	split = pgcopy_survey_split_by(leader->job->id, leader->control->snapshot_no);
	pgcopy_leader_commit(leader);
	pgcopy_reset_tables(leader, split);
	list_free(split);
}

/* Take a new snapshot; read all again under it, or what remains. */
static void
read_anew(Leader *leader, bool reads_all)
{
	(void) pgcopy_link_read(leader->link, try_new_snapshot, leader);
	if (reads_all)
		pgcopy_reset_all(leader);
	reset_split_tables(leader);
}

/* Is the target open, or at least every table handed over to the subscription? */
static bool
is_handed_over(Leader *leader, bool *is_open)
{
	Follow	   *follow;
	bool		result;

	pgcopy_leader_begin(leader);
	follow = pgcopy_follow_fetch(leader->job->id);
	*is_open = follow->is_open;
	result = OidIsValid(follow->subscription);
	pgcopy_leader_commit(leader);
	return result;
}

/* A crash may have come between a new stream and the reset of what was read before. */
static bool
has_old_rows(Leader *leader)
{
	bool		result;

	pgcopy_leader_begin(leader);
	result = pgcopy_follow_has_old_rows(leader->job->id);
	pgcopy_leader_commit(leader);
	return result;
}

/* LinkAttempt: wait until the source is there. */
static LinkOutcome
try_reach_source(void *arg, char **what)
{
	pgcopy_link_open(((Leader *) arg)->link);
	return ATTEMPT_DONE;
}

/*
 * Lift the fence of a cutover that a crash has interrupted, before anything else: what
 * follows can fail, or last for hours, while the source takes no writes.
 */
static void
undo_cutover(Leader *leader)
{
	Follow	   *follow;
	bool		is_fenced;

	pgcopy_leader_begin(leader);
	follow = pgcopy_follow_fetch(leader->job->id);
	is_fenced = follow->is_fenced && !follow->is_open;
	pgcopy_leader_commit(leader);
	if (!is_fenced)
		return;
	(void) pgcopy_link_read(leader->link, try_reach_source, leader);
	pgcopy_link_close(leader->link);
	pgcopy_cutover_undo(leader);
}

/* Go on with a job that follows. */
static void
resume_following(Leader *leader, const Survey *survey)
{
	bool		is_open;
	bool		is_handed = is_handed_over(leader, &is_open);

	if (is_open)
		return;
	undo_cutover(leader);
	if (leader->args.choice == RESUME_CONSISTENT)
	{
		pgcopy_handover_start_over(leader);
		read_anew(leader, survey->copies_done > 0);
		return;
	}
	pgcopy_handover_check_slot(leader);
	if (has_old_rows(leader))
		read_anew(leader, true);
	else if (!is_handed && survey->copies_left > 0 &&
			 pgcopy_link_read(leader->link, try_old_snapshot, leader) != ATTEMPT_DONE)
		read_anew(leader, false);
}

bool
pgcopy_resume_run(Leader *leader)
{
	ResumeChoice choice = leader->args.choice;
	Survey		survey;
	bool		is_mixed;

	Assert(!IsTransactionState());
	/* even if nothing is planned: an error may have ended planning */
	reopen_items(leader);
	survey_job(leader, &survey);
	if (survey.items == 0)
		return false;
	if (pgcopy_leader_follows(leader))
	{
		resume_following(leader, &survey);
		return true;
	}

	is_mixed = choice == RESUME_CONSISTENT && survey.snapshots > 1;
	if (!is_mixed && survey.copies_left == 0)
		return true;
	if (!is_mixed && needs_old_snapshot(&survey))
	{
		if (pgcopy_link_read(leader->link, try_old_snapshot,
							 leader) == ATTEMPT_DONE)
			return true;
		if (choice == RESUME_UNSAID)
			report_gone(leader->job->id, &survey);
	}
	read_anew(leader, choice == RESUME_CONSISTENT && survey.copies_done > 0);
	return true;
}

/* Have some chunks of a table been read, and others not? */
static bool
has_table_in_part(Leader *leader)
{
	Survey		survey;

	survey_job(leader, &survey);
	return survey.tables_begun > 0;
}

bool
pgcopy_resume_next_snapshot(Leader *leader)
{
	if (has_table_in_part(leader))
		return false;
	pgcopy_link_close(leader->link);
	(void) pgcopy_link_read(leader->link, try_next_snapshot, leader);
	return true;
}

void
pgcopy_resume_under_new_snapshot(Leader *leader)
{
	pgcopy_link_close(leader->link);
	reopen_items(leader);
	read_anew(leader, false);
}
