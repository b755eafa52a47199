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
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "catalog/error.h"
#include "run/rejoin.h"
#include "source/inventory.h"
#include "source/snapshot.h"

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
	pgcopy_snapshot_rename(leader->job->id, leader->control->snapshot_no, name);
}

/* Have a new session with the old snapshot; false when nobody holds it. */
static bool
replace_session(Leader *leader, const ErrorData *error)
{
	char	   *name;

	pgcopy_leader_close_session(leader);
	pgcopy_control_set_snapshot(leader->control, NULL, "");
	pgcopy_leader_begin(leader);
	pgcopy_error_insert(leader->job->id, 0, false, error, NULL, NULL);
	(void) pgcopy_leader_open_session(leader);
	name = pgcopy_rejoin_snapshot(leader->session, leader->control,
								  leader->snapshot_content);
	if (name != NULL)
		pgcopy_leader_hold_snapshot(leader, name);
	pgcopy_leader_commit(leader);
	return name != NULL;
}

static bool
is_loss(const Leader *leader, int sqlerrcode)
{
	return !pgcopy_session_is_alive(leader->session) ||
		ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_CONNECTION_EXCEPTION ||
		sqlerrcode == ERRCODE_ADMIN_SHUTDOWN ||
		sqlerrcode == ERRCODE_CRASH_SHUTDOWN ||
		sqlerrcode == ERRCODE_IDLE_IN_TRANSACTION_SESSION_TIMEOUT;
}

void
pgcopy_leader_check_session(Leader *leader)
{
	ErrorData  *volatile error = NULL;

	MemoryContextSwitchTo(leader->work_context);
	PG_TRY();
	{
		pgcopy_session_exec(leader->session, "SELECT 1");
	}
	PG_CATCH();
	{
		if (pgcopy_process_is_cancelled() ||
			!is_loss(leader, geterrcode()))
			PG_RE_THROW();
		MemoryContextSwitchTo(leader->context);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(leader->context);
	if (error == NULL)
		return;
	if (!replace_session(leader, error))
		ReThrowError(error);
	FreeErrorData(error);
}
