/*-------------------------------------------------------------------------
 *
 * launcher.c
 *	  After a server start, going on with the jobs that it interrupted.
 *
 * Only where the library is in shared_preload_libraries.  The launcher looks
 * once, when it starts, which is also after a crash; then it sleeps.  Jobs
 * stand in the database they copy into, so it starts a resumer in each, one
 * after the other.  That one does what pgcopy_resume(job) does; a job whose
 * snapshot is gone after some tables were read stays interrupted, since how to
 * go on is the user's choice.  A job for whose leader there is no slot, because
 * the jobs before it have them all, is tried again until there is one.
 *
 * A job that crashes the server must not do so for ever.  Before anything is
 * tried, and on disk before that, the resumer notes how many items are done; if
 * the server has crashed by the next time and not one more is, the job stays
 * interrupted until somebody asks for it.  A crash may lose the last commits of
 * a job: then it stays interrupted too early rather than never.
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
#include "run/process.h"
#include "run/resume.h"

/* How long to leave the postmaster alone when it had no slot for us, ms. */
#define PAUSE_WITHOUT_SLOT 5000

typedef enum ResumeOutcome
{
	RESUME_STARTED,
	RESUME_NOT_DUE,				/* the job is not interrupted any more */
	RESUME_LACKS_SLOT
} ResumeOutcome;

/* Databases that somebody can connect to, in the caller's memory context. */
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

/* Waits until it is through, so that one slot is enough for all databases. */
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
 * In a transaction, which is on disk when it has committed; false when the job
 * is not interrupted, or the server has crashed for nothing.
 */
static bool
may_resume_job(int64 id)
{
	Job		   *job = pgcopy_job_lock_own(id);

	if (!pgcopy_job_is_interrupted(id) || job->conninfo == NULL)
		return false;
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

/* In a transaction, which is to be aborted where a slot is lacking. */
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
	return pgcopy_process_start_leader(&args) ? RESUME_STARTED : RESUME_LACKS_SLOT;
}

/* Nothing was tried: a crash while it waits is not its own. */
static void
note_lack_of_slot(int64 id)
{
	pgcopy_process_begin_transaction();
	pgcopy_job_allow_auto_resume(id);
	pgcopy_job_set_message(id,
						   "waiting for a free background worker to resume: raise max_worker_processes");
	pgcopy_process_end_transaction();
}

/* Outside a transaction; false when it is to be tried again later. */
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

/* An error is no attempt: a crash that comes later is not for nothing. */
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
 * What is wrong with one job must not keep the others from going on.  Returns
 * false when it is to be tried again later.
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
