/*-------------------------------------------------------------------------
 *
 * dispatch.c
 *	  The jobs of a server clone: order them, run them, cancel them.
 *
 * All processes of all jobs come out of max_worker_processes.  A leader without
 * workers does all the work itself, so no job ever waits for one; but a job must
 * not take all slots, or the next leader would wait for its end.  So the
 * coordinator runs as many leaders as leave WORKERS_EACH workers to each, and
 * tells each leader how many it may have.  Leaders that wait for their turn use
 * no slot.  When a job ends, the next one takes its place; when none waits, its
 * workers go to the others.
 *
 * Whatever else runs on the server is counted anew before each start.
 *
 * Roles belong to the server.  One job creates them, that of the smallest
 * database; the others start when it has.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "server/coordinator.h"
#include "server/create.h"

/* Workers that each leader has at least, if max_worker_processes lets it. */
#define WORKERS_EACH 2

/* Pauses, ms: after no process slot was free; between looks at other's leaders. */
#define PAUSE_WITHOUT_SLOT 1000
#define PAUSE_BETWEEN_LOOKS 5000
#define LONGEST_WITHOUT_SLOT 20000
#define TICK 1000

/* Has a database a leader that is not ours?  It may use all slots, and will end. */
static bool
has_strangers(const Coordinator *coordinator)
{
	for (int i = 0; i < coordinator->ncharges; i++)
	{
		if (coordinator->charges[i].has_stranger)
			return true;
	}
	return false;
}

/*
 * Send a process.  Returns false if there was no slot for it for a while, and no
 * job that will free some; the next one is not waited for then.
 */
static bool
visit(Coordinator *coordinator, Charge *charge, ServerErrand errand, ServerReport *report)
{
	TimestampTz limit = GetCurrentTimestamp() +
		(coordinator->lacks_slots ? 0 : LONGEST_WITHOUT_SLOT * INT64CONST(1000));

	while (!pgcopy_charge_visit(coordinator, charge, errand, report))
	{
		coordinator->lacks_slots = GetCurrentTimestamp() >= limit &&
			!has_strangers(coordinator);
		if (coordinator->lacks_slots)
			return false;
		pgcopy_process_wait(PAUSE_WITHOUT_SLOT);
	}
	coordinator->lacks_slots = false;
	return true;
}

static Oid
find_database(const char *name)
{
	Oid			oid;

	pgcopy_process_begin_transaction();
	oid = get_database_oid(name, true);
	pgcopy_process_end_transaction();
	return oid;
}

/*
 * Create the database if it is missing.  That we are about to is written down
 * before: if the server crashes in between, the database is ours all the same.
 */
static void
see_to_database(Coordinator *coordinator, Charge *charge)
{
	ServerDatabase *database = charge->database;

	charge->oid = find_database(database->name);
	if (OidIsValid(charge->oid))
		return;
	pgcopy_process_begin_transaction();
	pgcopy_server_mark_new(coordinator->clone->id, database->no);
	pgcopy_process_end_transaction();
	database->state = SERVER_CREATING;
	database->is_new = true;
	pgcopy_create_database(database, !coordinator->options.no_owner);
	charge->oid = find_database(database->name);
}

static void
wait_for_stranger(Coordinator *coordinator, Charge *charge, const ServerReport *report)
{
	charge->has_stranger = true;
	charge->look_at = GetCurrentTimestamp() + PAUSE_BETWEEN_LOOKS * INT64CONST(1000);
	pgcopy_charge_note(coordinator, charge, SERVER_RUNNING, report);
}

/* Note what a visitor has found. */
static void
note_visit(Coordinator *coordinator, Charge *charge, const ServerReport *report)
{
	charge->has_stranger = false;
	if (report->job == 0)
		pgcopy_charge_note_error(coordinator, charge, report->message);
	else if (report->is_led && !pgcopy_job_has_ended(report->state))
		wait_for_stranger(coordinator, charge, report);
	else if (report->state == JOB_QUEUED)
		pgcopy_charge_note(coordinator, charge, SERVER_QUEUED, report);
	else
		pgcopy_charge_note(coordinator, charge,
						   report->state == JOB_DONE ? SERVER_DONE :
						   report->state == JOB_CANCELLED ? SERVER_CANCELLED : SERVER_FAILED,
						   report);
}

/* The job of an earlier coordinator goes on without it.  No process is needed to see that. */
static bool
is_led(Charge *charge)
{
	bool		result;

	if (charge->database->job == 0)
		return false;
	pgcopy_process_begin_transaction();
	result = pgcopy_job_has_leader_in(charge->oid, charge->database->job);
	pgcopy_process_end_transaction();
	return result;
}

static void
order_job(Coordinator *coordinator, Charge *charge)
{
	ServerReport report = {0};

	see_to_database(coordinator, charge);
	if (is_led(charge))
	{
		wait_for_stranger(coordinator, charge, &report);
		return;
	}
	if (!visit(coordinator, charge, ERRAND_ORDER, &report))
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("no background worker slot is free to order a job in database \"%s\": raise max_worker_processes (now %d)",
						charge->database->name, max_worker_processes)));
	note_visit(coordinator, charge, &report);
}

