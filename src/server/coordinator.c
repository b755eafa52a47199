/*-------------------------------------------------------------------------
 *
 * coordinator.c
 *	  The coordinator of a server clone.
 *
 * A background worker in the database where the clone was ordered, as the role
 * that ordered it.  It stores the order, creates what databases are missing,
 * sees that there is a job in each, answers the caller, and then runs the jobs
 * (dispatch.c) until all have ended.
 *
 * What it has done is in pgcopy.server_database, and commits before and after
 * each step.  If it is gone, jobs that run go on, and pgcopy_resume_server()
 * starts another one, which does what is left.  For life it holds an advisory
 * lock: a clone that runs and whose lock nobody holds is interrupted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "catalog/query.h"
#include "server/coordinator.h"
#include "server/request.h"
#include "server/visit.h"

/* Store a new order; returns its number. */
static int64
store_order(const ServerOrder *order)
{
	ServerClone clone = {
		.owner = GetUserId(),
		.source = unconstify(char *, order->source),
		.conninfo = unconstify(char *, order->conninfo),
		.options = unconstify(char *, order->options),
		.properties_of_new = order->properties_of_new
	};

	return pgcopy_server_insert(&clone, order->databases);
}

static void
create_area(Coordinator *coordinator)
{
	ServerClone *clone = coordinator->clone;
	ServerTexts texts = {
		.conninfo = clone->conninfo,
		.options = clone->options,
		.schema = pgcopy_server_schema()
	};

	coordinator->area = pgcopy_server_area_create(clone->id, coordinator->ncharges, &texts,
												  &coordinator->handle);
	coordinator->area->created = clone->created;
	coordinator->area->properties_of_new = clone->properties_of_new;
	for (int i = 0; i < coordinator->ncharges; i++)
		namestrcpy(&coordinator->area->seats[i].name,
				   coordinator->charges[i].database->name);
}

/* Roles are created once: by the job of the smallest database, which is the last. */
static void
read_databases(Coordinator *coordinator)
{
	List	   *databases = pgcopy_server_databases(coordinator->clone->id);

	coordinator->ncharges = list_length(databases);
	coordinator->charges = palloc0(sizeof(Charge) * Max(coordinator->ncharges, 1));
	for (int i = 0; i < coordinator->ncharges; i++)
	{
		coordinator->charges[i].database = list_nth(databases, i);
		coordinator->charges[i].seat = i;
		if (coordinator->options.roles != ROLES_NONE &&
			!pgcopy_charge_is(&coordinator->charges[i], SERVER_LEFT_OUT))
			coordinator->scout = &coordinator->charges[i];
	}
}

static void
throw_running(int64 clone)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_IN_USE),
			 errmsg("server clone " INT64_FORMAT " is running", clone),
			 errhint("See pgcopy_server_progress.")));
}

/*
 * Store or fetch the order, and make it visible as one that has a coordinator.
 * Flushed: what follows cannot be rolled back.
 */
static void
take_order(Coordinator *coordinator, const ServerOrder *order)
{
	int64		id = order->clone;

	pgcopy_process_begin_transaction();
	MemoryContextSwitchTo(TopMemoryContext);
	if (id == 0)
		id = store_order(order);
	if (!pgcopy_job_coordinate(id))
		throw_running(id);
	coordinator->choice = order->choice;
	coordinator->clone = pgcopy_server_fetch(id);
	if (coordinator->clone == NULL || coordinator->clone->conninfo == NULL)
		pgcopy_server_throw_missing(id);
	pgcopy_visit_read_options(coordinator->clone->options, &coordinator->options);
	read_databases(coordinator);
	create_area(coordinator);
	pgcopy_server_move(id, "running", NULL);
	pgcopy_server_set_control(id, coordinator->handle);
	pgcopy_process_end_transaction();
	MemoryContextSwitchTo(TopMemoryContext);
	pgcopy_request_accept(coordinator->request, id);
	pgstat_report_activity(STATE_RUNNING,
						   psprintf("pgcopy server clone " INT64_FORMAT, id));
}

static void
move_clone(Coordinator *coordinator, const char *state, const char *message)
{
	pgcopy_process_begin_transaction();
	pgcopy_server_move(coordinator->clone->id, state, message);
	pgcopy_process_end_transaction();
}

/* All jobs have ended: note how. */
static void
end_clone(Coordinator *coordinator)
{
	const char *state = "done";

	for (int i = 0; i < coordinator->ncharges; i++)
	{
		const Charge *charge = &coordinator->charges[i];

		if (pgcopy_charge_is(charge, SERVER_FAILED))
			state = "failed";
		else if (pgcopy_charge_is(charge, SERVER_CANCELLED) && strcmp(state, "done") == 0)
			state = "cancelled";
	}
	move_clone(coordinator, state, NULL);
}

static void
answer(Coordinator *coordinator)
{
	pgcopy_request_finish(coordinator->request);
	coordinator->request = NULL;
}

static void
coordinate(Coordinator *coordinator, const ServerOrder *order)
{
	take_order(coordinator, order);
	pgcopy_dispatch_order(coordinator);
	answer(coordinator);
	pgcopy_dispatch_run(coordinator);
	end_clone(coordinator);
}

/* Record what ended the clone: a cancel, or what cannot be done at all. */
static void
end_badly(Coordinator *coordinator, ErrorData *error)
{
	bool		is_cancelled = pgcopy_process_is_cancelled();

	pgcopy_process_ignore_cancels();
	AbortCurrentTransaction();
	MemoryContextSwitchTo(TopMemoryContext);
	if (coordinator->request != NULL)
		pgcopy_request_refuse(coordinator->request, error);
	if (coordinator->area == NULL)
		ReThrowError(error);
	pgcopy_dispatch_cancel(coordinator);
	move_clone(coordinator, is_cancelled ? "cancelled" : "failed",
			   is_cancelled ? NULL : error->message);
}

void
pgcopy_coordinator_main(Datum arg)
{
	Coordinator *coordinator = MemoryContextAllocZero(TopMemoryContext, sizeof(Coordinator));
	ProcessArgs args;
	ServerOrder order;

	pgcopy_process_begin(&args);
	pgcopy_process_commit_durably();
	MemoryContextSwitchTo(TopMemoryContext);
	coordinator->request = pgcopy_request_attach(args.control, &order);
	if (coordinator->request == NULL)
		return;					/* the caller is gone */
	PG_TRY();
	{
		coordinate(coordinator, &order);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(TopMemoryContext);
		error = CopyErrorData();
		FlushErrorState();
		end_badly(coordinator, error);
	}
	PG_END_TRY();
}
