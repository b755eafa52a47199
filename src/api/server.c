/*-------------------------------------------------------------------------
 *
 * server.c
 *	  pgcopy_clone_server(), and the other functions for whole servers.
 *
 * Check here what can be checked before anything is changed: arguments, rights,
 * the source's databases and what this server lacks for them.  A coordinator
 * does the rest, at once and in transactions of its own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "api/order.h"
#include "catalog/server.h"
#include "catalog/version.h"
#include "run/control.h"
#include "run/server_area.h"
#include "schema/tools.h"
#include "server/choose.h"
#include "server/request.h"
#include "source/databases.h"
#include "source/preflight.h"

extern PGDLLEXPORT Datum pgcopy_clone_server(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgcopy_clone_server);
extern PGDLLEXPORT Datum pgcopy_resume_server(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgcopy_resume_server);
extern PGDLLEXPORT Datum pgcopy_cancel_server(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgcopy_cancel_server);
extern PGDLLEXPORT Datum pgcopy_wait_server(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgcopy_wait_server);
extern PGDLLEXPORT Datum pgcopy_drop_server(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgcopy_drop_server);
extern PGDLLEXPORT Datum pgcopy_server_live(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgcopy_server_live);
extern PGDLLEXPORT Datum pgcopy_server_is_interrupted(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgcopy_server_is_interrupted);

#define JOB_COLUMNS 2
#define LIVE_COLUMNS 10
#define LONGEST_LOOK 250		/* ms */

/* Databases and the extension in them are for superusers. */
static void
check_role(const char *function)
{
	if (superuser())
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for function %s", function),
			 errdetail("Only a superuser can create databases of other owners and this extension in them."),
			 errhint("Let a superuser call it, or call pgcopy_clone() in each database.")));
}

/* Read the patterns of the argument "databases"; NIL: all. */
static List *
get_patterns(FunctionCallInfo fcinfo)
{
	List	   *patterns = NIL;
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	if (PG_ARGISNULL(1))
		return NIL;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("databases must not contain null"),
					 errhint("Give patterns such as 'app*'.")));
		patterns = lappend(patterns, TextDatumGetCString(elements[i]));
	}
	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("databases must not be empty"),
				 errhint("Leave the argument out to clone all databases.")));
	return patterns;
}

/* Return the databases and jobs of a server clone; tell those that have none. */
static void
return_jobs(FunctionCallInfo fcinfo, int64 clone)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *lc;

	foreach(lc, pgcopy_server_databases(clone))
	{
		const ServerDatabase *database = lfirst(lc);
		Datum		values[JOB_COLUMNS];
		bool		nulls[JOB_COLUMNS] = {false, database->job == 0};

		if (strcmp(database->state, SERVER_LEFT_OUT) == 0)
			continue;
		if (database->job == 0)
			ereport(WARNING,
					(errmsg("no job was ordered in database \"%s\"", database->name),
					 errhint("SELECT * FROM pgcopy_server_progress says why.")));
		values[0] = DirectFunctionCall1(namein, CStringGetDatum(database->name));
		values[1] = Int64GetDatum(database->job);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
}

Datum
pgcopy_clone_server(PG_FUNCTION_ARGS)
{
	JobOptions	options;
	ServerOrder order = {0};
	List	   *patterns;
	List	   *databases;
	SourceConninfo *conninfo;
	SourceSession *session;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("source must not be null"),
				 errhint("Give a connection string, a URI, or the name of a foreign server.")));
	pgcopy_version_begin_rows(fcinfo, JOB_COLUMNS);
	pgcopy_order_get_options(fcinfo, 2, &options);
	patterns = get_patterns(fcinfo);
	pgcopy_order_check_server("clone");
	check_role("pgcopy_clone_server");
	pgcopy_version_check();
	pgcopy_order_check_role(GetUserId());
	conninfo = pgcopy_conninfo_resolve(text_to_cstring(PG_GETARG_TEXT_PP(0)), GetUserId());

	session = pgcopy_databases_open(conninfo, GetUserId(), "pgcopy_clone_server");
	pgcopy_tools_check(pgcopy_session_version(session));
	pgcopy_finding_throw(pgcopy_preflight_check_server(session));
	databases = pgcopy_choose_databases(session, patterns, &options);
	pgcopy_choose_check(databases);
	pgcopy_session_close(session);

	order.conninfo = pgcopy_conninfo_string_make(conninfo);
	order.source = conninfo->printable;
	order.options = pgcopy_options_to_json(&options);
	order.databases = pgcopy_choose_to_json(databases);
	order.properties_of_new = PG_ARGISNULL(PG_NARGS() - 1);
	return_jobs(fcinfo, pgcopy_request_run(&order));
	return (Datum) 0;
}