/* Order a job; note an error, so that the others still go on. */
static void
try_order_job(Coordinator *coordinator, Charge *charge)
{
	MemoryContext caller = CurrentMemoryContext;

	PG_TRY();
	{
		order_job(coordinator, charge);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		if (pgcopy_process_is_cancelled())
			PG_RE_THROW();
		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
		MemoryContextSwitchTo(caller);
		pgcopy_charge_note_error(coordinator, charge, error->message);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
}

/* If it is cancelled the process ends, and with it its turn. */
void
pgcopy_dispatch_order(Coordinator *coordinator)
{
	pgcopy_process_begin_transaction();
	pgcopy_job_begin_orders();
	pgcopy_process_end_transaction();
	for (int i = 0; i < coordinator->ncharges; i++)
	{
		Charge	   *charge = &coordinator->charges[i];

		if (!pgcopy_charge_is(charge, SERVER_LEFT_OUT) &&
			!pgcopy_charge_is(charge, SERVER_DONE))
			try_order_job(coordinator, charge);
	}
	pgcopy_job_end_orders();
}

static int
count_in(const Coordinator *coordinator, const char *state)
{
	int			count = 0;

	for (int i = 0; i < coordinator->ncharges; i++)
		count += pgcopy_charge_is(&coordinator->charges[i], state);
	return count;
}

static int
count_leaders(const Coordinator *coordinator)
{
	int			count = 0;

	for (int i = 0; i < coordinator->ncharges; i++)
		count += coordinator->charges[i].leader != NULL;
	return count;
}

/* How many processes leaders and their workers may be together, at least 1. */
static int
count_slots(const Coordinator *coordinator)
{
	List	   *databases = NIL;
	int			others;

	pgcopy_process_begin_transaction();
	for (int i = 0; i < coordinator->ncharges; i++)
	{
		if (coordinator->charges[i].leader != NULL)
			databases = lappend_oid(databases, coordinator->charges[i].oid);
	}
	others = pgcopy_server_count_others(databases);
	pgcopy_process_end_transaction();
	return Max(max_worker_processes - others - 1, 1);
}

/* Divide what is left of the slots among the leaders; the first ones get the rest. */
static void
share_slots(Coordinator *coordinator, int slots, int leaders)
{
	int			workers = Max(slots - leaders, 0);
	int			no = 0;

	for (int i = 0; i < coordinator->ncharges; i++)
	{
		Charge	   *charge = &coordinator->charges[i];
		int			share;

		if (charge->leader == NULL)
			continue;
		share = workers / leaders + (no++ < workers % leaders ? 1 : 0);
		pg_atomic_write_u32(&coordinator->area->seats[charge->seat].limit, share);
	}
}

/* Start the leader of a job; returns false if there is no process slot. */
static bool
start_leader(Coordinator *coordinator, Charge *charge, int share)
{
	ServerReport report = {0};
	ProcessArgs args = {
		.job = charge->database->job,
		.database = charge->oid,
		.owner = coordinator->clone->owner,
		.choice = coordinator->choice,
		.server = coordinator->handle,
		.server_clone = coordinator->clone->id,
		.seat = charge->seat
	};

	pgcopy_server_area_clear(coordinator->area, charge->seat, charge->database->job);
	pg_atomic_write_u32(&coordinator->area->seats[charge->seat].limit, share);
	if (!pgcopy_process_start_orderly(&args, &charge->leader))
	{
		charge->leader = NULL;
		coordinator->start_at = GetCurrentTimestamp() + PAUSE_WITHOUT_SLOT * INT64CONST(1000);
		return false;
	}
	pgcopy_charge_note(coordinator, charge, SERVER_RUNNING, &report);
	return true;
}

/*
 * Need others wait for the roles, which the first job creates?  If it has ended
 * without, they go on: some may need no other roles.
 */
static bool
awaits_roles(Coordinator *coordinator)
{
	Charge	   *scout = coordinator->scout;
	ServerReport report;

	if (scout == NULL || coordinator->clone->has_roles)
		return false;
	if (pgcopy_charge_is(scout, SERVER_QUEUED))
		return true;
	pgcopy_server_area_read(coordinator->area, scout->seat, &report);
	if (pgcopy_charge_is(scout, SERVER_RUNNING) && report.state < JOB_COPYING)
		return true;
	if (!pgcopy_charge_is(scout, SERVER_RUNNING) && !pgcopy_charge_is(scout, SERVER_DONE))
		return false;
	pgcopy_process_begin_transaction();
	pgcopy_server_set_roles(coordinator->clone->id);
	pgcopy_process_end_transaction();
	coordinator->clone->has_roles = true;
	return false;
}

static void
start_leaders(Coordinator *coordinator)
{
	bool		is_scouting = awaits_roles(coordinator);
	int			running = count_leaders(coordinator);
	int			wanted = running + count_in(coordinator, SERVER_QUEUED);
	int			slots = count_slots(coordinator);
	int			leaders = Min(wanted, Max(slots / (1 + WORKERS_EACH), 1));

	if (wanted == 0)
		return;
	leaders = is_scouting ? 1 : Max(leaders, Max(running, 1));
	share_slots(coordinator, slots, leaders);
	if (GetCurrentTimestamp() < coordinator->start_at)
		return;
	for (int i = 0; i < coordinator->ncharges && running < leaders; i++)
	{
		Charge	   *charge = &coordinator->charges[i];

		if (!pgcopy_charge_is(charge, SERVER_QUEUED) ||
			(is_scouting && charge != coordinator->scout))
			continue;
		if (!start_leader(coordinator, charge, Max(slots - leaders, 0) / leaders))
			return;
		running++;
	}
}

/*
 * See to a leader that has ended.  It has told how, unless it was terminated:
 * then look, as soon as there is a slot.
 */
static void
see_to_end(Coordinator *coordinator, Charge *charge)
{
	ServerReport report;

	pfree(charge->leader);
	charge->leader = NULL;
	pgcopy_server_area_read(coordinator->area, charge->seat, &report);
	if (pgcopy_job_has_ended(report.state))
		note_visit(coordinator, charge, &report);
	else
	{
		charge->has_stranger = true;
		charge->look_at = 0;
	}
}

/*
 * Look at a job whose leader is not ours, or has gone without a word.  One that is
 * still queued is not tried again: it would be forever.
 */
static void
look(Coordinator *coordinator, Charge *charge)
{
	ServerReport report;

	charge->look_at = GetCurrentTimestamp() + PAUSE_BETWEEN_LOOKS * INT64CONST(1000);
	if (!pgcopy_charge_visit(coordinator, charge, ERRAND_LOOK, &report))
		return;
	if (report.job != 0 && !pgcopy_job_has_ended(report.state) && !report.is_led)
	{
		charge->has_stranger = false;
		strlcpy(report.message, "its leader ended before the job had: see the server log",
				SERVER_MESSAGE_LENGTH);
		pgcopy_charge_note(coordinator, charge, SERVER_FAILED, &report);
		return;
	}
	note_visit(coordinator, charge, &report);
}

/* See to what has ended, of ours and of others. */
static void
see_to_ends(Coordinator *coordinator)
{
	for (int i = 0; i < coordinator->ncharges; i++)
	{
		Charge	   *charge = &coordinator->charges[i];
		pid_t		pid;

		if (charge->leader != NULL &&
			GetBackgroundWorkerPid(charge->leader, &pid) == BGWH_STOPPED)
			see_to_end(coordinator, charge);
		if (charge->has_stranger && GetCurrentTimestamp() >= charge->look_at)
			look(coordinator, charge);
	}
}

void
pgcopy_dispatch_run(Coordinator *coordinator)
{
	for (;;)
	{
		see_to_ends(coordinator);
		start_leaders(coordinator);
		if (count_in(coordinator, SERVER_RUNNING) + count_in(coordinator, SERVER_QUEUED) == 0)
			return;
		pgcopy_process_wait(TICK);
	}
}

/* Cancel what runs, as pgcopy_cancel() does, and wait for its end. */
static void
cancel_leader(Charge *charge)
{
	pid_t		pid;

	if (GetBackgroundWorkerPid(charge->leader, &pid) == BGWH_STARTED &&
		kill(pid, SIGINT) != 0 && errno != ESRCH)
		ereport(LOG,
				(errmsg("could not signal process %d: %m", (int) pid)));
}

void
pgcopy_dispatch_cancel(Coordinator *coordinator)
{
	for (int i = 0; i < coordinator->ncharges; i++)
	{
		if (coordinator->charges[i].leader != NULL)
			cancel_leader(&coordinator->charges[i]);
	}
	for (int i = 0; i < coordinator->ncharges; i++)
	{
		Charge	   *charge = &coordinator->charges[i];
		ServerReport report;

		if (charge->leader != NULL)
		{
			(void) WaitForBackgroundWorkerShutdown(charge->leader);
			see_to_end(coordinator, charge);
		}
		if (pgcopy_charge_is(charge, SERVER_QUEUED) &&
			visit(coordinator, charge, ERRAND_CANCEL, &report))
			note_visit(coordinator, charge, &report);
		else if (pgcopy_charge_is(charge, SERVER_QUEUED) ||
				 pgcopy_charge_is(charge, SERVER_RUNNING) ||
				 pgcopy_charge_is(charge, SERVER_PENDING) ||
				 pgcopy_charge_is(charge, SERVER_CREATING))
		{
			memset(&report, 0, sizeof(report));
			pgcopy_charge_note(coordinator, charge, SERVER_CANCELLED, &report);
		}
	}
}
