/*-------------------------------------------------------------------------
 *
 * worker.c
 *	  A worker: does the items its leader hands out.
 *
 * All workers are alike.  A worker waits until its slot is BUSY, does the
 * items in one transaction (assignment.c), and reports.
 *
 * An ERROR rolls the assignment back and is recorded; the worker goes on.  The
 * leader notices the end of the process (FATAL, a crash).
 *
 * The session to the source is opened for the first item that needs it and
 * kept.  Its transaction holds the snapshot, and stays open between copy items
 * but not during other work: the snapshot holds back VACUUM on the source.  Its
 * locks are those of one assignment (source/series.c).
 *
 * Relation caches only grow, so a worker that has seen some thousands of
 * relations asks to leave, and the leader starts another.
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
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/memutils.h"

#include "catalog/job.h"
#include "link/link.h"
#include "run/assignment.h"
#include "run/control.h"
#include "run/process.h"
#include "run/work.h"
#include "schema/apply.h"
#include "source/snapshot.h"

/* A worker leaves after this many relations. */
#define RELATIONS_PER_WORKER 5000

typedef struct Worker
{
	ProcessArgs args;
	Job		   *job;
	Control    *control;
	ControlSlot *slot;

	MemoryContext job_context;	/* lives as long as the process */
	MemoryContext session_context;	/* a reset closes the session */
	MemoryContext item_context; /* reset after each assignment */

	SourceSession *session;
	bool		has_snapshot;	/* its transaction is open */
	int			snapshot_no;	/* which it is */
	int			relations_seen;
} Worker;

static void
open_session(Worker *worker, Assignment *assignment)
{
	MemoryContext caller = MemoryContextSwitchTo(worker->session_context);
	SourceConninfo *conninfo = pgcopy_conninfo_resolve(worker->job->conninfo,
													   worker->args.owner);
	SourceAddress address;

	pgcopy_control_get_source(worker->control, &address);
	pgcopy_conninfo_pin(conninfo, &address);
	assignment->is_connecting = true;
	worker->session =
		pgcopy_session_open(conninfo,
							psprintf("pgcopy job " INT64_FORMAT " worker %d",
									 worker->args.job, worker->args.slot));
	assignment->is_connecting = false;
	MemoryContextSwitchTo(caller);
}

/* Close the session: its state is unknown after an error. */
static void
drop_session(Worker *worker)
{
	worker->session = NULL;
	worker->has_snapshot = false;
	pgcopy_control_set_snapshot(worker->control, worker->slot, "");
	MemoryContextReset(worker->session_context);
}

static void
release_snapshot(Worker *worker)
{
	if (!worker->has_snapshot)
		return;
	worker->has_snapshot = false;
	pgcopy_control_set_snapshot(worker->control, worker->slot, "");
	pgcopy_snapshot_release(worker->session);
}

/*
 * Begin a transaction with the job's snapshot, and publish its name there:
 * other sessions may have to import it from this one.
 */
static void
take_snapshot(Worker *worker)
{
	int			no = worker->control->snapshot_no;
	char	   *content = pgcopy_job_snapshot_fetch_content(worker->args.job, no);
	List	   *names = pgcopy_control_snapshots(worker->control);
	char	   *name = pgcopy_link_find_snapshot(worker->session, names, content);

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CONNECTION_DOES_NOT_EXIST),
				 errmsg("the snapshot of the job is gone on the source"),
				 errdetail("The sessions that held it were lost."),
				 errhint("SELECT pgcopy_resume(" INT64_FORMAT ") tells how the job can be resumed.",
						 worker->args.job)));
	worker->has_snapshot = true;
	worker->snapshot_no = no;
	pgcopy_control_set_snapshot(worker->control, worker->slot, name);
}

/* Does the worker hold another snapshot than that which rows are read under now? */
static bool
has_old_snapshot(const Worker *worker)
{
	return worker->has_snapshot && worker->snapshot_no != worker->control->snapshot_no;
}

/* Does it hold one that is of no more use? */
static bool
has_useless_snapshot(const Worker *worker)
{
	return has_old_snapshot(worker) ||
		(worker->has_snapshot && pg_atomic_read_u32(&worker->control->is_copy_over) != 0);
}

/*
 * Assignment.prepare: a session with or without the snapshot.  Other work
 * releases the snapshot.
 */
static SourceSession *
prepare_source(Assignment *assignment, const JobItem *item)
{
	Worker	   *worker = assignment->arg;
	const ItemTraits *traits = pgcopy_item_kind_traits(item->kind);

	if (!traits->needs_snapshot)
		release_snapshot(worker);
	if (!traits->needs_source)
		return NULL;
	if (worker->session != NULL && !pgcopy_session_is_alive(worker->session))
		drop_session(worker);
	if (worker->session == NULL)
		open_session(worker, assignment);
	if (has_old_snapshot(worker))
		release_snapshot(worker);
	if (traits->needs_snapshot && !worker->has_snapshot)
		take_snapshot(worker);
	return worker->session;
}

