/*-------------------------------------------------------------------------
 *
 * guard.c
 *	  Refuse to drop what a job uses that runs, or that has something on its source.
 *
 * DROP EXTENSION, DROP SCHEMA of the extension's schema and DROP OWNED would
 * wait for a worker, perhaps for hours, and block everybody who looks at the
 * job or wants to cancel it.  An event trigger refuses them before they lock.
 * Without the extension nobody would know of the slot that a job has made on its
 * source, which keeps WAL there until the disk is full.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/event_trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
#include "utils/acl.h"

#include "catalog/follow.h"
#include "catalog/job.h"
#include "catalog/query.h"
#include "catalog/server.h"
#include "catalog/survey.h"

extern PGDLLEXPORT Datum pgcopy_guard(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgcopy_guard);

/* Return the extension's schema, or NULL. */
static char *
fetch_extension_schema(void)
{
	static CatalogQuery query = {
		"SELECT n.nspname FROM pg_catalog.pg_extension AS e"
		" JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace"
		" WHERE e.extname = 'pgcopydb_ext'"
	};
	CatalogScope scope;
	char	   *schema;

	pgcopy_query_begin(&scope);
	schema = pgcopy_query_run(&query, NULL) > 0 ?
		pgcopy_query_text(0, "nspname") : NULL;
	pgcopy_query_end(&scope);
	return schema;
}

/* Does the command drop the extension, or its schema? */
static bool
names_extension(const DropStmt *statement)
{
	const char *name = statement->removeType == OBJECT_SCHEMA ?
		fetch_extension_schema() : "pgcopydb_ext";
	ListCell   *lc;

	foreach(lc, statement->objects)
	{
		if (name != NULL && strcmp(strVal(lfirst(lc)), name) == 0)
			return true;
	}
	return false;
}

/* Does the command drop what the role owns? */
static bool
names_role(const DropOwnedStmt *statement, Oid role)
{
	ListCell   *lc;

	foreach(lc, statement->roles)
	{
		if (get_rolespec_oid(lfirst(lc), true) == role)
			return true;
	}
	return false;
}

/* Does the command drop what a job or a server clone of this role needs? */
static bool
is_concerned(Node *statement, Oid owner)
{
	if (IsA(statement, DropStmt))
		return names_extension((DropStmt *) statement);
	return IsA(statement, DropOwnedStmt) &&
		(names_role((DropOwnedStmt *) statement, owner) ||
		 names_role((DropOwnedStmt *) statement, pgcopy_query_owner()));
}

static void
check_servers(Node *statement)
{
	ListCell   *lc;

	foreach(lc, pgcopy_server_unended())
	{
		const ServerClone *clone = lfirst(lc);

		if (!pgcopy_job_has_coordinator(MyDatabaseId, clone->id) ||
			!is_concerned(statement, clone->owner))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("server clone " INT64_FORMAT " is running", clone->id),
				 errdetail("The command would drop objects it uses."),
				 errhint("Run SELECT pgcopy_cancel_server(" INT64_FORMAT ") first.", clone->id)));
	}
}

static void
check_running(Node *statement)
{
	ListCell   *lc;

	foreach(lc, pgcopy_survey_unended())
	{
		int64		id = *(int64 *) lfirst(lc);
		Job		   *job = pgcopy_job_fetch(id);

		if (job == NULL || !pgcopy_job_has_leader(id) || !is_concerned(statement, job->owner))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("job " INT64_FORMAT " is running", id),
				 errdetail("The command would drop objects the job uses."),
				 errhint("Run SELECT pgcopy_cancel(" INT64_FORMAT ") first.", id)));
	}
}

/* With or without a leader. */
static void
check_followed(Node *statement)
{
	ListCell   *lc;

	foreach(lc, pgcopy_follow_unsettled())
	{
		int64		id = *(int64 *) lfirst(lc);
		Job		   *job = pgcopy_job_fetch(id);

		if (job == NULL || !is_concerned(statement, job->owner))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("job " INT64_FORMAT " has a replication slot or a publication on its source", id),
				 errdetail("After the command nobody would know of it, and the slot would keep WAL there."),
				 errhint("Run SELECT pgcopy_cancel(" INT64_FORMAT ", cleanup => true) or SELECT pgcopy_drop("
						 INT64_FORMAT ") first.", id, id)));
	}
}

Datum
pgcopy_guard(PG_FUNCTION_ARGS)
{
	EventTriggerData *event = (EventTriggerData *) fcinfo->context;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("pgcopy.guard() must be called by an event trigger")));
	check_running(event->parsetree);
	check_followed(event->parsetree);
	check_servers(event->parsetree);
	PG_RETURN_NULL();
}
