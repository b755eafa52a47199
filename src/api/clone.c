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

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "api/order.h"
#include "catalog/follow.h"
#include "catalog/job.h"
#include "catalog/version.h"
#include "replica/replica_needs.h"
#include "schema/tools.h"
#include "select/selection.h"
#include "select/subset.h"
#include "source/conversion.h"
#include "source/preflight.h"
#include "source/session.h"
#include "stream/publication.h"
#include "stream/stream_needs.h"

extern PGDLLEXPORT Datum pgcopy_clone(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgcopy_clone);

static void
get_arguments(FunctionCallInfo fcinfo, Job *job)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("source must not be null"),
				 errhint("Give a connection string, a URI, or the name of a foreign server.")));
	job->conninfo = text_to_cstring(PG_GETARG_TEXT_PP(0));
	pgcopy_order_get_options(fcinfo, 1, &job->options);
}

/* Does the source have what the options name?  Throws if not; NULL selects all. */
static Selection *
make_selection(SourceSession *session, const JobOptions *options)
{
	Selection  *selection;

	if (!pgcopy_selection_is_wanted(options))
		return NULL;
	pgcopy_session_exec(session, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
	selection = pgcopy_selection_make(session, options);
	pgcopy_session_exec(session, "COMMIT");
	return selection;
}

/*
 * Names are read to find those that the options name.  One that does not fit into
 * this database's encoding comes without its object: look for all that do not fit.
 */
static Selection *
make_selection_or_name_texts(const SourceConninfo *conninfo, SourceSession *session,
							 const JobOptions *options)
{
	MemoryContext context = CurrentMemoryContext;
	Selection  *volatile selection = NULL;

	PG_TRY();
	{
		selection = make_selection(session, options);
	}
	PG_CATCH();
	{
		if (geterrcode() == ERRCODE_UNTRANSLATABLE_CHARACTER)
		{
			ErrorData  *error;

			MemoryContextSwitchTo(context);
			error = CopyErrorData();
			FlushErrorState();
			pgcopy_finding_throw(pgcopy_conversion_find(pgcopy_session_open(conninfo, "pgcopy_clone")));
			ReThrowError(error);
		}
		PG_RE_THROW();
	}
	PG_END_TRY();
	return selection;
}

/* Connect once: that reveals most mistakes. */
static void
check_source(const SourceConninfo *conninfo, const JobOptions *options)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pgcopy source check",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	SourceSession *session = pgcopy_session_open(conninfo, "pgcopy_clone");

	if (pgcopy_options_need_dump(options))
		pgcopy_tools_check(pgcopy_session_version(session));
	pgcopy_finding_throw(pgcopy_preflight_check_database(session));
	if (options->follow)
		pgcopy_finding_throw(pgcopy_stream_needs_check_settings(session));
	if (options->publication[0] != '\0')
		pgcopy_finding_throw(pgcopy_publication_check(session, options->publication));
	pgcopy_subset_check(session, options,
						make_selection_or_name_texts(conninfo, session, options));
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
	pgcopy_version_check();
	pgcopy_order_check_role(job.owner);
	if (job.options.follow)
		pgcopy_finding_throw(list_concat(pgcopy_replica_needs_check_role(job.owner),
										 pgcopy_replica_needs_check_room()));
	conninfo = pgcopy_conninfo_resolve(job.conninfo, job.owner);
	check_source(conninfo, &job.options);

	job.source = pstrdup(conninfo->printable);
	job.id = pgcopy_job_insert(&job);
	if (job.options.follow)
		pgcopy_follow_insert(job.id, job.options.publication);
	pgcopy_order_start_leader(&job, RESUME_UNSAID);
	PG_RETURN_INT64(job.id);
}
