/*-------------------------------------------------------------------------
 *
 * cutover.c
 *	  pgcopy_cutover(): have the leader of a job end following.
 *
 * It hands the request to the leader, waits, and writes nothing itself, so that it
 * works in a session that is read-only by our own guard.  When the caller's statement
 * ends for any reason the request is withdrawn, and the leader goes back if it still
 * can.  Once the target is open the caller waits a while for the rest, which the job
 * does on its own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xlog.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"

#include "api/order.h"
#include "base/compat.h"
#include "catalog/follow.h"
#include "catalog/job.h"
#include "run/cutover_request.h"

extern PGDLLEXPORT Datum pgcopy_cutover(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgcopy_cutover);

#define CUTOVER_COLUMNS 4

/* Time between two looks at the leader, and the longest wait for a latch, ms. */
#define LOOK_INTERVAL 1000
#define LONGEST_WAIT 100

/* How long to wait for the end of the job once the target is open, ms. */
#define WAIT_FOR_END 10000

#define MS_PER_DAY INT64CONST(86400000)

static void
check_not_null(FunctionCallInfo fcinfo)
{
	static const char *const names[] = {
		"job", "fence", "rehearse", "max_pause", "grace", "terminate", "ignore_changes",
		"refresh"
	};

	for (int i = 1; i < lengthof(names); i++)
	{
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s must not be null", names[i]),
					 errhint("Leave it out to get its default.")));
	}
}

/* Which of the words an argument is; throws if it is none of them. */
static int
get_word(FunctionCallInfo fcinfo, int arg, const char *name, const char *const *words)
{
	char	   *word = text_to_cstring(PG_GETARG_TEXT_PP(arg));
	StringInfoData hint;

	initStringInfo(&hint);
	for (int i = 0; words[i] != NULL; i++)
	{
		if (strcmp(word, words[i]) == 0)
			return i;
		appendStringInfo(&hint, "%s'%s'", i == 0 ? "" : words[i + 1] == NULL ? " or " : ", ",
						 words[i]);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for %s: \"%s\"", name, word),
			 errhint("It is %s.", hint.data)));
	return 0;
}

/* The milliseconds of an interval that is from "least" to a day. */
static int64
get_ms(FunctionCallInfo fcinfo, int arg, const char *name, int64 least)
{
	const Interval *interval = PG_GETARG_INTERVAL_P(arg);
	int64		ms = interval->time / 1000 +
		(interval->day + (int64) interval->month * DAYS_PER_MONTH) * MS_PER_DAY;

	if (ms < least || ms > MS_PER_DAY)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is out of range", name),
				 errhint(least > 0 ? "It is more than nothing and at most a day, as in %s => '10 s'."
						 : "It is not negative and at most a day, as in %s => '1 s'.", name)));
	return ms;
}

static void
read_request(FunctionCallInfo fcinfo, CutoverRequest *request)
{
	static const char *const fences[] = {"read only", "lock", NULL};
	static const char *const refreshes[] = {"before", "inside", "after", NULL};

	check_not_null(fcinfo);
	memset(request, 0, sizeof(*request));
	request->locks_only = get_word(fcinfo, 1, "fence", fences) == 1;
	request->rehearse = PG_GETARG_BOOL(2);
	request->max_pause_ms = get_ms(fcinfo, 3, "max_pause", 1);
	request->grace_ms = get_ms(fcinfo, 4, "grace", 0);
	request->terminate = PG_GETARG_BOOL(5);
	request->ignore_changes = PG_GETARG_BOOL(6);
	request->refresh = get_word(fcinfo, 7, "refresh", refreshes);
}

/* What to type for a job in a state from which no cutover is possible. */
static char *
hint_for_state(int64 id, JobState state)
{
	switch (state)
	{
		case JOB_DONE:
			return pstrdup("The job needs no cutover any more.");
		case JOB_FAILED:
		case JOB_CANCELLED:
			return psprintf("SELECT pgcopy_resume(" INT64_FORMAT "), and wait until the job is following.", id);
		case JOB_QUEUED:
		case JOB_PLANNING:
		case JOB_PRE_DATA:
		case JOB_COPYING:
		case JOB_POST_DATA:
		case JOB_FOLLOWING:
		case JOB_CUTOVER:
			break;
	}
	return psprintf("SELECT pgcopy_wait(" INT64_FORMAT ") returns once the job is following.", id);
}

/* Throw unless the job follows its source. */
static void
check_state(const Job *job)
{
	const Follow *follow = pgcopy_follow_fetch(job->id);

	if (follow == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("job " INT64_FORMAT " does not follow its source", job->id),
				 errhint("A job that is to follow is ordered with follow => true.")));
	if (follow->is_open && job->state != JOB_DONE)
		pgcopy_cutover_request_throw_open(job->id);
	if (job->state != JOB_FOLLOWING && job->state != JOB_CUTOVER)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("job " INT64_FORMAT " is not following its source", job->id),
				 errdetail("It is %s.", pgcopy_words_of_job_state(job->state)),
				 errhint("%s", hint_for_state(job->id, job->state))));
}

