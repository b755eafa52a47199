/*-------------------------------------------------------------------------
 *
 * worker.c
 *	  A worker: does the items its leader hands out.
 *
 * All workers are alike.  One waits on its latch until its slot is BUSY, does
 * the items of the assignment in one transaction, and reports.  "running" is
 * committed before the work; "done" commits with it.
 *
 * An ERROR rolls the whole assignment back, is recorded, and the worker goes
 * on; what ends the process (FATAL, a crash) is noticed by the leader.
 *
 * The session to the source is opened when the first item needs it and kept.
 * Its transaction, which holds the snapshot, is open from one copy item to
 * the next, but never while something else is done here: the snapshot holds
 * back VACUUM on the source.  It is begun anew every hundred tables, so that
 * the locks it gathers stay few.
 *
 * Relation caches are never evicted, so a worker that has seen some thousands
 * of relations asks to leave, and the leader starts another one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "catalog/error.h"
#include "base/retry.h"
#include "run/control.h"
#include "run/process.h"
#include "run/rejoin.h"
#include "run/work.h"
#include "schema/apply.h"
#include "source/snapshot.h"

/* Tables whose locks one transaction on the source may gather. */
#define TABLES_PER_TRANSACTION 100

/* Relations after which a worker leaves. */
#define RELATIONS_PER_WORKER 5000

typedef struct Worker
{
	ProcessArgs args;
	Job		   *job;
	Control    *control;
	ControlSlot *slot;

	MemoryContext job_context;	/* as long as the process */
	MemoryContext session_context;	/* reset: the session is closed */
	MemoryContext item_context; /* reset after each assignment */

	SourceConninfo *conninfo;	/* in session_context */
	SourceSession *session;
	bool		has_snapshot;	/* its transaction is open */
	int			tables_in_transaction;
	int			relations_seen;

	int			current;		/* index into slot->items */
} Worker;

/* Tell what we do where people look: pg_stat_activity and error contexts. */
static void
add_error_context(void *arg)
{
	Worker	   *worker = arg;

	errcontext("pgcopy job " INT64_FORMAT ", item %d", worker->args.job,
			   worker->slot->items[worker->current]);
}

static void
open_session(Worker *worker)
{
	MemoryContext caller = MemoryContextSwitchTo(worker->session_context);

	worker->conninfo = pgcopy_conninfo_resolve(worker->job->conninfo,
											   worker->args.owner);
	worker->session =
		pgcopy_session_open(worker->conninfo,
							psprintf("pgcopy job " INT64_FORMAT " worker %d",
									 worker->args.job, worker->args.slot));
	MemoryContextSwitchTo(caller);
}

/* The session's state is unknown after an error: the next item gets a new one. */
static void
drop_session(Worker *worker)
{
	worker->session = NULL;
	worker->has_snapshot = false;
	worker->tables_in_transaction = 0;
	pgcopy_control_set_snapshot(worker->control, worker->slot, "");
	MemoryContextReset(worker->session_context);
}

static void
release_snapshot(Worker *worker)
{
	if (!worker->has_snapshot)
		return;
	worker->has_snapshot = false;
	worker->tables_in_transaction = 0;
	pgcopy_control_set_snapshot(worker->control, worker->slot, "");
	pgcopy_snapshot_release(worker->session);
}

/*
 * Begin a transaction with the job's snapshot, and tell under which name: when
 * the leader's session is lost this is where it comes from.
 */
static void
take_snapshot(Worker *worker)
{
	char	   *content = pgcopy_snapshot_fetch_content(worker->args.job,
													worker->control->snapshot_no);
	char	   *name = pgcopy_rejoin_snapshot(worker->session, worker->control,
											  content);

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CONNECTION_DOES_NOT_EXIST),
				 errmsg("the snapshot of the job is gone on the source"),
				 errdetail("The sessions that held it were lost."),
				 errhint("SELECT pgcopy_resume(" INT64_FORMAT ") says how the job can go on.",
						 worker->args.job)));
	worker->has_snapshot = true;
	pgcopy_control_set_snapshot(worker->control, worker->slot, name);
}

/* Have a session, inside a transaction with the job's snapshot or outside. */
static void
prepare_source(Worker *worker, const JobItem *item)
{
	bool		needs_snapshot = pgcopy_work_needs_snapshot(item->kind);

	if (!needs_snapshot && !pgcopy_work_needs_source(item->kind))
		return;
	if (worker->session != NULL && !pgcopy_session_is_alive(worker->session))
		drop_session(worker);
	if (worker->session == NULL)
		open_session(worker);
	if (worker->tables_in_transaction >= TABLES_PER_TRANSACTION)
		release_snapshot(worker);
	if (needs_snapshot && !worker->has_snapshot)
		take_snapshot(worker);
	worker->tables_in_transaction++;
}

