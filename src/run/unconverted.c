/*-------------------------------------------------------------------------
 *
 * unconverted.c
 *	  Planning has failed because a text of the source does not convert: name
 *	  the objects that have such texts.
 *
 * Our own queries and pg_dump fail for the first such text, with nothing but its
 * bytes.  pg_dump passes on the source's words, which may be in any language, so
 * any failure of it that is not known for what it is may be one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/job.h"
#include "run/leader.h"
#include "source/conversion.h"

static bool
may_be_conversion(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_UNTRANSLATABLE_CHARACTER ||
		error->sqlerrcode == ERRCODE_CHARACTER_NOT_IN_REPERTOIRE ||
		error->sqlerrcode == ERRCODE_EXTERNAL_ROUTINE_EXCEPTION;
}

/*
 * Search in a session without a transaction; record what is found.  Returns the
 * error to throw instead, in the leader's context, or NULL.
 */
static ErrorData *
find_better(Leader *leader, const ErrorData *error)
{
	ErrorData  *better = NULL;
	List	   *findings;

	pgcopy_link_close(leader->link);
	pgcopy_leader_begin(leader);
	pgcopy_link_open(leader->link);
	findings = pgcopy_conversion_find(pgcopy_link_session(leader->link));
	if (findings != NIL)
	{
		Finding    *finding = linitial(findings);

		finding->detail = psprintf("%s  The error was: %s", finding->detail, error->message);
		MemoryContextSwitchTo(leader->context);
		better = pgcopy_finding_error(findings);
		pgcopy_error_insert(leader->job->id, &(JobError) {
			.is_final = true,
			.error = better,
			.object = finding->object
		});
	}
	pgcopy_leader_commit(leader);
	return better;
}

void
pgcopy_unconverted_report(Leader *leader, ErrorData *error)
{
	MemoryContext caller = CurrentMemoryContext;
	ErrorData  *volatile better = NULL;

	if (!may_be_conversion(error))
		return;
	PG_TRY();
	{
		better = find_better(leader, error);
	}
	PG_CATCH();
	{
		/* the first error says more than that the search failed */
		FreeErrorData(pgcopy_leader_catch(leader));
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	if (better == NULL)
		return;
	leader->error_is_recorded = true;
	ThrowErrorData(better);
}
