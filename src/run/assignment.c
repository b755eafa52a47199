/*-------------------------------------------------------------------------
 *
 * assignment.c
 *	  Do items together in one transaction, as a worker or as the leader.
 *
 * All items of the parallel stages are done here.  "running" is committed
 * before the work, "done" commits with it, and an error is recorded with its
 * item.  What is only tried (pre_data.c) is done or not, and nothing is recorded.
 *
 * If one of several tables fails, those before it are committed and those behind it
 * have not been begun: they are asked for again without it.  Not so if the source's
 * answers were not what they had to be: then nobody knows which rows these were.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "base/retry.h"
#include "load/load.h"
#include "run/assignment.h"
#include "run/process.h"
#include "run/work.h"

/* Error context callback. */
static void
add_error_context(void *arg)
{
	Assignment *assignment = arg;

	errcontext("pgcopy job " INT64_FORMAT ", item %d", assignment->job->id,
			   assignment->items[assignment->current]);
}

static void
begin_item(Assignment *assignment, const JobItem *item)
{
	ControlSlot *live = assignment->live;

	SetCurrentStatementStartTimestamp();
	pg_atomic_write_u64(&live->rows, 0);
	pg_atomic_write_u64(&live->bytes, 0);
	pg_atomic_write_u64(&live->bytes_before, assignment->bytes);
	pg_atomic_write_u32(&live->item, item->no);
	pgstat_report_activity(STATE_RUNNING,
						   psprintf("pgcopy job " INT64_FORMAT ": %s",
									assignment->job->id,
									pgcopy_work_describe(item)));
}

/* LoadProgress: publish the progress of the current item. */
static void
publish_progress(void *arg, int64 rows, int64 bytes)
{
	Assignment *assignment = arg;

	pg_atomic_write_u64(&assignment->live->rows, rows);
	pg_atomic_write_u64(&assignment->live->bytes, bytes);
	if (assignment->tick != NULL)
		assignment->tick(assignment->arg);
}

/* Fetch the items, mark them running unless they are tried only, commit. */
static void
mark_all_running(Assignment *assignment)
{
	MemoryContext context = CurrentMemoryContext;

	pgcopy_process_begin_transaction();
	for (int i = 0; i < assignment->nitems; i++)
	{
		JobItem	   *item;
		MemoryContext caller = MemoryContextSwitchTo(context);

		assignment->current = i;
		item = pgcopy_item_fetch(assignment->job->id, assignment->items[i]);
		assignment->rows_of_items = lappend(assignment->rows_of_items, item);
		MemoryContextSwitchTo(caller);
		if (pgcopy_item_kind_traits(item->kind)->is_tried)
			continue;
		pgcopy_item_mark_running(assignment->job->id, item->no,
								 pgcopy_item_kind_traits(item->kind)->needs_snapshot ?
								 assignment->snapshot_no : 0);
		item->attempts++;
	}
	pgcopy_process_end_transaction();
	assignment->current = 0;
	MemoryContextSwitchTo(context);
}

static void
set_locally(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
}

static void
limit_build(BuildShare share)
{
	set_locally("max_parallel_maintenance_workers",
				psprintf("%d", Min(share.parallel_workers,
								   max_parallel_maintenance_workers)));
	if (share.memory > 0)
		set_locally("maintenance_work_mem", psprintf("%dkB", share.memory));
}

/*
 * Do all items in one transaction; start over after a VACUUM that one asks for.
 */
static Outcome
do_items(Assignment *assignment)
{
	MemoryContext context = CurrentMemoryContext;
	WorkPlace	place = {
		.job = assignment->job,
		.is_leader = assignment->is_leader,
		.can_vacuum = true,
		.batch = &assignment->batch,
		.progress = publish_progress,
		.progress_arg = assignment
	};
	ListCell   *lc;

	assignment->rows = 0;
	assignment->bytes = 0;
	pgcopy_process_begin_transaction();
	limit_build(assignment->share);
	foreach(lc, assignment->rows_of_items)
	{
		JobItem	   *item = lfirst(lc);
		WorkResult	result;
		LoadResult	load;

		assignment->current = foreach_current_index(lc);
		begin_item(assignment, item);
		if (assignment->batch.series == NULL)
			place.session = assignment->prepare(assignment, item);
		result = pgcopy_work_do(&place, item, &load);
		if (result != WORK_DONE)
		{
			AbortCurrentTransaction();
			MemoryContextSwitchTo(context);
		}
		if (result == WORK_SOURCE_LOCKED)
			return OUTCOME_SOURCE_LOCKED;
		if (result == WORK_WANTS_VACUUM)
		{
			pgcopy_work_vacuum(assignment->job, item);
			return do_items(assignment);
		}
		assignment->rows += load.rows;
		assignment->bytes += load.bytes;
		CHECK_FOR_INTERRUPTS();
	}
	pgcopy_process_end_transaction();
	pgcopy_work_test_point(linitial(assignment->rows_of_items), "committed");
	return OUTCOME_DONE;
}

