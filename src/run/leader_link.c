/*-------------------------------------------------------------------------
 *
 * leader_link.c
 *	  The leader as owner of its link to the source.
 *
 * Workers find what they need in shared memory: the source's address, and the
 * snapshot's name in the leader's session.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"

#include "catalog/job.h"
#include "run/follow.h"
#include "run/leader.h"
#include "run/work.h"

static void
set_address(void *arg, const SourceAddress *address)
{
	Leader	   *leader = arg;

	pgcopy_control_set_source(leader->control, address);
}

static void
tell(void *arg, const char *message)
{
	Leader	   *leader = arg;

	pgcopy_progress_set_message(leader->progress, message);
}

static void
set_snapshot(void *arg, const char *name)
{
	Leader	   *leader = arg;

	pgcopy_control_set_snapshot(leader->control, NULL, name ? name : "");
	if (name != NULL)
		pgcopy_job_snapshot_rename(leader->job->id, leader->control->snapshot_no,
								   name);
}

static List *
get_snapshots(void *arg)
{
	Leader	   *leader = arg;

	return pgcopy_control_snapshots(leader->control);
}

static void
report_changed(void *arg, const char *what)
{
	Leader	   *leader = arg;

	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the source has changed since job " INT64_FORMAT " was planned",
					leader->job->id),
			 errdetail("While no session held its locks: %s.", what),
			 errhint("Clone again, into an empty database.")));
}

static void
record(void *arg, const ErrorData *error)
{
	Leader	   *leader = arg;

	pgcopy_work_record_error(leader->job->id, 0, false, error);
}

static void
begin(void *arg)
{
	pgcopy_leader_begin(arg);
}

static void
commit(void *arg)
{
	pgcopy_leader_commit(arg);
}

static void
abort_transaction(void *arg)
{
	pgcopy_leader_abort(arg);
}

void
pgcopy_leader_link_create(Leader *leader)
{
	int64		job = leader->job->id;
	LinkOwner	owner = {
		.conninfo = leader->job->conninfo,
		.role = leader->args.owner,
		.name = psprintf("pgcopy job " INT64_FORMAT " leader", job),
		.look_name = psprintf("pgcopy job " INT64_FORMAT " look", job),
		.arg = leader,
		.set_address = set_address,
		.tell = tell,
		.is_cancelled = pgcopy_process_is_cancelled,
		.set_snapshot = set_snapshot,
		.get_snapshots = get_snapshots,
		.choose = pgcopy_chosen_under_snapshot,
		.give_snapshot = pgcopy_leader_follows(leader) ?
		pgcopy_handover_give_snapshot : NULL,
		.report_changed = report_changed,
		.record = record,
		.begin = begin,
		.commit = commit,
		.abort = abort_transaction,
		.wait = pgcopy_process_wait
	};

	leader->link = pgcopy_link_create(&owner);
}

void
pgcopy_leader_link_keep_snapshot(Leader *leader, const char *name)
{
	const char *content = pgcopy_link_keep_snapshot(leader->link);

	pgcopy_control_set_snapshot(leader->control, NULL, name);
	leader->control->snapshot_no = pgcopy_job_snapshot_insert(leader->job->id,
															  name, content);
	if (pgcopy_leader_follows(leader))
		pgcopy_handover_keep_position(leader);
}
