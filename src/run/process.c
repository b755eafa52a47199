/*-------------------------------------------------------------------------
 *
 * process.c
 *	  Background workers: how they are registered, and how they begin.
 *
 * Nothing else fills a BackgroundWorker.  A launcher lives as long as the
 * server; all others are never restarted.  Leaders and workers run as the role
 * that ordered the job, end on SIGTERM like a backend, and take SIGINT as a
 * cancel.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/timeouts.h"
#include "catalog/job.h"
#include "run/process.h"

/* Time for a leader to start, and the longest pause between looks, ms. */
#define LEADER_START_LIMIT (60 * USECS_PER_SEC)
#define LEADER_LONGEST_PAUSE 50

/*
 * For how long somebody who waits for the answer is kept while no slot is free: one
 * is free a moment after its process has ended, and that ends after its job.
 */
#define SLOT_LIMIT (10 * USECS_PER_SEC)
#define SLOT_PAUSE 20			/* ms */

static volatile sig_atomic_t is_cancelled = false;
static volatile sig_atomic_t ignores_cancels = false;

#define NO_TIMEOUT(name) {name, "0"},

/*
 * Settings of all our processes.  They override those of the role and the
 * database, which background workers read too.  What this
 * server's version does not know is left out.
 */
static const char *const process_settings[][2] = {
	{"search_path", "pg_catalog, pg_temp"},
	{"role", "none"},
	{"synchronous_commit", "off"},
	PGCOPY_TIMEOUTS(NO_TIMEOUT)
	/* cancel a blocking autovacuum soon */
	{"deadlock_timeout", "100ms"},
	{"default_transaction_isolation", "read committed"},
	{"default_transaction_read_only", "off"},
	{"default_transaction_deferrable", "off"},
	{"row_security", "off"},
	{"track_activities", "on"},
	{"vacuum_cost_delay", "0"},
	{"session_replication_role", "origin"},
	{"jit", "off"},
	{"client_min_messages", "warning"},
};

/* SIGINT: cancel as in a backend, and remember it. */
static void
handle_cancel(SIGNAL_ARGS)
{
	if (ignores_cancels)
		return;
	is_cancelled = true;
	StatementCancelHandler(postgres_signal_arg);
}

bool
pgcopy_process_is_cancelled(void)
{
	return is_cancelled;
}

void
pgcopy_process_ignore_cancels(void)
{
	ignores_cancels = true;
	QueryCancelPending = false;
}

void
pgcopy_process_allow_cancels(void)
{
	is_cancelled = false;
	ignores_cancels = false;
}

void
pgcopy_process_commit_durably(void)
{
	SetConfigOption("synchronous_commit", "local", PGC_USERSET, PGC_S_SESSION);
}

void
pgcopy_process_begin_transaction(void)
{
	Assert(!IsTransactionState());
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
}

void
pgcopy_process_end_transaction(void)
{
	Assert(IsTransactionState());
	if (ActiveSnapshotSet())
		PopActiveSnapshot();
	CommitTransactionCommand();
}