/* LoadProgress: publish how far the current item is. */
static void
publish_progress(void *arg, int64 rows, int64 bytes)
{
	Worker	   *worker = arg;

	pg_atomic_write_u64(&worker->slot->rows, rows);
	pg_atomic_write_u64(&worker->slot->bytes, bytes);
}

static void
begin_item(Worker *worker, const JobItem *item)
{
	ControlSlot *slot = worker->slot;

	SetCurrentStatementStartTimestamp();
	pg_atomic_write_u64(&slot->rows, 0);
	pg_atomic_write_u64(&slot->bytes, 0);
	pg_atomic_write_u32(&slot->item, item->no);
	pgstat_report_activity(STATE_RUNNING,
						   psprintf("pgcopy job " INT64_FORMAT ": %s",
									worker->args.job,
									pgcopy_work_describe(item)));
}

static void
begin_transaction(void)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
}

static void
end_transaction(void)
{
	if (ActiveSnapshotSet())
		PopActiveSnapshot();
	CommitTransactionCommand();
}

/* "running" is committed before the work. */
static List *
mark_all_running(Worker *worker)
{
	List	   *items = NIL;

	begin_transaction();
	for (int i = 0; i < worker->slot->nitems; i++)
	{
		JobItem	   *item;
		MemoryContext caller;

		worker->current = i;
		caller = MemoryContextSwitchTo(worker->item_context);
		item = pgcopy_item_fetch(worker->args.job, worker->slot->items[i]);
		items = lappend(items, item);
		MemoryContextSwitchTo(caller);
		pgcopy_item_mark_running(worker->args.job, item->no,
								 pgcopy_work_needs_snapshot(item->kind) ?
								 worker->control->snapshot_no : 0);
		item->attempts++;
	}
	end_transaction();
	return items;
}

static void
report(Worker *worker, Outcome outcome, int sqlerrcode)
{
	ControlSlot *slot = worker->slot;

	SpinLockAcquire(&worker->control->mutex);
	slot->outcome = outcome;
	slot->failed = worker->current;
	slot->sqlerrcode = sqlerrcode;
	slot->wants_to_leave = worker->relations_seen >= RELATIONS_PER_WORKER;
	slot->state = SLOT_REPORTED;
	SpinLockRelease(&worker->control->mutex);
	pgcopy_control_wake_leader(worker->control);
}

static void
set_locally(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
}

static void
limit_build(BuildShare share)
{
	set_locally("max_parallel_maintenance_workers",
				psprintf("%d", Min(share.parallel_workers,
								   max_parallel_maintenance_workers)));
	if (share.memory > 0)
		set_locally("maintenance_work_mem", psprintf("%dkB", share.memory));
}

/* The items, all in one transaction. */
static Outcome
do_items(Worker *worker, List *items)
{
	WorkPlace	place = {
		.job = worker->job,
		.can_vacuum = true,
		.progress = publish_progress,
		.progress_arg = worker
	};
	int64		rows = 0;
	int64		bytes = 0;
	ListCell   *lc;

	begin_transaction();
	limit_build(worker->slot->share);
	if (!pgcopy_work_needs_snapshot(((JobItem *) linitial(items))->kind))
		release_snapshot(worker);
	foreach(lc, items)
	{
		JobItem	   *item = lfirst(lc);
		WorkResult	result;
		LoadResult	load;

		worker->current = foreach_current_index(lc);
		begin_item(worker, item);
		pg_atomic_write_u64(&worker->slot->bytes_before, bytes);
		prepare_source(worker, item);
		place.session = worker->session;
		result = pgcopy_work_do(&place, item, &load);
		if (result != WORK_DONE)
			AbortCurrentTransaction();
		if (result == WORK_SOURCE_LOCKED)
			return OUTCOME_SOURCE_LOCKED;
		if (result == WORK_WANTS_VACUUM)
		{
			MemoryContextSwitchTo(worker->item_context);
			pgcopy_work_vacuum(worker->job, item);
			return do_items(worker, items);
		}
		rows += load.rows;
		bytes += load.bytes;
		worker->relations_seen++;
		CHECK_FOR_INTERRUPTS();
	}
	end_transaction();
	pgcopy_work_test_point(linitial(items), "committed");

	worker->slot->rows_total = rows;
	worker->slot->bytes_total = bytes;
	return OUTCOME_DONE;
}

/*
 * Record a failed assignment after its abort.  The leader decides what
 * becomes of the items; only the error is written here, where it is complete.
 * When there were several items each gets another try alone.
 */
