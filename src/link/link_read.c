/*-------------------------------------------------------------------------
 *
 * link_read.c
 *	  Read the source at one moment, in as many attempts as that takes.
 *
 * A snapshot does not protect definitions.  If DDL changes them while they are
 * read, start over with a new snapshot, a few times.  A lock that pg_dump
 * cannot get counts as a change: an ALTER TABLE has queued up behind our lock.
 * If the source goes away, wait for it (link_outage.c) and start over too.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "link/link_private.h"

/* Attempts to find the source unchanged. */
#define MOST_CHANGES 5

/* Judge an attempt's error; rethrow it if another attempt cannot help. */
static LinkOutcome
judge_error(SourceLink *link, ErrorData *error, char **what)
{
	LinkOutcome result = ATTEMPT_AWAY;

	pgcopy_link_forget_snapshot(link);
	if (error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE)
	{
		*what = "a table of the source is locked";
		result = ATTEMPT_CHANGED;
	}
	else
		pgcopy_link_outage_note(link, error);
	FreeErrorData(error);
	return result;
}

/* Make one attempt in a transaction of its own. */
static LinkOutcome
read_once(SourceLink *link, LinkAttempt attempt, void *arg, char **what)
{
	MemoryContext caller = CurrentMemoryContext;
	volatile LinkOutcome result = ATTEMPT_CHANGED;
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		link->owner.begin(link->owner.arg);
		result = attempt(arg, what);
		if (result == ATTEMPT_CHANGED)
		{
			*what = MemoryContextStrdup(link->context, *what);
			link->owner.abort(link->owner.arg);
		}
		else
			link->owner.commit(link->owner.arg);
	}
	PG_CATCH();
	{
		if (link->owner.is_cancelled())
			PG_RE_THROW();
		error = pgcopy_link_catch(link);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	return error == NULL ? result : judge_error(link, error, what);
}

static void
tell_change(SourceLink *link, const char *what)
{
	char	   *message = psprintf("the source changed while it was being read (%s); reading it again",
								   what);

	pgcopy_link_tell(link, message);
	pfree(message);
}

static void report_changes(const char *what) pg_attribute_noreturn();

static void
report_changes(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_IN_USE),
			 errmsg("the schema of the source keeps changing"),
			 errdetail("In attempt %d: %s.", MOST_CHANGES, what),
			 errhint("Clone again when no DDL runs on the source.")));
}

LinkOutcome
pgcopy_link_read(SourceLink *link, LinkAttempt attempt, void *arg)
{
	char	   *what = NULL;
	int			changes = 0;

	Assert(!IsTransactionState());
	for (;;)
	{
		switch (read_once(link, attempt, arg, &what))
		{
			case ATTEMPT_DONE:
				return ATTEMPT_DONE;
			case ATTEMPT_GONE:
				pgcopy_link_drop(link, LINK_GONE);
				return ATTEMPT_GONE;
			case ATTEMPT_AWAY:
				pgcopy_link_outage_wait(link);
				break;
			case ATTEMPT_CHANGED:
				pgcopy_link_close(link);
				tell_change(link, what);
				if (++changes == MOST_CHANGES)
					report_changes(what);
				break;
		}
	}
}
