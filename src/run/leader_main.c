/*-------------------------------------------------------------------------
 *
 * leader_main.c
 *	  The leader of a job: runs it from start to end.
 *
 * pgcopy_clone() or pgcopy_resume() registers it.  It waits for their
 * transaction to end; if the job's row is missing then, the caller rolled
 * back, and it exits.  For life it holds an advisory lock: a job that has not
 * ended and whose lock nobody holds is interrupted.
 *
 *	planning	snapshot, locks, pg_dump, items			planning.c
 *				or what an earlier attempt left			resume.c
 *	pre-data	statements, one by one					serial.c
 *	copying		items to workers						schedule.c
 *	post-data	statements, late items to workers, final statements
 *	following	until a cutover has opened the target	following.c
 *
 * Any error arrives in lead(): it ends the workers, closes the session,
 * records the error and moves the job to failed, or to cancelled after SIGINT.
 * On FATAL a before_shmem_exit callback ends the workers, and the job is
 * interrupted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"

#include "base/testpoint.h"
#include "catalog/relation.h"
#include "catalog/survey.h"
#include "catalog/version.h"
#include "run/follow.h"
#include "run/leader.h"
#include "run/resume.h"
#include "run/server_area.h"
#include "run/work.h"
#include "schema/apply.h"

void
pgcopy_leader_move(Leader *leader, JobState state)
{
	pgcopy_leader_begin(leader);
	if (leader->progress != NULL)
		pgcopy_progress_store(leader->progress);
	pgcopy_job_move(leader->job->id, state);
	leader->job->state = state;
	if (pgcopy_job_has_ended(state))
		ForceSyncCommit();
	pgcopy_leader_commit(leader);
	pgcopy_server_area_tell_state(state);
}

static void
set_phase(Leader *leader, const char *phase)
{
	pgcopy_leader_begin(leader);
	pgcopy_job_set_phase(leader->job->id, phase);
	pgcopy_leader_commit(leader);
	pgstat_report_activity(STATE_RUNNING,
						   psprintf("pgcopy job " INT64_FORMAT ": %s",
									leader->job->id, phase));
}

/*
 * Wait for the end of the transaction that ordered the job, be it a savepoint
 * or prepared.  Take the job's lock first: whoever sees the job then sees its
 * leader.
 */
static void
wait_for_caller(const ProcessArgs *args)
{
	StartTransactionCommand();
	pgcopy_job_lead(args->job);
	pgstat_report_activity(STATE_RUNNING,
						   "pgcopy: waiting for the caller's commit");
	if (TransactionIdIsValid(args->caller_xid))
		XactLockTableWait(args->caller_xid, NULL, NULL, XLTW_None);
	CommitTransactionCommand();
}

static void
make_control(Leader *leader)
{
	MemoryContext caller = MemoryContextSwitchTo(leader->context);
	int			nslots = leader->job->options.table_jobs + leader->job->options.index_jobs;
	uint32		handle;

	leader->control = pgcopy_control_create(leader->job->id,
											Min(nslots, CONTROL_MAX_SLOTS),
											&handle);
	leader->args.control = handle;
	leader->workers = pgcopy_workers_create(leader->control, &leader->args);
	leader->progress = pgcopy_progress_create(leader->job->id, leader->control);
	MemoryContextSwitchTo(caller);
	pgcopy_job_set_control(leader->job->id, handle);
	pgcopy_server_area_tell_control(handle);
}

/*
 * Fetch the job and move it to planning.  Returns false if there is nothing to
 * do.
 */
static bool
take_job(Leader *leader)
{
	Job		   *job;

	wait_for_caller(&leader->args);
	pgcopy_leader_begin(leader);
	MemoryContextSwitchTo(leader->context);
	job = pgcopy_job_fetch_locked(leader->args.job);
	if (job == NULL || job->state != JOB_QUEUED)
	{
		pgcopy_leader_commit(leader);
		return false;
	}
	pgcopy_version_check_job(job->id);
	pgcopy_job_read_options(job);
	if (job->is_auto_resumed)
		pgcopy_process_commit_durably();
	leader->job = job;
	pgcopy_leader_link_create(leader);
	leader->copiers = job->options.table_jobs;
	make_control(leader);
	pgcopy_job_move(job->id, JOB_PLANNING);
	job->state = JOB_PLANNING;
	pgcopy_leader_commit(leader);
	pgcopy_server_area_tell_state(JOB_PLANNING);
	return true;
}

/* Store the OIDs of the relations that exist by now and have none stored. */
static void
resolve_targets(Leader *leader)
{
	pgcopy_leader_begin(leader);
	pgcopy_relation_resolve_targets(leader->job->id);
	pgcopy_leader_commit(leader);
}

