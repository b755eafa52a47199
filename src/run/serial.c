/*-------------------------------------------------------------------------
 *
 * serial.c
 *	  The leader's serial stages: statements of the dump, in order.
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

/* Run items in one transaction. */
static void
run_batch(Leader *leader, const int *items, int nitems)
{
	WorkPlace	place = {.job = leader->job,.is_leader = true};

	pgcopy_leader_begin(leader);
	for (int i = 0; i < nitems; i++)
	{
		LoadResult	load;

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

/* Run what is left of a stage.  Returns how much of it is left for later. */
static int
run_round(Leader *leader, ItemStage stage, SerialRound round)
{
	int			batch[BATCH_STATEMENTS];
	int			nbatch = 0;
	int			size = pgcopy_queue_size(leader->queue);
	int			left = 0;

	pgcopy_share_take_all_memory();
	pgcopy_queue_open_stage(leader->queue, stage);
	for (int no = 1; no <= size; no++)
	{
		QueueItem  *item = pgcopy_queue_item(leader->queue, no);

		if (nbatch > 0 && ends_batch(leader, batch[0], item))
		{
			left += run_some(leader, batch, nbatch, round);
			nbatch = 0;
		}
		if (item->stage == stage && item->state == ITEM_PENDING)
		{
			if (pgcopy_held_blocks(leader, no))
				left++;
			else
				batch[nbatch++] = no;
		}
		if (nbatch == 0 || (nbatch < BATCH_STATEMENTS && no < size))
			continue;
		left += run_some(leader, batch, nbatch, round);
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