/* Fetch the server clone of the first argument; NULL: the latest of the caller. */
static ServerClone *
get_clone(FunctionCallInfo fcinfo)
{
	int64		id = PG_ARGISNULL(0) ? pgcopy_server_latest() : PG_GETARG_INT64(0);
	ServerClone *clone = pgcopy_server_fetch(id);

	if (clone == NULL || !is_member_of_role(GetUserId(), clone->owner))
		pgcopy_server_throw_missing(PG_ARGISNULL(0) ? 0 : id);
	return clone;
}

static bool
is_running(const ServerClone *clone)
{
	return pgcopy_job_has_coordinator(MyDatabaseId, clone->id);
}

/* The state as users see it. */
static const char *
get_state(const ServerClone *clone)
{
	if (strcmp(clone->state, "running") == 0 && !RecoveryInProgress() && !is_running(clone) &&
		strcmp(pgcopy_server_fetch(clone->id)->state, "running") == 0)
		return "interrupted";
	return clone->state;
}

Datum
pgcopy_resume_server(PG_FUNCTION_ARGS)
{
	ServerClone *clone;
	ServerOrder order = {0};

	pgcopy_version_begin_rows(fcinfo, JOB_COLUMNS);
	pgcopy_order_check_server("resume a server clone");
	check_role("pgcopy_resume_server");
	pgcopy_version_check();
	pgcopy_order_check_role(GetUserId());
	clone = get_clone(fcinfo);
	if (is_running(clone))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("server clone " INT64_FORMAT " is running", clone->id),
				 errhint("See pgcopy_server_progress.")));
	if (clone->conninfo == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot resume server clone " INT64_FORMAT, clone->id),
				 errdetail("It is done."),
				 errhint("Start a new one with pgcopy_clone_server().")));
	if (clone->owner != GetUserId())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("cannot resume server clone " INT64_FORMAT, clone->id),
				 errdetail("Its jobs belong to role \"%s\".", GetUserNameFromId(clone->owner, true)),
				 errhint("Only the role that ordered it can resume it.")));
	order.clone = clone->id;
	order.choice = PG_ARGISNULL(1) ? RESUME_UNSAID :
		PG_GETARG_BOOL(1) ? RESUME_CONSISTENT : RESUME_MIXED;
	return_jobs(fcinfo, pgcopy_request_run(&order));
	return (Datum) 0;
}

Datum
pgcopy_cancel_server(PG_FUNCTION_ARGS)
{
	ServerClone *clone = get_clone(fcinfo);
	int			pid;

	if (strcmp(clone->state, "running") != 0)
		PG_RETURN_BOOL(false);
	pid = pgcopy_job_coordinator_pid(clone->id);
	if (pid == 0)
	{
		pgcopy_order_check_server("cancel a server clone");
		pgcopy_server_cancel_rest(clone->id);
		pgcopy_server_move(clone->id, "cancelled", NULL);
	}
	else if (kill(pid, SIGINT) != 0 && errno != ESRCH)
		ereport(ERROR,
				(errmsg("could not signal process %d: %m", pid)));
	PG_RETURN_BOOL(true);
}