/* Load the items, done or not, from the catalog. */
static void
load_queue(Leader *leader)
{
	Survey		survey;

	pgcopy_leader_begin(leader);
	MemoryContextSwitchTo(leader->context);
	leader->queue = pgcopy_queue_load(leader->job->id);
	if (leader->job->is_auto_resumed)
		pgcopy_queue_begin_one_by_one(leader->queue);
	pgcopy_handover_withhold(leader);
	pgcopy_survey_fetch(leader->job->id, &survey);
	pgcopy_progress_set_queue(leader->progress, leader->queue,
							  survey.rows_done, survey.bytes_done);
	pgcopy_progress_publish(leader->progress);
	pgcopy_advise_run(leader);
	pgcopy_leader_commit(leader);
}

/* Wait for workers that outlived the previous leader. */
static void
await_workers(Leader *leader)
{
	pgcopy_leader_begin(leader);
	pgcopy_job_await_workers(leader->job->id);
	pgcopy_leader_commit(leader);
}

/* Read the source.  An error names the objects, if it is about their texts. */
static void
read_source(Leader *leader)
{
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		if (!pgcopy_resume_run(leader))
			pgcopy_planning_run(leader);
	}
	PG_CATCH();
	{
		error = pgcopy_leader_catch(leader);
	}
	PG_END_TRY();
	if (error == NULL)
		return;
	pgcopy_unconverted_report(leader, error);
	ReThrowError(error);
}

static void
prepare(Leader *leader)
{
	read_source(leader);
	load_queue(leader);
	PGCOPY_TEST_POINT("planning", "stored");
}

/* A tree of partitions must be routed after all. */
static void
prepare_rerouted(Leader *leader)
{
	pgcopy_workers_stop(leader->workers);
	pgcopy_reroute_run(leader);
	PGCOPY_TEST_POINT("tree", "rerouted");
	load_queue(leader);
}

/*
 * Do what a resume does: the source was away and the snapshot is gone.  The
 * user's last choice was about another snapshot.
 */
static void
prepare_again(Leader *leader)
{
	if (!pgcopy_link_start_over(leader->link))
		ereport(ERROR,
				(errcode(ERRCODE_CONNECTION_FAILURE),
				 errmsg("connection to the source was lost repeatedly"),
				 errhint("Check the source's server log, then SELECT pgcopy_resume(" INT64_FORMAT ").",
						 leader->job->id)));
	pgcopy_workers_stop(leader->workers);
	leader->args.choice = RESUME_UNSAID;
	prepare(leader);
}

/* A table that was read in part needs a new snapshot, and starts over. */
static void
prepare_anew(Leader *leader)
{
	pgcopy_workers_stop(leader->workers);
	leader->must_read_anew = false;
	pgcopy_resume_under_new_snapshot(leader);
	load_queue(leader);
}

/*
 * Copy rows, build what is on them, run the statements of post-data.  Both
 * again, for what lacked something that only the other has made (held.c).
 */
static void
copy_and_build(Leader *leader)
{
	int			left;

	do
	{
		while (!pgcopy_schedule_run(leader, STAGE_COPYING))
		{
			if (leader->misplaced != 0)
				prepare_rerouted(leader);
			else if (leader->must_read_anew)
				prepare_anew(leader);
			else
				prepare_again(leader);
		}
		if (leader->job->state == JOB_COPYING)
			pgcopy_leader_move(leader, JOB_POST_DATA);
		left = pgcopy_serial_run(leader, STAGE_POST_DATA);

		/* pg_dump puts a materialized view that needs a primary key into post-data */
		resolve_targets(leader);
	} while (left > 0 || pgcopy_queue_held(leader->queue) > 0);
}

/* Keep up with the source until the target is open. */
static void
follow(Leader *leader)
{
	pgcopy_leader_move(leader, JOB_FOLLOWING);
	pgcopy_following_run(leader);
	pgcopy_cutover_finish(leader);
}

static void
run_job(Leader *leader)
{
	pgcopy_apply_begin_session();
	await_workers(leader);
	prepare(leader);

	pgcopy_leader_move(leader, JOB_PRE_DATA);
	pgcopy_serial_run_pre_data(leader);
	resolve_targets(leader);

	pgcopy_leader_move(leader, JOB_COPYING);
	copy_and_build(leader);
	if (pgcopy_leader_follows(leader))
		pgcopy_subscribe_run(leader);
	set_phase(leader, "refresh");
	(void) pgcopy_schedule_run(leader, STAGE_LATE);
	set_phase(leader, "final");
	(void) pgcopy_serial_run(leader, STAGE_FINAL);

	pgcopy_workers_dismiss(leader->workers);
	if (pgcopy_leader_follows(leader))
		follow(leader);
	pgcopy_leader_move(leader, JOB_DONE);
}