static void throw_no_leader(int64 id) pg_attribute_noreturn();

static void
throw_no_leader(int64 id)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("job " INT64_FORMAT " is interrupted", id),
			 errdetail("The target still follows, but no process leads the job."),
			 errhint("SELECT pgcopy_resume(" INT64_FORMAT "), then call pgcopy_cutover(" INT64_FORMAT ") again.",
					 id, id)));
}

/* Hand the request to the leader. */
static dsm_segment *
ask(int64 id, const CutoverRequest *request)
{
	dsm_segment *segment = NULL;
	uint32		handle;

	if (pgcopy_job_has_leader(id) && pgcopy_job_find_own(id, &handle) && handle != 0)
		segment = pgcopy_cutover_request_ask(handle, id, request);
	if (segment == NULL)
		throw_no_leader(id);
	return segment;
}

static void
wait_for_latch(void)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 LONGEST_WAIT, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

static void
await_answer(int64 id, dsm_segment *segment, CutoverResult *result)
{
	TimestampTz next_look = 0;

	while (!pgcopy_cutover_request_get_answer(segment, result))
	{
		TimestampTz now = GetCurrentTimestamp();

		if (now >= next_look && !pgcopy_job_has_leader(id) &&
			!pgcopy_cutover_request_get_answer(segment, result))
			throw_no_leader(id);
		if (now >= next_look)
			next_look = TimestampTzPlusMilliseconds(now, LOOK_INTERVAL);
		wait_for_latch();
	}
}

/* Throw what has kept the leader from it. */
static void
throw_failure(const CutoverResult *result)
{
	ereport(ERROR,
			(errcode(result->sqlerrcode),
			 errmsg_internal("%s", result->message),
			 result->detail[0] != '\0' ? errdetail_internal("%s", result->detail) : 0,
			 result->hint[0] != '\0' ? errhint("%s", result->hint) : 0,
			 result->report[0] != '\0' ?
			 errcontext("cutover, which has changed nothing:\n%s", result->report) : 0));
}

static JobState
look_at_job(int64 id, MemoryContext context)
{
	MemoryContext caller = MemoryContextSwitchTo(context);
	JobState	state = pgcopy_job_fetch_own(id)->state;

	MemoryContextSwitchTo(caller);
	MemoryContextReset(context);
	return state;
}

/* Wait for the end of the job, but not for long: it comes by itself. */
static JobState
await_end(int64 id)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pgcopy cutover wait",
												  ALLOCSET_SMALL_SIZES);
	TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), WAIT_FOR_END);
	JobState	state = look_at_job(id, context);

	while (!pgcopy_job_has_ended(state) && pgcopy_job_has_leader(id) &&
		   GetCurrentTimestamp() < until)
	{
		wait_for_latch();
		state = look_at_job(id, context);
	}
	return look_at_job(id, context);
}

static Datum
make_interval_of_us(int64 us)
{
	Interval   *interval = palloc0(sizeof(Interval));

	interval->time = us;
	return IntervalPGetDatum(interval);
}

static Datum
make_row(FunctionCallInfo fcinfo, JobState state, const CutoverResult *result)
{
	TupleDesc	desc;
	Datum		values[CUTOVER_COLUMNS] = {0};
	bool		nulls[CUTOVER_COLUMNS] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = CStringGetTextDatum(pgcopy_words_of_job_state(state));
	values[1] = LSNGetDatum(result->lsn);
	nulls[1] = result->lsn == InvalidXLogRecPtr;
	values[2] = make_interval_of_us(result->pause_us);
	nulls[2] = result->pause_us < 0;
	values[3] = CStringGetTextDatum(result->report);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

static void
check_server(void)
{
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot cut over on a server that is in recovery"),
				 errhint("Call it on the primary.")));
}

Datum
pgcopy_cutover(PG_FUNCTION_ARGS)
{
	int64		id = pgcopy_order_get_job(fcinfo);
	CutoverResult *result = palloc0(sizeof(CutoverResult));
	CutoverRequest request;
	dsm_segment *segment;
	JobState	state;

	read_request(fcinfo, &request);
	check_server();
	check_state(pgcopy_job_fetch_own(id));
	segment = ask(id, &request);
	await_answer(id, segment, result);
	dsm_detach(segment);
	if (result->sqlerrcode != 0)
		throw_failure(result);
	state = result->is_open ? await_end(id) : JOB_FOLLOWING;
	return make_row(fcinfo, state, result);
}
