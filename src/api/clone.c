/*-------------------------------------------------------------------------
 *
 * clone.c
 *	  pgcopy_clone(): check an order, write it down, start its leader.
 *
 * What can be told wrong at once is an error here, before there is a job: the
 * arguments, the rights, the server's state, and the source (it is connected
 * to once).  The rest, which takes time, is the leader's: it looks before it
 * changes anything.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "api/order.h"
#include "catalog/job.h"
#include "schema/tools.h"
#include "source/inventory.h"
#include "source/session.h"

extern PGDLLEXPORT Datum pgcopy_clone(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgcopy_clone);

/* Processes of one job, of either kind. */
#define MAX_JOBS 64

/* Positions of the arguments of pgcopy_clone(). */
enum
{
	ARG_SOURCE,
	ARG_TABLE_JOBS,
	ARG_INDEX_JOBS,
	ARG_SPLIT,
	ARG_NO_OWNER,
	ARG_NO_PRIVILEGES,
	ARG_NO_COMMENTS,
	ARG_NO_TABLESPACES,
	ARG_LARGE_OBJECTS,
	ARG_FOREIGN_KEYS,
	ARG_ON_ERROR,
	ARG_FORMAT,
	NARGS
};

static const char *const argument_names[NARGS] = {
	"source", "table_jobs", "index_jobs", "split_tables_larger_than",
	"no_owner", "no_privileges", "no_comments", "no_tablespaces",
	"large_objects", "foreign_keys", "on_error", "format"
};

static void
check_not_null(FunctionCallInfo fcinfo)
{
	for (int i = 0; i < NARGS; i++)
	{
		if (!PG_ARGISNULL(i))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", argument_names[i]),
				 i == ARG_SOURCE ?
				 errhint("Give a connection string, a URI, or the name of a foreign server.") :
				 errhint("Leave the argument out to get its default.")));
	}
}

static int
get_jobs(FunctionCallInfo fcinfo, int arg)
{
	int			jobs = PG_GETARG_INT32(arg);

	if (jobs < 1 || jobs > MAX_JOBS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be between 1 and %d, not %d",
						argument_names[arg], MAX_JOBS, jobs),
				 errhint("A good start is the number of processor cores.")));
	return jobs;
}

/* What pg_size_bytes() refuses gets our hint. */
static void
add_split_hint(void *arg)
{
	errhint("Give split_tables_larger_than a size like '1GB', or '0' to copy each table in one piece.");
}

/* A size with a unit, as pg_size_bytes() takes it; 0 is never. */
static int64
get_split(FunctionCallInfo fcinfo)
{
	ErrorContextCallback context = {
		.previous = error_context_stack,
		.callback = add_split_hint
	};
	int64		bytes;

	error_context_stack = &context;
	bytes = DatumGetInt64(DirectFunctionCall1(pg_size_bytes,
											  PG_GETARG_DATUM(ARG_SPLIT)));
	if (bytes < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("split_tables_larger_than must not be negative")));
	error_context_stack = context.previous;
	return bytes;
}

/* One of two or three words; returns its position. */
static int
get_word(FunctionCallInfo fcinfo, int arg, const char *const *words, int nwords)
{
	char	   *value = text_to_cstring(PG_GETARG_TEXT_PP(arg));
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < nwords; i++)
	{
		if (strcmp(value, words[i]) == 0)
			return i;
		appendStringInfo(&list, "%s\"%s\"", i == 0 ? "" : ", ", words[i]);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for %s: \"%s\"", argument_names[arg], value),
			 errhint("Valid values are %s.", list.data)));
}

static void
get_arguments(FunctionCallInfo fcinfo, Job *job)
{
	static const char *const foreign_keys[] = {"validate", "not valid"};
	static const char *const on_error[] = {"stop", "continue"};
	static const char *const formats[] = {"auto", "binary", "text"};

	check_not_null(fcinfo);
	job->conninfo = text_to_cstring(PG_GETARG_TEXT_PP(ARG_SOURCE));
	job->table_jobs = get_jobs(fcinfo, ARG_TABLE_JOBS);
	job->index_jobs = get_jobs(fcinfo, ARG_INDEX_JOBS);
	job->split_bytes = get_split(fcinfo);
	job->no_owner = PG_GETARG_BOOL(ARG_NO_OWNER);
	job->no_privileges = PG_GETARG_BOOL(ARG_NO_PRIVILEGES);
	job->no_comments = PG_GETARG_BOOL(ARG_NO_COMMENTS);
	job->no_tablespaces = PG_GETARG_BOOL(ARG_NO_TABLESPACES);
	job->large_objects = PG_GETARG_BOOL(ARG_LARGE_OBJECTS);
	job->validate_foreign_keys = get_word(fcinfo, ARG_FOREIGN_KEYS, foreign_keys, 2) == 0;
	job->stop_on_error = get_word(fcinfo, ARG_ON_ERROR, on_error, 2) == 0;
	job->format = pstrdup(formats[get_word(fcinfo, ARG_FORMAT, formats, 3)]);
}

/* Connect once: most mistakes show here. */
static void
check_source(const SourceConninfo *conninfo)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pgcopy source check",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	SourceSession *session = pgcopy_session_open(conninfo, "pgcopy_clone");

	pgcopy_tools_check(pgcopy_session_version(session));
	pgcopy_inventory_check_not_this_database(session);
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