void
pgcopy_process_wait(long timeout)
{
	int			events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH;

	Assert(INTERRUPTS_CAN_BE_PROCESSED());
	if (timeout >= 0)
		events |= WL_TIMEOUT;
	(void) WaitLatch(MyLatch, events, timeout, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

/* Fill in what all processes share. */
static void
fill_process(BackgroundWorker *worker, const char *function, const char *name)
{
	memset(worker, 0, sizeof(*worker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS |
		BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker->bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker->bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker->bgw_library_name, "pgcopydb_ext", BGW_MAXLEN);
	strlcpy(worker->bgw_function_name, function, BGW_MAXLEN);
	strlcpy(worker->bgw_name, name, BGW_MAXLEN);
	strlcpy(worker->bgw_type, "pgcopydb_ext", BGW_MAXLEN);
}

static bool
start_process(const ProcessArgs *args, const char *function, const char *name,
			  BackgroundWorkerHandle **handle)
{
	BackgroundWorker worker;

	StaticAssertStmt(sizeof(ProcessArgs) <= BGW_EXTRALEN,
					 "arguments must fit into bgw_extra");

	fill_process(&worker, function, name);
	worker.bgw_notify_pid = MyProcPid;
	memcpy(worker.bgw_extra, args, sizeof(ProcessArgs));
	return RegisterDynamicBackgroundWorker(&worker, handle);
}

/* Wait before the next look at something that tells nobody; in any backend. */
static void
pause_for(long ms)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms,
					 PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/* Start a process, and wait for a slot before; false if none is free in time. */
static bool
start_patiently(const ProcessArgs *args, const char *function, const char *name,
				BackgroundWorkerHandle **handle)
{
	TimestampTz limit = GetCurrentTimestamp() + SLOT_LIMIT;

	while (!start_process(args, function, name, handle))
	{
		if (GetCurrentTimestamp() > limit)
			return false;
		pause_for(SLOT_PAUSE);
	}
	return true;
}

/* The postmaster restarts the launcher after a crash. */
void
pgcopy_process_register_launcher(void)
{
	BackgroundWorker worker;

	fill_process(&worker, "pgcopy_launcher_main", "pgcopy launcher");
	worker.bgw_restart_time = 60;
	strlcpy(worker.bgw_type, "pgcopydb_ext launcher", BGW_MAXLEN);
	RegisterBackgroundWorker(&worker);
}

bool
pgcopy_process_start_resumer(const ProcessArgs *args,
							 BackgroundWorkerHandle **handle)
{
	return start_process(args, "pgcopy_launcher_resume_main", "pgcopy resumer", handle);
}

/* Wait until a leader holds, or queues for, the lock of its job. */
static void
await_lead(BackgroundWorkerHandle *handle, int64 job)
{
	TimestampTz limit = GetCurrentTimestamp() + LEADER_START_LIMIT;
	long		pause = 1;
	pid_t		pid;

	for (;;)
	{
		BgwHandleStatus status = GetBackgroundWorkerPid(handle, &pid);

		if (status == BGWH_STARTED && pgcopy_job_is_led_by(job, pid))
			return;
		if (status == BGWH_STOPPED)
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
					 errmsg("the leader of the job exited before it started"),
					 errhint("See the server log for the reason.")));
		if (GetCurrentTimestamp() > limit)
		{
			TerminateBackgroundWorker(handle);
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
					 errmsg("the leader of the job did not start"),
					 errdetail("It was given %d s.",
							   (int) (LEADER_START_LIMIT / USECS_PER_SEC)),
					 errhint("Check that this database accepts new connections, then try again.")));
		}
		pause_for(pause);
		pause = Min(pause * 2, LEADER_LONGEST_PAUSE);
	}
}

bool
pgcopy_process_start_leader(const ProcessArgs *args, bool waits)
{
	char	   *name = psprintf("pgcopy job " INT64_FORMAT " leader", args->job);
	BackgroundWorkerHandle *handle;

	if (!(waits ? start_patiently : start_process) (args, "pgcopy_leader_main", name,
													&handle))
		return false;
	await_lead(handle, args->job);
	return true;
}

bool
pgcopy_process_start_orderly(const ProcessArgs *args, BackgroundWorkerHandle **handle)
{
	return start_process(args, "pgcopy_leader_main",
						 psprintf("pgcopy job " INT64_FORMAT " leader", args->job),
						 handle);
}

bool
pgcopy_process_start_coordinator(const ProcessArgs *args,
								 BackgroundWorkerHandle **handle)
{
	return start_patiently(args, "pgcopy_coordinator_main", "pgcopy coordinator", handle);
}

bool
pgcopy_process_start_visitor(const ProcessArgs *args, BackgroundWorkerHandle **handle)
{
	return start_process(args, "pgcopy_visit_main", "pgcopy visitor", handle);
}

bool
pgcopy_process_start_worker(const ProcessArgs *args,
							BackgroundWorkerHandle **handle)
{
	char		name[BGW_MAXLEN];

	/* no psprintf: the leader retries, and would leak */
	snprintf(name, sizeof(name), "pgcopy job " INT64_FORMAT " worker %d",
			 args->job, args->slot);
	return start_process(args, "pgcopy_worker_main", name, handle);
}

static void
apply_settings(void)
{
	for (int i = 0; i < lengthof(process_settings); i++)
	{
		if (GetConfigOption(process_settings[i][0], true, false) != NULL)
			(void) set_config_option(process_settings[i][0], process_settings[i][1],
									 PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SET,
									 true, 0, false);
	}
}

void
pgcopy_process_begin(ProcessArgs *args)
{
	memcpy(args, MyBgworkerEntry->bgw_extra, sizeof(ProcessArgs));

	pqsignal(SIGTERM, die);
	pqsignal(SIGINT, handle_cancel);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();

	BackgroundWorkerInitializeConnectionByOid(args->database, args->owner, 0);

	apply_settings();
	pgstat_report_appname(MyBgworkerEntry->bgw_name);
}