/* Does an error tell that what the source has sent may not be what was asked for? */
static bool
casts_doubt(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_PROTOCOL_VIOLATION ||
		error->sqlerrcode == ERRCODE_BAD_COPY_FILE_FORMAT ||
		error->sqlerrcode == ERRCODE_INVALID_BINARY_REPRESENTATION ||
		error->sqlerrcode == ERRCODE_DATATYPE_MISMATCH;
}

/*
 * Commit the items before the one that has failed.  Called with its error, which is
 * thrown on.
 */
static void
keep_what_is_done(Assignment *assignment, MemoryContext context)
{
	ErrorData  *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	if (!casts_doubt(error))
	{
		pgcopy_process_end_transaction();
		assignment->done = assignment->current;
	}
	ReThrowError(error);
}

/* Do all items; if a table fails, keep those before it. */
static Outcome
do_all_or_first(Assignment *assignment)
{
	MemoryContext context = CurrentMemoryContext;
	volatile Outcome outcome;

	assignment->batch.items = assignment->rows_of_items;
	assignment->batch.current = &assignment->current;
	PG_TRY();
	{
		outcome = do_items(assignment);
	}
	PG_CATCH();
	{
		if (assignment->batch.is_undone)
			keep_what_is_done(assignment, context);
		PG_RE_THROW();
	}
	PG_END_TRY();
	return outcome;
}

Outcome
pgcopy_assignment_do(Assignment *assignment)
{
	MemoryContext caller = CurrentMemoryContext;
	ErrorContextCallback context = {
		.previous = error_context_stack,
		.callback = add_error_context,
		.arg = assignment
	};
	Outcome		outcome;

	Assert(!IsTransactionState());
	error_context_stack = &context;
	mark_all_running(assignment);
	outcome = do_all_or_first(assignment);
	error_context_stack = context.previous;
	MemoryContextSwitchTo(caller);
	return outcome;
}

int
pgcopy_assignment_begun(const Assignment *assignment)
{
	List	   *rows = assignment->rows_of_items;

	if (rows != NIL && ((JobItem *) linitial(rows))->kind == ITEM_TABLE)
		return assignment->batch.begun;
	return assignment->nitems;
}

bool
pgcopy_assignment_lacks_session(const Assignment *assignment,
								const ErrorData *error)
{
	return assignment->is_connecting && assignment->current == 0 &&
		error->sqlerrcode == ERRCODE_TOO_MANY_CONNECTIONS;
}

RetryNeed
pgcopy_assignment_need(const Assignment *assignment, const ErrorData *error)
{
	List	   *rows = assignment->rows_of_items;
	const JobItem *item;

	if (assignment->current >= list_length(rows) || pgcopy_session_threw(error))
		return NEED_NOTHING;
	item = list_nth(rows, assignment->current);
	if (item->kind == ITEM_LARGE_OBJECTS || item->kind == ITEM_SEQUENCE)
		return NEED_NOTHING;
	if (pgcopy_load_is_misplaced(error))
		return NEED_ROUTING;
	return pgcopy_retry_need(error->sqlerrcode);
}

/* Name the ways out if rows of the source, or what was masked, break a foreign key. */
static const ErrorData *
hint_at_foreign_key(const Job *job, const ErrorData *error)
{
	ErrorData  *copy;

	if (error->sqlerrcode != ERRCODE_FOREIGN_KEY_VIOLATION || error->hint != NULL)
		return error;
	copy = palloc(sizeof(ErrorData));
	*copy = *error;
	copy->hint = psprintf("%s Correct them here, then SELECT pgcopy_resume(" INT64_FORMAT ") or, if the job went on without, ALTER TABLE ... VALIDATE CONSTRAINT. foreign_keys => 'not valid' checks none.",
						  job->options.column_values != NIL ?
						  "The source has these rows too, or column_values has other values for one side of the key." :
						  "The source has these rows too.",
						  job->id);
	return copy;
}

void
pgcopy_assignment_record(const Assignment *assignment, const ErrorData *error)
{
	List	   *rows = assignment->rows_of_items;

	if (rows != NIL &&
		pgcopy_item_kind_traits(((JobItem *) linitial(rows))->kind)->is_tried)
		return;
	if (assignment->current < list_length(rows))
		error = pgcopy_work_path_hint(assignment->job,
									  list_nth(rows, assignment->current), error);
	error = hint_at_foreign_key(assignment->job, error);
	pgcopy_work_record_error(assignment->job->id,
							 assignment->items[assignment->current], false, error);
}