static void
record_failure(Worker *worker, List *items, const ErrorData *error)
{
	JobItem	   *item = worker->current < list_length(items) ?
	list_nth(items, worker->current) : NULL;
	bool		is_final = item != NULL && list_length(items) == 1 &&
	!pgcopy_retry_is_due(error->sqlerrcode, item->attempts);

	begin_transaction();
	pgcopy_error_insert(worker->args.job,
						worker->slot->items[worker->current], is_final, error,
						item ? pgcopy_work_describe(item) : NULL,
						item ? pgcopy_work_statement(worker->args.job, item) : NULL);
	end_transaction();
}

static void
do_assignment(Worker *worker)
{
	MemoryContext caller = MemoryContextSwitchTo(worker->item_context);
	ErrorContextCallback context = {
		.previous = error_context_stack,
		.callback = add_error_context,
		.arg = worker
	};
	volatile Outcome outcome = OUTCOME_FAILED;
	volatile int sqlerrcode = 0;
	List	   *volatile items = NIL;

	worker->current = 0;
	error_context_stack = &context;
	PG_TRY();
	{
		items = mark_all_running(worker);
		MemoryContextSwitchTo(worker->item_context);
		outcome = do_items(worker, items);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		HOLD_INTERRUPTS();
		MemoryContextSwitchTo(worker->item_context);
		error = CopyErrorData();
		FlushErrorState();
		AbortCurrentTransaction();
		drop_session(worker);
		RESUME_INTERRUPTS();
		error_context_stack = context.previous;
		sqlerrcode = error->sqlerrcode;
		record_failure(worker, items, error);
	}
	PG_END_TRY();
	error_context_stack = context.previous;

	pgstat_report_activity(STATE_IDLE, NULL);
	pgstat_report_stat(true);
	MemoryContextSwitchTo(caller);
	MemoryContextReset(worker->item_context);
	report(worker, outcome, sqlerrcode);
}

/* Read and act on the slot's state; false when it is time to leave. */
static bool
look_at_slot(Worker *worker)
{
	SlotState	state;

	SpinLockAcquire(&worker->control->mutex);
	state = worker->slot->state;
	SpinLockRelease(&worker->control->mutex);

	if (state == SLOT_BUSY)
		do_assignment(worker);
	else if (state == SLOT_IDLE && worker->has_snapshot &&
			 pg_atomic_read_u32(&worker->control->is_copy_over) != 0)
		release_snapshot(worker);
	else
		return state != SLOT_LEAVING;

	/*
	 * Whoever waits for an answer of the source resets the latch: a wake-up of
	 * the leader's may have been among what was reset.  Look again.
	 */
	SetLatch(MyLatch);
	return true;
}

static void
join_job(Worker *worker)
{
	begin_transaction();
	pgcopy_process_lock_worker(worker->args.job);
	worker->control = pgcopy_control_attach(worker->args.control,
											worker->args.job);
	if (worker->control == NULL)
		proc_exit(0);			/* the leader is gone */
	worker->slot = &worker->control->slots[worker->args.slot - 1];

	MemoryContextSwitchTo(worker->job_context);
	worker->job = pgcopy_job_fetch(worker->args.job);
	end_transaction();
	if (worker->job == NULL || worker->job->conninfo == NULL)
		proc_exit(0);

	SpinLockAcquire(&worker->control->mutex);
	worker->slot->pid = MyProcPid;
	worker->slot->proc = MyProc;
	if (worker->slot->state == SLOT_STARTING)
		worker->slot->state = SLOT_IDLE;
	SpinLockRelease(&worker->control->mutex);
	pgcopy_control_wake_leader(worker->control);
}

/*
 * Item after item, the same tens of megabytes are taken for a sort and given
 * back, and each page that the system gives anew costs a fault and is zeroed
 * first: 5 % of a job with many small indexes.  So some of it is kept.
 */
static void
keep_freed_memory(void)
{
#ifdef __GLIBC__
	(void) mallopt(M_MMAP_THRESHOLD, 32 * 1024 * 1024);
	(void) mallopt(M_TRIM_THRESHOLD, 64 * 1024 * 1024);
#endif
}

void
pgcopy_worker_main(Datum arg)
{
	Worker		worker = {{0}};

	keep_freed_memory();
	pgcopy_process_begin(&worker.args);
	worker.job_context = AllocSetContextCreate(TopMemoryContext, "pgcopy worker",
											   ALLOCSET_DEFAULT_SIZES);
	worker.session_context = AllocSetContextCreate(worker.job_context,
												   "pgcopy source session",
												   ALLOCSET_DEFAULT_SIZES);
	worker.item_context = AllocSetContextCreate(worker.job_context, "pgcopy item",
												ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(worker.job_context);
	join_job(&worker);
	pgcopy_apply_begin_session();

	while (look_at_slot(&worker))
		pgcopy_process_wait(-1);

	MemoryContextReset(worker.session_context);
	pgcopy_control_wake_leader(worker.control);
}
