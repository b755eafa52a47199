/*-------------------------------------------------------------------------
 *
 * serial.c
 *	  The leader's serial stages: statements of the dump, in order.
 *
 * Of pre-data, tables and sequences that do not need each other are first tried by
 * workers, if they are many (pre_data.c); what is left of them is run like the others.
 *
 * Many statements share a transaction, since a commit costs more than most of
 * them; never all, since each table stays locked until the end.  Each is
 * marked done in the transaction that runs it.  If one fails, all of its batch
 * are rolled back and run one by one, so that the error belongs to the right
 * one and the others stay.
 *
 * While tables are held (held.c), statements that fail are left for later: a
 * view may need the primary key of one.
 *
 * pg_dump does not know what the body of a function needs, but CREATE TABLE may
 * inline it.  So statements of pre-data that do not find something are left for
 * another round, as long as rounds do anything.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/snapmgr.h"

#include "base/retry.h"
#include "run/leader.h"
#include "run/work.h"

/* Statements per transaction. */
#define BATCH_STATEMENTS 100

/* What a statement does that does not find something. */
typedef enum SerialRound
{
	ROUND_PLAIN,				/* wait for the next round */
	ROUND_PATH,					/* try the source's search_path, then wait */
	ROUND_LAST					/* try the source's search_path, then fail */
} SerialRound;

/* Run items in one transaction; *at is the one that runs, by its place. */
static void
run_items(Leader *leader, const int *items, int nitems, int *at)
{
	WorkPlace	place = {.job = leader->job,.is_leader = true};

	pgcopy_leader_begin(leader);
	for (int i = 0; i < nitems; i++)
	{
		LoadResult	load;

		*at = i;
		SetCurrentStatementStartTimestamp();
		(void) pgcopy_work_do(&place, pgcopy_item_fetch(leader->job->id, items[i]),
							  &load);
		CommandCounterIncrement();
		UpdateActiveSnapshotCommandId();
		CHECK_FOR_INTERRUPTS();
	}
	pgcopy_leader_commit(leader);
	for (int i = 0; i < nitems; i++)
		pgcopy_queue_done(leader->queue, items[i]);
}

static void
run_batch(Leader *leader, const int *items, int nitems)
{
	int			at;

	run_items(leader, items, nitems, &at);
}

/* Return false if one failed; all are rolled back then. */
static bool
try_batch(Leader *leader, const int *items, int nitems)
{
	volatile bool is_done = false;

	PG_TRY();
	{
		run_batch(leader, items, nitems);
		is_done = true;
	}
	PG_CATCH();
	{
		FreeErrorData(pgcopy_leader_catch(leader));
	}
	PG_END_TRY();
	return is_done;
}

/* Try one statement.  Returns its error, or NULL. */
static ErrorData *
try_one(Leader *leader, int no)
{
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		run_batch(leader, &no, 1);
	}
	PG_CATCH();
	{
		error = pgcopy_leader_catch(leader);
	}
	PG_END_TRY();
	return error;
}

/*
 * Decide whether a statement runs under the source's search_path from now on.
 * Returns the error to record.
 */
static const ErrorData *
look_for_path(Leader *leader, int no, const ErrorData *error, bool *takes_path)
{
	JobItem    *item;

	pgcopy_leader_begin(leader);
	item = pgcopy_item_fetch(leader->job->id, no);
	*takes_path = pgcopy_work_path_switch(leader->job, item,
										  pgcopy_retry_need(error->sqlerrcode));
	MemoryContextSwitchTo(leader->context);
	error = pgcopy_work_path_hint(leader->job, item, error);
	pgcopy_leader_commit(leader);
	return error;
}

/* May what a statement lacks be there later? */
static bool
can_wait(Leader *leader, const ErrorData *error, SerialRound round)
{
	return pgcopy_queue_held(leader->queue) > 0 ||
		(round != ROUND_LAST &&
		 pgcopy_retry_need(error->sqlerrcode) == NEED_OBJECTS);
}

/*
 * Run one statement, and retry it if that may help.  Returns false if it is
 * left for later.
 */
static bool
run_one(Leader *leader, int no, SerialRound round)
{
	QueueItem  *item = pgcopy_queue_item(leader->queue, no);

	while (item->state == ITEM_PENDING)
	{
		ErrorData  *error;
		const ErrorData *shown;
		bool		waits;
		bool		is_due;
		bool		takes_path;

		item->attempts++;
		error = try_one(leader, no);
		if (error == NULL)
			return true;

		is_due = pgcopy_retry_is_due(error->sqlerrcode,
									 item->attempts - item->attempts_past);
		waits = can_wait(leader, error, round);

		/* what matters of these is met again in a later round */
		if (waits && !is_due && round == ROUND_PLAIN)
		{
			item->attempts--;
			FreeErrorData(error);
			return false;
		}
		if (!is_due)
			item->attempts_past = item->attempts;
		shown = look_for_path(leader, no, error, &takes_path);
		pgcopy_work_record_error(leader->job->id, no, false, shown);
		FreeErrorData(error);
		if (is_due)
			pgcopy_process_wait(pgcopy_retry_delay(item->attempts + 1));
		else if (takes_path)
			continue;
		else if (waits)
			return false;
		else
			pgcopy_leader_give_up(leader, no);
	}
	return true;
}

/* Run some statements, one by one if one fails.  Returns how many are left for later. */
static int
run_some(Leader *leader, const int *items, int nitems, SerialRound round)
{
	int			left = 0;

	if (!try_batch(leader, items, nitems))
	{
		for (int i = 0; i < nitems; i++)
			left += !run_one(leader, items[i], round);
	}
	pgcopy_leader_publish(leader);
	return left;
}

