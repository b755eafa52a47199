/*-------------------------------------------------------------------------
 *
 * follow_add.c
 *	  pgcopy_follow_add(): follow one more table.
 *
 * The caller does it himself; the leader of the job sees the result.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"

#include "api/order.h"
#include "run/add.h"

extern PGDLLEXPORT Datum pgcopy_follow_add(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgcopy_follow_add);

static RangeVar *
get_table(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("table must not be null"),
				 errhint("Give its name, such as 'public.orders'.")));
	return makeRangeVarFromNameList(textToQualifiedNameList(PG_GETARG_TEXT_PP(1)));
}

/* As regclass does: without a schema it is that of a table that is here. */
static void
complete_name(RangeVar *table)
{
	if (table->schemaname == NULL)
		table->schemaname =
			get_namespace_name(get_rel_namespace(RangeVarGetRelid(table, NoLock, false)));
}

/* Lock the job's row, and throw unless it follows and is in no cutover. */
static const Follow *
lock_follow(const Job *job)
{
	const Follow *follow = pgcopy_follow_lock(job->id);

	if (follow == NULL || job->state != JOB_FOLLOWING ||
		!OidIsValid(follow->subscription) || follow->lost != NULL || follow->is_open)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("job " INT64_FORMAT " is not following its source", job->id),
				 errdetail("It is %s.", pgcopy_words_of_job_state(job->state))));
	if (follow->cutover_lsn != InvalidXLogRecPtr)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("a cutover of job " INT64_FORMAT " is running", job->id)));
	return follow;
}

Datum
pgcopy_follow_add(PG_FUNCTION_ARGS)
{
	int64		id = pgcopy_order_get_job(fcinfo);
	RangeVar   *table = get_table(fcinfo);
	const Job  *job;
	const Follow *follow;
	SourceSession *session;
	bool		is_added;

	pgcopy_order_check_server("follow a table");
	job = pgcopy_job_fetch_own(id);
	follow = lock_follow(job);
	complete_name(table);
	session = pgcopy_session_open(pgcopy_conninfo_resolve(job->conninfo, job->owner),
								  psprintf("pgcopy job " INT64_FORMAT " add", id));
	is_added = pgcopy_add_table(follow, session, table->schemaname, table->relname);
	pgcopy_session_close(session);
	PG_RETURN_BOOL(is_added);
}
