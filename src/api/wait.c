/*-------------------------------------------------------------------------
 *
 * wait.c
 *	  pgcopy_wait(): wait for the end of a job, and tell how far it is.
 *
 * A job that follows does not end by itself: the wait is over once its target has
 * caught up.
 *
 * Each look reads one row of pgcopy.job and one lock, with a fresh snapshot.
 * The caller's statement keeps its own snapshot all the time: the executor owns
 * it, and may still need it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "api/live.h"
#include "api/order.h"
#include "catalog/job.h"

extern PGDLLEXPORT Datum pgcopy_wait(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgcopy_wait);

/*
 * Pauses in ms: a twentieth of the time waited so far, within these limits.
 */
#define FIRST_LOOK 5
#define LONGEST_LOOK 250

/* Time between two NOTICEs, ms. */
#define TELL_INTERVAL 3000

typedef struct Wait
{
	int64		job;
	TimestampTz started;
	TimestampTz deadline;
	bool		is_verbose;
	TimestampTz told_at;		/* 0: nothing told yet */
	char	   *told;			/* the last line, or NULL */
	MemoryContext context;		/* reset after each look */
} Wait;

/*
 * Refuse to wait for a job that this transaction ordered: its leader waits for
 * our commit.
 */
static void
check_is_committed(int64 id)
{
	if (pgcopy_job_is_of_this_transaction(id))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot wait for job " INT64_FORMAT " in the transaction that started it",
						id),
				 errdetail("The job starts when this transaction commits."),
				 errhint("COMMIT, then call pgcopy_wait(" INT64_FORMAT ").", id)));
}

/* Compute when to stop waiting; a null timeout means never. */
static TimestampTz
get_deadline(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(1))
		return DT_NOEND;
	return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
												   TimestampTzGetDatum(GetCurrentTimestamp()),
												   PG_GETARG_DATUM(1)));
}

/* One line about the job, as far as its leader publishes figures. */
static char *
describe(int64 job)
{
	ControlView *view = pgcopy_live_peek(job);
	JobFigures	figures;

	if (view == NULL)
		return pgcopy_job_line(job, NULL);
	figures.percent = view->totals.percent;
	figures.tables_done = view->totals.tables_done;
	figures.indexes_done = view->totals.indexes_done;
	figures.bytes_done = view->totals.bytes_done;
	figures.bytes_per_second = view->totals.bytes_per_second;
	figures.eta_seconds = view->totals.eta_seconds;
	figures.message = view->totals.message;
	if (figures.message[0] == '\0')
		figures.message = pgcopy_live_hold_up(job);
	if (figures.message == NULL)
		figures.message = "";
	return pgcopy_job_line(job, &figures);
}

/* Tell how far the job is, if that is new and the last time was not just now. */
static void
tell(Wait *wait)
{
	TimestampTz now = GetCurrentTimestamp();
	char	   *line;

	if (wait->told_at != 0 &&
		!TimestampDifferenceExceeds(wait->told_at, now, TELL_INTERVAL))
		return;
	line = describe(wait->job);
	if (line == NULL || (wait->told != NULL && strcmp(line, wait->told) == 0))
		return;
	ereport(NOTICE, (errmsg("job " INT64_FORMAT " %s", wait->job, line)));
	wait->told_at = now;
	if (wait->told != NULL)
		pfree(wait->told);
	wait->told = MemoryContextStrdup(GetMemoryChunkContext(wait), line);
}

/* A hint, and then to resume the job, unless the hint says so itself. */
static const char *
what_to_do(int64 job, const char *hint)
{
	if (hint != NULL && strstr(hint, "pgcopy_resume(") != NULL)
		return hint;
	return psprintf("%s%sThen SELECT pgcopy_resume(" INT64_FORMAT ").",
					hint != NULL ? hint : "", hint != NULL ? "  " : "", job);
}

/* Tell how the job has ended, and what to type next. */
static void
tell_end(const Wait *wait, const char *state)
{
	JobFailure *failure = pgcopy_job_line_failure(wait->job);

	if (strcmp(state, "done") == 0)
		ereport(NOTICE,
				(errmsg("job " INT64_FORMAT " %s", wait->job,
						pgcopy_job_line(wait->job, NULL)),
				 failure ? errhint("It had errors: SELECT * FROM pgcopy_errors WHERE job = " INT64_FORMAT,
								   wait->job) : 0));
	else if (strcmp(state, "failed") == 0 && failure != NULL)
		ereport(NOTICE,
				(errmsg("job " INT64_FORMAT " failed: %s", wait->job, failure->message),
				 failure->detail ? errdetail_internal("%s", failure->detail) : 0,
				 errhint("%s", what_to_do(wait->job, failure->hint))));
	else if (strcmp(state, "following") == 0)
		ereport(NOTICE, (errmsg("job " INT64_FORMAT " %s", wait->job, describe(wait->job))));
	else
		ereport(NOTICE,
				(errmsg("job " INT64_FORMAT " is %s", wait->job, state),
				 errhint("To go on: SELECT pgcopy_resume(" INT64_FORMAT ")",
						 wait->job)));
}

/* Has the target of a job that follows caught up, and goes on following? */
static bool
is_caught_up(int64 job)
{
	ControlView *view = pgcopy_live_peek(job);

	return view != NULL && view->follow.is_valid && view->follow.is_caught_up &&
		!view->is_told_to_stop;
}

/*
 * Look at the job; returns whether it has ended or caught up, or its processes are gone.
 */
static bool
look(Wait *wait, const char **state)
{
	MemoryContext caller = MemoryContextSwitchTo(wait->context);
	JobState	found = pgcopy_job_fetch_own(wait->job)->state;
	bool		has_ended = pgcopy_job_has_ended(found);

	*state = pgcopy_words_of_job_state(found);
	if (!has_ended && pgcopy_job_is_interrupted(wait->job))
	{
		*state = "interrupted";
		has_ended = true;
	}
	else if (found == JOB_FOLLOWING)
		has_ended = is_caught_up(wait->job);
	if (wait->is_verbose && has_ended)
		tell_end(wait, *state);
	else if (wait->is_verbose)
		tell(wait);
	MemoryContextSwitchTo(caller);
	MemoryContextReset(wait->context);
	return has_ended;
}

static void
pause_before_look(const Wait *wait)
{
	TimestampTz now = GetCurrentTimestamp();
	long		waited = TimestampDifferenceMilliseconds(wait->started, now);
	long		pause = Min(Max(waited / 20, FIRST_LOOK), LONGEST_LOOK);

	if (wait->deadline != DT_NOEND)
		pause = Min(pause, TimestampDifferenceMilliseconds(now, wait->deadline) + 1);
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 pause, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

Datum
pgcopy_wait(PG_FUNCTION_ARGS)
{
	Wait	   *wait = palloc0(sizeof(Wait));
	const char *state;

	wait->job = pgcopy_order_get_job(fcinfo);
	wait->started = GetCurrentTimestamp();
	wait->is_verbose = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2);
	wait->context = AllocSetContextCreate(CurrentMemoryContext, "pgcopy wait",
										  ALLOCSET_SMALL_SIZES);
	(void) pgcopy_job_fetch_own(wait->job);
	check_is_committed(wait->job);
	wait->deadline = get_deadline(fcinfo);

	while (!look(wait, &state) && GetCurrentTimestamp() < wait->deadline)
		pause_before_look(wait);
	PG_RETURN_TEXT_P(cstring_to_text(state));
}
