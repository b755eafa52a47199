/*-------------------------------------------------------------------------
 *
 * rejoin.c
 *	  Finding the snapshot again when a session that held it is lost.
 *
 * Every session that imports the snapshot exports it again, under a name of
 * its own, which stands in shared memory.  So the snapshot lives as long as
 * any of them does: a worker takes it from any other process, and the leader,
 * whose session has the locks, takes it from any worker.  While nobody held
 * the locks somebody may have changed a table; that is looked for again.
 *
 * Where the source itself is away the leader waits for it (outage.c).  A server
 * that has restarted knows no snapshot any more, but one that only has lost the
 * leader's session does.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "base/retry.h"
#include "base/settings.h"
#include "catalog/job.h"
#include "run/outage.h"
#include "run/rejoin.h"
#include "source/inventory.h"
#include "source/snapshot.h"

/* How long to wait for an answer before something else is done, ms. */
#define ANSWER_TIME 100

char *
pgcopy_rejoin_snapshot(SourceSession *session, Control *control,
					   const char *content)
{
	List	   *names = pgcopy_control_snapshots(control);
	ListCell   *lc;

	foreach(lc, names)
	{
		char	   *name = pgcopy_snapshot_try_import(session, lfirst(lc), content);

		if (name != NULL)
			return name;
	}
	return NULL;
}

void
pgcopy_leader_hold_snapshot(Leader *leader, const char *name)
{
	List	   *relations = pgcopy_inventory_relations(leader->session);
	char	   *what = "a table was dropped";

	leader->has_snapshot = true;
	if (!pgcopy_snapshot_lock_all(leader->session, relations) ||
		!pgcopy_snapshot_still_true(leader->session, &what))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the source has changed since job " INT64_FORMAT " was planned",
						leader->job->id),
				 errdetail("While nobody held its locks: %s.", what),
				 errhint("Clone again, into an empty database.")));
	pgcopy_control_set_snapshot(leader->control, NULL, name);
	pgcopy_job_snapshot_rename(leader->job->id, leader->control->snapshot_no, name);
}

/*
 * The source has been asked and has not answered, for longer than it would be
 * waited for if it were away.  Its kernel may well be alive: no timeout of TCP
 * sees that.
 */
static void
check_silence(Leader *leader)
{
	TimestampTz now = GetCurrentTimestamp();
	int			silent = (int) ((now - leader->asked) / USECS_PER_SEC);
	char		message[CONTROL_MESSAGE_LENGTH];

	if (silent >= Max(pgcopy_setting_source_retry_timeout, SILENCE_NOTED))
		ereport(ERROR,
				(errcode(ERRCODE_CONNECTION_FAILURE),
				 errmsg("the source has not answered for %d s", silent),
				 errhint("See whether its server hangs.")));
	if (silent < SILENCE_NOTED)
		return;
	snprintf(message, sizeof(message),
			 "the source has not answered for %d s: see whether it hangs", silent);
	pgcopy_progress_set_message(leader->progress, message);
}

static void
ask_session(Leader *leader)
{
	if (leader->asked == 0)
	{
		pgcopy_session_ask(leader->session);
		leader->asked = GetCurrentTimestamp();
	}
	if (pgcopy_session_has_answered(leader->session, ANSWER_TIME))
		leader->asked = 0;
	else
		check_silence(leader);
}

/*
 * Ask the leader's session whether it is there; it may take until a later call
 * to answer.  Returns why it is lost, in the leader's context, NULL when that is
 * not known.
 */
static ErrorData *
try_ask_session(Leader *leader)
{
	ErrorData  *volatile error = NULL;

	MemoryContextSwitchTo(leader->work_context);
	PG_TRY();
	{
		ask_session(leader);
	}
	PG_CATCH();
	{
		if (pgcopy_process_is_cancelled() ||
			(pgcopy_session_is_alive(leader->session) &&
			 !pgcopy_retry_is_loss(geterrcode())))
			PG_RE_THROW();
		MemoryContextSwitchTo(leader->context);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(leader->context);
	return error;
}

static void
lose_session(Leader *leader, ErrorData *error)
{
	pgcopy_leader_close_session(leader);
	pgcopy_control_set_snapshot(leader->control, NULL, "");
	leader->lacks_session = true;
	pgcopy_leader_record(leader, 0, false, error);
	FreeErrorData(error);
}

/*
 * Have a session again, with the old snapshot where one is needed.  Returns why
 * there is none, in the leader's context, NULL when there is.
 */
static ErrorData *
reach_source(Leader *leader, bool *has_snapshot)
{
	ErrorData  *volatile error = NULL;
	char	   *name;

	PG_TRY();
	{
		pgcopy_leader_begin(leader);
		(void) pgcopy_leader_open_session(leader);
		name = !leader->lacks_session ? NULL :
			pgcopy_rejoin_snapshot(leader->session, leader->control,
								   leader->snapshot_content);
		if (name != NULL)
			pgcopy_leader_hold_snapshot(leader, name);
		pgcopy_leader_commit(leader);
		*has_snapshot = name != NULL;
	}
	PG_CATCH();
	{
		if (pgcopy_process_is_cancelled())
			PG_RE_THROW();
		error = pgcopy_leader_catch(leader);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(leader->context);
	if (error != NULL || !*has_snapshot)
		pgcopy_leader_close_session(leader);
	return error;
}

SourceState
pgcopy_leader_look_at_source(Leader *leader)
{
	ErrorData  *error = NULL;
	bool		has_snapshot = false;
	bool		lacked_session;

	leader->doubts_source = false;
	if (leader->has_snapshot)
	{
		error = try_ask_session(leader);
		if (error == NULL)
			return SOURCE_IS_THERE;
		lose_session(leader, error);
	}
	error = reach_source(leader, &has_snapshot);
	if (error != NULL)
	{
		pgcopy_outage_note(leader, error);
		FreeErrorData(error);
		return SOURCE_IS_AWAY;
	}
	lacked_session = leader->lacks_session;
	leader->lacks_session = false;
	return lacked_session && !has_snapshot ? SNAPSHOT_IS_GONE : SOURCE_IS_THERE;
}