Datum
pgcopy_wait_server(PG_FUNCTION_ARGS)
{
	ServerClone *clone = get_clone(fcinfo);
	int64		id = clone->id;
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz deadline = DT_NOEND;
	long		pause = 5;

	if (!PG_ARGISNULL(1))
		deadline = DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
														   TimestampTzGetDatum(now),
														   PG_GETARG_DATUM(1)));
	while (strcmp(get_state(clone), "running") == 0 &&
		   (now = GetCurrentTimestamp()) < deadline)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 Min(pause, TimestampDifferenceMilliseconds(now, deadline) + 1),
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		pause = Min(pause * 2, LONGEST_LOOK);
		clone = pgcopy_server_fetch(id);
		if (clone == NULL)
			pgcopy_server_throw_missing(id);
	}
	PG_RETURN_TEXT_P(cstring_to_text(get_state(clone)));
}

Datum
pgcopy_drop_server(PG_FUNCTION_ARGS)
{
	ServerClone *clone;

	pgcopy_order_check_server("drop a server clone");
	clone = get_clone(fcinfo);
	if (is_running(clone) || strcmp(clone->state, "running") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("server clone " INT64_FORMAT " has not ended", clone->id),
				 errhint("Run SELECT pgcopy_cancel_server(" INT64_FORMAT ") first.", clone->id)));
	pgcopy_server_delete(clone->id);
	PG_RETURN_BOOL(true);
}

/* Has it lost its coordinator?  NULL: no such one that the caller may see. */
Datum
pgcopy_server_is_interrupted(PG_FUNCTION_ARGS)
{
	ServerClone *clone = pgcopy_server_fetch(PG_GETARG_INT64(0));

	if (clone == NULL || !is_member_of_role(GetUserId(), clone->owner))
		PG_RETURN_NULL();
	PG_RETURN_BOOL(strcmp(get_state(clone), "interrupted") == 0);
}

/* Fill in the figures of a running job, as its leader publishes them. */
static void
set_figures(const ServerReport *report, Datum *values, bool *nulls)
{
	ControlView *view = report->control == 0 ? NULL :
		pgcopy_control_peek(report->control, report->job);
	ControlTotals *totals = view == NULL ? NULL : &view->totals;

	values[0] = CStringGetTextDatum(pgcopy_words_of_job_state(report->state));
	values[1] = Int32GetDatum(Max(totals ? totals->percent : 0, report->totals.percent));
	values[2] = Int32GetDatum(Max(totals ? totals->tables_done : 0, report->totals.tables_done));
	values[3] = Int32GetDatum(report->totals.tables_total);
	values[4] = Int64GetDatum(totals ? totals->rows_done : report->totals.rows_done);
	values[5] = Int64GetDatum(totals ? totals->bytes_done : report->totals.bytes_done);
	values[6] = Int64GetDatum(report->totals.bytes_total);
	nulls[7] = totals == NULL || totals->bytes_per_second < 0;
	values[7] = Int64GetDatum(nulls[7] ? 0 : totals->bytes_per_second);
	nulls[8] = totals == NULL || totals->eta_seconds < 0;
	values[8] = Int64GetDatum(nulls[8] ? 0 : totals->eta_seconds);
	nulls[9] = totals == NULL || totals->message[0] == '\0';
	values[9] = nulls[9] ? (Datum) 0 : CStringGetTextDatum(totals->message);
}

/*
 * The handle of the area comes from the catalog, and that of the job's control
 * from the area: nobody can attach to other shared memory.
 */
Datum
pgcopy_server_live(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int64		clone = PG_GETARG_INT64(0);
	uint32		handle = RecoveryInProgress() ? 0 : pgcopy_server_find_control(clone);
	ServerReport report;
	Datum		values[LIVE_COLUMNS] = {0};
	bool		nulls[LIVE_COLUMNS] = {false};

	pgcopy_version_begin_rows(fcinfo, LIVE_COLUMNS);
	if (handle == 0 ||
		!pgcopy_server_area_peek(handle, clone, PG_GETARG_INT32(1) - 1, &report))
		return (Datum) 0;
	set_figures(&report, values, nulls);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	return (Datum) 0;
}
