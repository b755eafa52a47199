/*-------------------------------------------------------------------------
 *
 * clone.c
 *	  pgcopy_clone(): check the arguments, store the job, start its leader.
 *
 * Check here what can be checked quickly: arguments, rights, this server, and
 * one connection to the source.  The leader checks the rest before it changes
 * anything.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "api/order.h"
#include "catalog/job.h"
#include "schema/tools.h"
#include "source/preflight.h"
#include "source/session.h"

extern PGDLLEXPORT Datum pgcopy_clone(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgcopy_clone);

/* Each argument after the source is the option of its name. */
static void
get_options(FunctionCallInfo fcinfo, JobOptions *options)
{
	Oid			function = fcinfo->flinfo->fn_oid;
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Oid		   *types;
	char	  **names;
	char	   *modes;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	(void) get_func_arg_info(tuple, &types, &names, &modes);
	ReleaseSysCache(tuple);

	pgcopy_options_set_defaults(options);
	for (int i = 1; i < PG_NARGS(); i++)
	{
		Oid			type = types[i] == ANYOID ? get_fn_expr_argtype(fcinfo->flinfo, i) : types[i];
		Oid			output;
		bool		is_varlena;

		getTypeOutputInfo(type, &output, &is_varlena);
		pgcopy_options_set(options, names[i], PG_ARGISNULL(i) ? NULL :
						   OidOutputFunctionCall(output, PG_GETARG_DATUM(i)));
	}
}

static void
get_arguments(FunctionCallInfo fcinfo, Job *job)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("source must not be null"),
				 errhint("Give a connection string, a URI, or the name of a foreign server.")));
	job->conninfo = text_to_cstring(PG_GETARG_TEXT_PP(0));
	get_options(fcinfo, &job->options);
	pgcopy_options_check_maps(&job->options);
}

/* Connect once: that reveals most mistakes. */
static void
check_source(const SourceConninfo *conninfo)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pgcopy source check",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	SourceSession *session = pgcopy_session_open(conninfo, "pgcopy_clone");

	pgcopy_tools_check(pgcopy_session_version(session));
	pgcopy_finding_throw(pgcopy_preflight_check_database(session));
	pgcopy_session_close(session);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}

Datum
pgcopy_clone(PG_FUNCTION_ARGS)
{
	Job			job = {.owner = GetUserId()};
	SourceConninfo *conninfo;

	get_arguments(fcinfo, &job);
	pgcopy_order_check_server("clone");
	pgcopy_order_check_role(job.owner);
	conninfo = pgcopy_conninfo_resolve(job.conninfo, job.owner);
	check_source(conninfo);

	job.source = pstrdup(conninfo->printable);
	job.id = pgcopy_job_insert(&job);
	pgcopy_order_start_leader(&job, RESUME_UNSAID);
	PG_RETURN_INT64(job.id);
}
