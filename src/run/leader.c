/*-------------------------------------------------------------------------
 *
 * leader.c
 *	  Transactions, errors and progress for the leader's files.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "pgstat.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "run/leader.h"
#include "run/work.h"

/* How long readers of a table here may hold up what cannot wait. */
#define LOCK_WAIT "2s"

/* Write the totals to the job's row this often. */
#define STORE_INTERVAL (10 * USECS_PER_SEC)

void
pgcopy_leader_begin(Leader *leader)
{
	pgcopy_process_begin_transaction();
	MemoryContextSwitchTo(leader->work_context);
}

void
pgcopy_leader_commit(Leader *leader)
{
	pgcopy_process_end_transaction();
	pgstat_report_stat(false);
	MemoryContextSwitchTo(leader->context);
	MemoryContextReset(leader->work_context);
}

void
pgcopy_leader_abort(Leader *leader)
{
	AbortCurrentTransaction();
	MemoryContextSwitchTo(leader->context);
	MemoryContextReset(leader->work_context);
}

void
pgcopy_leader_commit_so_far(Leader *leader)
{
	MemoryContext caller = CurrentMemoryContext;

	ForceSyncCommit();
	pgcopy_process_end_transaction();
	pgcopy_process_begin_transaction();
	MemoryContextSwitchTo(caller);
}

ItemState
pgcopy_leader_read_state(Leader *leader, int no)
{
	JobItem	   *item;
	ItemState	state;

	pgcopy_leader_begin(leader);
	item = pgcopy_item_fetch(leader->job->id, no);
	state = item->state;
	pgcopy_leader_commit(leader);
	return state;
}

void
pgcopy_leader_limit_lock_wait(void)
{
	(void) set_config_option("lock_timeout", LOCK_WAIT, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
}

ErrorData *
pgcopy_leader_catch(Leader *leader)
{
	ErrorData  *error;

	if (pgcopy_process_is_cancelled())
		PG_RE_THROW();
	MemoryContextSwitchTo(leader->context);
	error = CopyErrorData();
	FlushErrorState();
	pgcopy_leader_abort(leader);
	return error;
}

void
pgcopy_leader_publish(Leader *leader)
{
	TimestampTz now = GetCurrentTimestamp();

	pgcopy_progress_publish(leader->progress);
	if (IsTransactionState() || now - leader->totals_stored < STORE_INTERVAL)
		return;
	leader->totals_stored = now;
	pgcopy_leader_begin(leader);
	pgcopy_progress_store(leader->progress);
	pgcopy_leader_commit(leader);
}

/* Let VACUUM remove what a failed item has left: dead rows by now. */
static void
vacuum_failed(Leader *leader, int no)
{
	JobItem    *item;

	pgcopy_leader_begin(leader);
	MemoryContextSwitchTo(leader->context);
	item = pgcopy_item_fetch(leader->job->id, no);
	pgcopy_leader_commit(leader);
	MemoryContextSwitchTo(leader->work_context);
	pgcopy_work_vacuum_failed(leader->job, item);
	MemoryContextSwitchTo(leader->context);
	MemoryContextReset(leader->work_context);
}

void
pgcopy_leader_give_up(Leader *leader, int no)
{
	List	   *skipped = pgcopy_queue_fail(leader->queue, no);
	ListCell   *lc;

	pgcopy_leader_begin(leader);
	pgcopy_item_mark(leader->job->id, no, ITEM_FAILED);
	pgcopy_error_mark_final(leader->job->id, no);
	if (leader->job->options.on_error == ON_ERROR_CONTINUE)
	{
		foreach(lc, skipped)
			pgcopy_item_mark(leader->job->id, lfirst_int(lc), ITEM_SKIPPED);
		pgcopy_work_clean_up(leader->job,
							 pgcopy_item_fetch(leader->job->id, no));
	}
	pgcopy_leader_commit(leader);
	list_free(skipped);
	if (leader->job->options.on_error == ON_ERROR_STOP)
	{
		leader->error_is_recorded = true;
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("job " INT64_FORMAT " stops at its first error",
						leader->job->id)));
	}
	vacuum_failed(leader, no);
}
