/*-------------------------------------------------------------------------
 *
 * launcher.c
 *	  Resume the jobs that a crash or restart of the server interrupted.
 *
 * Needs the library in shared_preload_libraries.  The launcher looks once when
 * it starts, which includes after a crash, and then sleeps.  Jobs are stored
 * in the database they copy into, so it starts a resumer in each database in
 * turn, which does what pgcopy_resume(job) does.  A job stays interrupted if
 * its snapshot is gone after tables were read: the user must choose how to go
 * on, or if another version of the extension has ordered it.  A job that finds no
 * process slot for its leader is tried again.
 *
 * A job that crashes the server must not do so forever.  Before each attempt
 * the resumer writes to disk how many items are done; if no more are done
 * after the next crash, the job stays interrupted until the user resumes it.
 * So that no attempt loses what it has done, a resumed job commits durably, and
 * hands out items one by one until one is done.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "postmaster/interrupt.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "base/settings.h"
#include "catalog/survey.h"
#include "catalog/version.h"
#include "run/process.h"
#include "run/resume.h"

/* Pause after no process slot was free, ms. */
#define PAUSE_WITHOUT_SLOT 5000

typedef enum ResumeOutcome
{
	RESUME_STARTED,
	RESUME_NOT_DUE,				/* the job is not interrupted */
	RESUME_LACKS_SLOT
} ResumeOutcome;

/*
 * List the databases that accept connections, in the caller's memory context.
 */
static List *
list_databases(void)
{
	MemoryContext caller = CurrentMemoryContext;
	List	   *databases = NIL;
	Relation	relation;
	TableScanDesc scan;
	HeapTuple	tuple;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	relation = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(relation, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);
		MemoryContext before = MemoryContextSwitchTo(caller);

		if (database->datallowconn && !database->datistemplate)
			databases = lappend_oid(databases, database->oid);
		MemoryContextSwitchTo(before);
	}
	table_endscan(scan);
	table_close(relation, AccessShareLock);
	CommitTransactionCommand();
	MemoryContextSwitchTo(caller);
	return databases;
}

/* Run a resumer and wait for its end: one slot serves all databases. */
static void
resume_in_database(Oid database)
{
	ProcessArgs args = {.database = database,.owner = BOOTSTRAP_SUPERUSERID};
	BackgroundWorkerHandle *handle;

	while (!pgcopy_process_start_resumer(&args, &handle))
		pgcopy_process_wait(PAUSE_WITHOUT_SLOT);
	(void) WaitForBackgroundWorkerShutdown(handle);
}

void
pgcopy_launcher_main(Datum arg)
{
	List	   *databases;
	ListCell   *lc;

	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(InvalidOid, InvalidOid, 0);
	MemoryContextSwitchTo(TopMemoryContext);

	databases = pgcopy_setting_auto_resume ? list_databases() : NIL;
	foreach(lc, databases)
		resume_in_database(lfirst_oid(lc));
	list_free(databases);
	for (;;)
		pgcopy_process_wait(-1);
}

/*
 * Note an attempt, in a transaction whose commit is flushed.  Returns false if
 * the job is not interrupted, or its last attempt crashed the server for
 * nothing.
 */
static bool
may_resume_job(int64 id)
{
	Job		   *job = pgcopy_job_lock_own(id);

	if (!pgcopy_job_is_interrupted(id) || job->conninfo == NULL)
		return false;
	pgcopy_version_check_job(id);
	ForceSyncCommit();
	if (pgcopy_job_note_auto_resume(id))
		return true;
	pgcopy_job_set_message(id,
						   psprintf("not resumed automatically: its last attempt crashed the server before it finished an item; SELECT pgcopy_resume(" INT64_FORMAT ")",
									id));
	ereport(LOG,
			(errmsg("job " INT64_FORMAT " stays interrupted: its last attempt crashed the server before it finished an item",
					id),
			 errhint("Find the cause of the crash in this log, then SELECT pgcopy_resume(" INT64_FORMAT ") in database \"%s\".",
					 id, get_database_name(MyDatabaseId))));
	return false;
}

/*
 * Queue the job and start its leader.  The caller must abort on
 * RESUME_LACKS_SLOT.
 */
static ResumeOutcome
resume_job(int64 id)
{
	Job		   *job = pgcopy_job_lock_own(id);
	ProcessArgs args = {
		.job = id,
		.database = MyDatabaseId,
		.owner = job->owner
	};

	if (!pgcopy_job_is_interrupted(id) || job->conninfo == NULL)
		return RESUME_NOT_DUE;
	pgcopy_resume_check(job, RESUME_UNSAID);
	pgcopy_job_move(id, JOB_QUEUED);
	args.caller_xid = GetTopTransactionId();
	return pgcopy_process_start_leader(&args, false) ? RESUME_STARTED : RESUME_LACKS_SLOT;
}

/* Withdraw the attempt: a crash while the job waits is not its fault. */
static void
note_lack_of_slot(int64 id)
{
	pgcopy_process_begin_transaction();
	pgcopy_job_allow_auto_resume(id);
	pgcopy_job_set_message(id,
						   "waiting for a free background worker to resume: raise max_worker_processes");
	pgcopy_process_end_transaction();
}

/* Resume a job.  Returns false if it must be tried again later. */
static bool
resume_if_possible(int64 id)
{
	ResumeOutcome outcome;
	bool		may_resume;

	pgcopy_process_begin_transaction();
	may_resume = may_resume_job(id);
	pgcopy_process_end_transaction();
	if (!may_resume)
		return true;

	pgcopy_process_begin_transaction();
	outcome = resume_job(id);
	if (outcome == RESUME_LACKS_SLOT)
	{
		AbortCurrentTransaction();
		note_lack_of_slot(id);
		return false;
	}
	if (outcome == RESUME_STARTED)
		ereport(LOG,
				(errmsg("job " INT64_FORMAT " was interrupted and is resumed", id)));
	pgcopy_process_end_transaction();
	return true;
}

/* Withdraw the attempt after an error: a later crash is not the job's fault. */
static void
stay_interrupted(int64 id, const ErrorData *error)
{
	ereport(LOG,
			(errmsg("job " INT64_FORMAT " stays interrupted: %s", id, error->message),
			 error->hint ? errhint("%s", error->hint) : 0));
	pgcopy_process_begin_transaction();
	pgcopy_job_allow_auto_resume(id);
	pgcopy_process_end_transaction();
}

/*
 * Resume a job, and log an error so that other jobs still go on.  Returns false
 * if it must be tried again later.
 */
static bool
try_resume_job(int64 id)
{
	MemoryContext caller = CurrentMemoryContext;
	volatile bool is_settled = true;

	PG_TRY();
	{
		is_settled = resume_if_possible(id);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		AbortCurrentTransaction();
		stay_interrupted(id, error);
		FreeErrorData(error);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	return is_settled;
}

void
pgcopy_launcher_resume_main(Datum arg)
{
	ProcessArgs args;
	List	   *jobs = NIL;
	ListCell   *lc;

	pgcopy_process_begin(&args);
	pgcopy_process_begin_transaction();
	MemoryContextSwitchTo(TopMemoryContext);
	if (OidIsValid(get_extension_oid("pgcopydb_ext", true)))
		jobs = pgcopy_survey_unended();
	pgcopy_process_end_transaction();
	MemoryContextSwitchTo(TopMemoryContext);
	foreach(lc, jobs)
	{
		while (!try_resume_job(*(int64 *) lfirst(lc)))
			pgcopy_process_wait(PAUSE_WITHOUT_SLOT);
	}
}