static void
report(Worker *worker, Outcome outcome, int sqlerrcode)
{
	ControlSlot *slot = worker->slot;

	LWLockAcquire(&worker->control->lock, LW_EXCLUSIVE);
	slot->outcome = outcome;
	slot->sqlerrcode = sqlerrcode;
	slot->wants_to_leave = worker->relations_seen >= RELATIONS_PER_WORKER;
	slot->state = SLOT_REPORTED;
	LWLockRelease(&worker->control->lock);
	pgcopy_control_wake_leader(worker->control);
}

/*
 * Abort after an ERROR of an assignment and record it.  The leader decides what
 * becomes of the items.  Returns the outcome to report.
 */
static Outcome
handle_error(Worker *worker, const Assignment *assignment, int *sqlerrcode)
{
	ErrorData  *error;

	HOLD_INTERRUPTS();
	MemoryContextSwitchTo(worker->item_context);
	error = CopyErrorData();
	FlushErrorState();
	AbortCurrentTransaction();
	drop_session(worker);
	RESUME_INTERRUPTS();
	*sqlerrcode = error->sqlerrcode;
	worker->slot->need = pgcopy_assignment_need(assignment, error);
	if (pgcopy_assignment_lacks_session(assignment, error))
		return OUTCOME_NO_SESSION;
	pgcopy_assignment_record(assignment, error);
	return OUTCOME_FAILED;
}

static void
do_assignment(Worker *worker)
{
	MemoryContext caller = MemoryContextSwitchTo(worker->item_context);
	ControlSlot *slot = worker->slot;
	Assignment *assignment = palloc0(sizeof(Assignment));
	volatile Outcome outcome = OUTCOME_FAILED;
	int			sqlerrcode = 0;

	assignment->job = worker->job;
	assignment->items = slot->items;
	assignment->nitems = slot->nitems;
	assignment->snapshot_no = worker->control->snapshot_no;
	assignment->share = slot->share;
	assignment->live = slot;
	assignment->prepare = prepare_source;
	assignment->arg = worker;
	worker->relations_seen += slot->nitems;
	PG_TRY();
	{
		outcome = pgcopy_assignment_do(assignment);
	}
	PG_CATCH();
	{
		outcome = handle_error(worker, assignment, &sqlerrcode);
	}
	PG_END_TRY();

	pgstat_report_activity(STATE_IDLE, NULL);
	pgstat_report_stat(true);
	slot->failed = assignment->current;
	slot->done = assignment->done;
	slot->begun = pgcopy_assignment_begun(assignment);
	slot->rows_total = assignment->rows;
	slot->bytes_total = assignment->bytes;
	slot->has_session = worker->session != NULL;
	MemoryContextSwitchTo(caller);
	MemoryContextReset(worker->item_context);
	report(worker, outcome, sqlerrcode);
}

/* Act on the slot's state.  Returns false if the worker must leave. */
static bool
look_at_slot(Worker *worker)
{
	SlotState	state = pgcopy_control_get_state(worker->control, worker->slot);

	if (state == SLOT_BUSY)
		do_assignment(worker);
	else if (state == SLOT_IDLE && has_useless_snapshot(worker))
		release_snapshot(worker);
	else
		return state != SLOT_LEAVING;

	/*
	 * Look again: waiting for the source resets the latch, perhaps after the
	 * leader set it.
	 */
	SetLatch(MyLatch);
	return true;
}

static void
join_job(Worker *worker)
{
	pgcopy_process_begin_transaction();
	pgcopy_job_join(worker->args.job);
	worker->control = pgcopy_control_attach(worker->args.control,
											worker->args.job);
	if (worker->control == NULL)
		proc_exit(0);			/* the leader is gone */
	worker->slot = &worker->control->slots[worker->args.slot - 1];

	MemoryContextSwitchTo(worker->job_context);
	worker->job = pgcopy_job_fetch(worker->args.job);
	if (worker->job != NULL)
		pgcopy_job_read_options(worker->job);
	pgcopy_process_end_transaction();
	if (worker->job == NULL || worker->job->conninfo == NULL)
		proc_exit(0);
	if (worker->job->is_auto_resumed)
		pgcopy_process_commit_durably();

	LWLockAcquire(&worker->control->lock, LW_EXCLUSIVE);
	worker->slot->pid = MyProcPid;
	worker->slot->proc = MyProc;
	if (worker->slot->state == SLOT_STARTING)
		worker->slot->state = SLOT_IDLE;
	LWLockRelease(&worker->control->lock);
	pgcopy_control_wake_leader(worker->control);
}

/*
 * Keep some freed memory: each sort takes and frees tens of megabytes, and new
 * pages cost a fault and zeroing, 5 % of a job with many small indexes.
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