/*
 * May an item not run in the transaction of another?  Jobs of other databases wait
 * for the end of one that makes roles.
 */
static bool
ends_batch(Leader *leader, int first, const QueueItem *item)
{
	ItemKind	kind = pgcopy_queue_item(leader->queue, first)->kind;

	return kind == ITEM_ROLE && item->kind != ITEM_ROLE;
}

/* Is this item what drop_if_exists drops?  That comes first, but for roles. */
static bool
is_drop(Leader *leader, int no)
{
	return leader->job->options.drop_if_exists &&
		pgcopy_queue_item(leader->queue, no)->kind == ITEM_PRE_DATA &&
		(no == 1 || pgcopy_queue_item(leader->queue, no - 1)->kind == ITEM_ROLE);
}

/* Run items in one transaction.  Returns the error, and which failed. */
static ErrorData *
try_together(Leader *leader, const int *items, int nitems, int *failed)
{
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		run_items(leader, items, nitems, failed);
	}
	PG_CATCH();
	{
		error = pgcopy_leader_catch(leader);
	}
	PG_END_TRY();
	return error;
}

/*
 * Deal with the failure of one of the items of run_after_drop().  Returns whether it
 * is to be tried again; if not, *is_left tells whether the next round has it.
 */
static bool
decide_after_drop(Leader *leader, int no, bool is_drop, const ErrorData *error, bool *is_left)
{
	QueueItem  *item = pgcopy_queue_item(leader->queue, no);

	*is_left = !is_drop && pgcopy_retry_need(error->sqlerrcode) == NEED_OBJECTS;
	if (*is_left)
		return false;
	item->attempts++;
	pgcopy_work_record_error(leader->job->id, no, false, error);
	if (pgcopy_retry_is_due(error->sqlerrcode, item->attempts - item->attempts_past))
	{
		pgcopy_process_wait(pgcopy_retry_delay(item->attempts + 1));
		return true;
	}
	pgcopy_leader_give_up(leader, no);
	return false;
}

/*
 * Run the first statements of a job that drops what exists before, so that none of
 * it is gone if one of them fails.  One that does not find something is left for
 * the next round; returns how many are.
 */
static int
run_after_drop(Leader *leader, int *items, int nitems)
{
	int			left = 0;
	int			failed = 0;
	ErrorData  *error;

	while (nitems > 0 && (error = try_together(leader, items, nitems, &failed)) != NULL)
	{
		bool		is_left;
		bool		is_again = decide_after_drop(leader, items[failed], failed == 0,
												 error, &is_left);

		FreeErrorData(error);
		if (is_again)
			continue;
		left += is_left;
		memmove(&items[failed], &items[failed + 1], sizeof(int) * (nitems - failed - 1));
		nitems--;
	}
	pgcopy_leader_publish(leader);
	return left;
}

/* Run a batch.  Returns how much of it is left for later. */
static int
run_any(Leader *leader, int *items, int nitems, SerialRound round)
{
	if (nitems == 0)
		return 0;
	return is_drop(leader, items[0]) ? run_after_drop(leader, items, nitems) :
		run_some(leader, items, nitems, round);
}

/*
 * Shall workers try what begins with this item?  *end: what is before has been looked
 * at.  What shares a transaction with a drop stays there.
 */
static bool
is_for_workers(Leader *leader, int no, const int *batch, int nbatch, int *end)
{
	if (no < *end || (nbatch > 0 && is_drop(leader, batch[0])))
		return false;
	return pgcopy_pre_data_find_run(leader, no, end);
}

/* Run what is left of a stage.  Returns how much of it is left for later. */
static int
run_round(Leader *leader, ItemStage stage, SerialRound round)
{
	int			batch[BATCH_STATEMENTS];
	int			nbatch = 0;
	int			size = pgcopy_queue_size(leader->queue);
	int			end = 1;
	int			left = 0;

	pgcopy_share_take_all_memory();
	pgcopy_queue_open_stage(leader->queue, stage);
	for (int no = 1; no <= size; no++)
	{
		QueueItem  *item = pgcopy_queue_item(leader->queue, no);
		bool		is_tried = round == ROUND_PLAIN &&
			is_for_workers(leader, no, batch, nbatch, &end);

		if (is_tried || (nbatch > 0 && ends_batch(leader, batch[0], item)))
		{
			left += run_any(leader, batch, nbatch, round);
			nbatch = 0;
		}
		if (is_tried)
			pgcopy_pre_data_run(leader, no, end);
		if (item->stage == stage && item->state == ITEM_PENDING)
		{
			if (pgcopy_held_blocks(leader, no))
				left++;
			else
				batch[nbatch++] = no;
		}
		if (nbatch == 0 || (nbatch < BATCH_STATEMENTS && no < size))
			continue;
		left += run_any(leader, batch, nbatch, round);
		nbatch = 0;
	}
	return left;
}

int
pgcopy_serial_run(Leader *leader, ItemStage stage)
{
	return run_round(leader, stage, ROUND_LAST);
}

void
pgcopy_serial_run_pre_data(Leader *leader)
{
	SerialRound round = ROUND_PLAIN;
	int			left = run_round(leader, STAGE_PRE_DATA, round);

	while (left > 0)
	{
		int			before = left;

		left = run_round(leader, STAGE_PRE_DATA, round);
		if (round == ROUND_LAST)
			break;
		if (left < before)
			round = ROUND_PLAIN;
		else
			round++;
	}
}
