/*-------------------------------------------------------------------------
 *
 * frozen.c
 *	  Batches of ready tuples into heaps, frozen.
 *
 * heap_multi_insert writes whole pages that are all-visible and all-frozen
 * from the start.  The free space map is not asked: a process fills pages of
 * its own, or goes on with a last page that is frozen like its own.
 *
 * heap_multi_insert takes slots and asks each for a tuple it may scribble on.
 * Ours are heap tuple slots whose "materialize" does nothing, because the
 * tuple in them belongs to the batch already.  They have no descriptor worth
 * the name: nobody looks into the tuple, so the same slots serve all heaps.
 *
 * One bulk insert state serves all heaps too.  Its pin is let go when the heap
 * is another one than before; where to go on is kept with each relation.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/tupdesc.h"
#include "access/xact.h"
#include "catalog/pg_am.h"
#include "executor/tuptable.h"
#include "storage/lmgr.h"
#include "utils/rel.h"

#include "heap/frozen.h"

struct FrozenInserter
{
	MemoryContext context;
	TupleDesc	desc;			/* of no columns */
	BulkInsertState bulk;
	CommandId	command;
	Oid			relid;			/* of the last batch */
	TupleTableSlot *slots[FROZEN_MAX_ROWS];
};

static TupleTableSlotOps ready_tuple_ops;

static void
keep_as_it_is(TupleTableSlot *slot)
{
}

static const TupleTableSlotOps *
get_ready_tuple_ops(void)
{
	if (ready_tuple_ops.materialize == NULL)
	{
		ready_tuple_ops = TTSOpsHeapTuple;
		ready_tuple_ops.materialize = keep_as_it_is;
	}
	return &ready_tuple_ops;
}

FrozenInserter *
pgcopy_frozen_open(void)
{
	FrozenInserter *inserter = palloc0(sizeof(FrozenInserter));

	inserter->context = CurrentMemoryContext;
	inserter->desc = CreateTemplateTupleDesc(0);
	inserter->bulk = GetBulkInsertState();
	inserter->command = GetCurrentCommandId(true);
	return inserter;
}

/* Slots are made as they are needed: most tables are small. */
static TupleTableSlot *
get_slot(FrozenInserter *inserter, int i)
{
	if (inserter->slots[i] == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(inserter->context);

		inserter->slots[i] = MakeSingleTupleTableSlot(inserter->desc,
													  get_ready_tuple_ops());
		MemoryContextSwitchTo(old);
	}
	return inserter->slots[i];
}

void
pgcopy_frozen_insert(FrozenInserter *inserter, Relation relation,
					 HeapTuple *tuples, int ntuples)
{
	int			i;

	Assert(ntuples <= FROZEN_MAX_ROWS);
	Assert(relation->rd_rel->relam == HEAP_TABLE_AM_OID);
	Assert(CheckRelationLockedByMe(relation, RowExclusiveLock, true));
	if (ntuples == 0)
		return;
	if (inserter->relid != RelationGetRelid(relation))
		ReleaseBulkInsertStatePin(inserter->bulk);
	inserter->relid = RelationGetRelid(relation);

	for (i = 0; i < ntuples; i++)
	{
		TupleTableSlot *slot = get_slot(inserter, i);

		((HeapTupleTableSlot *) slot)->tuple = tuples[i];
		slot->tts_flags &= ~TTS_FLAG_EMPTY;
	}
	heap_multi_insert(relation, inserter->slots, ntuples, inserter->command,
					  HEAP_INSERT_FROZEN | HEAP_INSERT_SKIP_FSM,
					  inserter->bulk);
	for (i = 0; i < ntuples; i++)
		ExecClearTuple(inserter->slots[i]);
}

void
pgcopy_frozen_close(FrozenInserter *inserter)
{
	int			i;

	FreeBulkInsertState(inserter->bulk);
	for (i = 0; i < FROZEN_MAX_ROWS && inserter->slots[i] != NULL; i++)
		ExecDropSingleTupleTableSlot(inserter->slots[i]);
}
