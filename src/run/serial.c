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

/* Run one statement, and retry it if that may help. */
static void
run_one(Leader *leader, int no)
{
	QueueItem  *item = pgcopy_queue_item(leader->queue, no);

	while (item->state == ITEM_PENDING)
	{
		ErrorData  *volatile error = NULL;
		bool		is_final;

		item->attempts++;
		PG_TRY();
		{
			run_batch(leader, &no, 1);
		}
		PG_CATCH();
		{
			error = pgcopy_leader_catch(leader);
		}
		PG_END_TRY();
		if (error == NULL)
			return;

		is_final = !pgcopy_retry_is_due(error->sqlerrcode, item->attempts);
		pgcopy_work_record_error(leader->job->id, no, is_final, error);
		FreeErrorData(error);
		if (is_final)
			pgcopy_leader_give_up(leader, no);
		else
			pgcopy_process_wait(pgcopy_retry_delay(item->attempts + 1));
	}
}

void
pgcopy_serial_run(Leader *leader, ItemStage stage)
{
	int			batch[BATCH_STATEMENTS];
	int			nbatch = 0;
	int			size = pgcopy_queue_size(leader->queue);

	pgcopy_share_take_all_memory();
	pgcopy_queue_open_stage(leader->queue, stage);
	for (int no = 1; no <= size; no++)
	{
		QueueItem  *item = pgcopy_queue_item(leader->queue, no);

		if (item->stage == stage && item->state == ITEM_PENDING)
			batch[nbatch++] = no;
		if (nbatch == 0 || (nbatch < BATCH_STATEMENTS && no < size))
			continue;
		if (!try_batch(leader, batch, nbatch))
		{
			for (int i = 0; i < nbatch; i++)
				run_one(leader, batch[i]);
		}
		nbatch = 0;
		pgcopy_leader_publish(leader);
	}
}
