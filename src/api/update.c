/*-------------------------------------------------------------------------
 *
 * update.c
 *	  pgcopy.begin_update(): may the objects of the extension be updated now?
 *
 * Each update script calls it before it changes anything.  A job that runs would
 * find other tables and functions halfway: an error, before anybody is made to wait
 * for a lock.  Then jobs are locked, and looked at again: an order that was on its
 * way has its leader by then.
 *
 * Jobs that have stopped are told of: the new version does not continue them
 * (catalog/version.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "catalog/job.h"
#include "catalog/server.h"
#include "catalog/survey.h"
#include "catalog/version.h"

extern PGDLLEXPORT Datum pgcopy_begin_update(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgcopy_begin_update);

static void
check_jobs(void)
{
	ListCell   *lc;

	foreach(lc, pgcopy_survey_unended())
	{
		int64		id = *(int64 *) lfirst(lc);

		if (pgcopy_job_is_interrupted(id))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("job " INT64_FORMAT " is running", id),
				 errdetail("An update would change the tables and functions it uses."),
				 errhint("Wait until it has ended, or cancel it: another version does not continue it.")));
	}
}

static void
check_servers(void)
{
	ListCell   *lc;

	foreach(lc, pgcopy_server_unended())
	{
		const ServerClone *clone = lfirst(lc);

		if (!pgcopy_job_has_coordinator(MyDatabaseId, clone->id))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("server clone " INT64_FORMAT " is running", clone->id),
				 errdetail("An update would change the tables and functions it uses."),
				 errhint("Wait until it has ended, or cancel it: another version does not continue its jobs.")));
	}
}

Datum
pgcopy_begin_update(PG_FUNCTION_ARGS)
{
	int			stopped;

	check_jobs();
	check_servers();
	pgcopy_version_lock_jobs();
	check_jobs();
	check_servers();
	stopped = pgcopy_survey_stopped();
	if (stopped > 0)
		ereport(WARNING,
				(errmsg_plural("%d job has stopped, and cannot be resumed after the update",
							   "%d jobs have stopped, and cannot be resumed after the update",
							   stopped, stopped),
				 errhint("The view pgcopy_progress says what to do with them.")));
	PG_RETURN_VOID();
}