/*
 * Fetch the job if the error came before take_job() did.  Returns false if
 * there is none (its transaction did not commit) or it is not ours to end.
 */
static bool
find_job(Leader *leader)
{
	if (leader->job != NULL)
		return true;
	pgcopy_leader_begin(leader);
	MemoryContextSwitchTo(leader->context);
	leader->job = pgcopy_job_fetch(leader->args.job);
	pgcopy_leader_commit(leader);
	return leader->job != NULL && leader->job->state == JOB_QUEUED;
}

/*
 * Remove the rows of unfinished items: frozen rows survive an abort.  An item
 * may be done without our knowledge; the catalog knows.
 */
static void
clean_up_unfinished(Leader *leader)
{
	int			size = leader->queue ? pgcopy_queue_size(leader->queue) : 0;

	for (int no = 1; no <= size; no++)
	{
		QueueItem  *item = pgcopy_queue_item(leader->queue, no);

		if (item->kind != ITEM_TABLE || item->attempts == 0 ||
			item->state == ITEM_DONE)
			continue;
		pgcopy_leader_begin(leader);
		pgcopy_work_clean_up_at_end(leader->job,
									pgcopy_item_fetch(leader->job->id, no));
		pgcopy_leader_commit(leader);
	}
}

/* Log a failure to clean up: it must not hide the first error. */
static void
try_clean_up_unfinished(Leader *leader)
{
	PG_TRY();
	{
		clean_up_unfinished(leader);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(leader->context);
		EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
	}
	PG_END_TRY();
}

/* Tell a server clone what ended the job: if that is recorded, the recorded error. */
static void
tell_failure(Leader *leader, ErrorData *error)
{
	JobFailure *failure;

	if (leader->error_is_recorded)
	{
		pgcopy_leader_begin(leader);
		failure = pgcopy_job_line_failure(leader->job->id);
		if (failure != NULL)
			error->message = MemoryContextStrdup(leader->context, failure->message);
		pgcopy_leader_commit(leader);
	}
	pgcopy_server_area_tell_error(error);
}

/* Nothing moves while the job is stopped. */
static void
pause_following(Leader *leader)
{
	pgcopy_leader_begin(leader);
	pgcopy_settle_pause(leader->job);
	pgcopy_leader_commit(leader);
}

/* Record what ended the job and move it to failed or cancelled. */
static void
end_badly(Leader *leader, ErrorData *error)
{
	JobState	state = pgcopy_process_is_cancelled() ? JOB_CANCELLED : JOB_FAILED;

	/* a second pgcopy_cancel() must not interrupt this */
	pgcopy_process_ignore_cancels();
	AbortCurrentTransaction();
	if (leader->workers != NULL)
		pgcopy_workers_kill(leader->workers);
	if (leader->link != NULL)
		pgcopy_link_close(leader->link);
	if (leader->workers != NULL)
		pgcopy_workers_stop(leader->workers);
	if (!find_job(leader))
		ReThrowError(error);

	if (!leader->error_is_recorded && state == JOB_FAILED)
		pgcopy_work_record_error(leader->job->id, 0, true, error);
	try_clean_up_unfinished(leader);
	if (pgcopy_leader_follows(leader))
	{
		pgcopy_handover_abandon(leader);
		pause_following(leader);
	}
	tell_failure(leader, error);
	pgcopy_leader_move(leader, state);
}

static void
lead(Leader *leader)
{
	PG_TRY();
	{
		if (take_job(leader))
			run_job(leader);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(leader->context);
		error = CopyErrorData();
		FlushErrorState();
		end_badly(leader, error);
	}
	PG_END_TRY();
}

/* On FATAL nobody else ends the workers. */
static void
kill_workers_at_exit(int code, Datum arg)
{
	Leader	   *leader = (Leader *) DatumGetPointer(arg);

	if (leader->workers != NULL)
		pgcopy_workers_kill(leader->workers);
}

void
pgcopy_leader_main(Datum arg)
{
	Leader	   *leader = MemoryContextAllocZero(TopMemoryContext, sizeof(Leader));

	pgcopy_process_begin(&leader->args);
	leader->context = AllocSetContextCreate(TopMemoryContext, "pgcopy leader",
											ALLOCSET_DEFAULT_SIZES);
	leader->work_context = AllocSetContextCreate(leader->context, "pgcopy work",
												 ALLOCSET_DEFAULT_SIZES);
	before_shmem_exit(kill_workers_at_exit, PointerGetDatum(leader));
	(void) pgcopy_server_area_join(&leader->args);
	lead(leader);
}
