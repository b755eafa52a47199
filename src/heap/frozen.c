/*-------------------------------------------------------------------------
 *
 * frozen.c
 *	  Insert batches of formed tuples into heaps, frozen.
 *
 * heap_multi_insert() fills pages that are all-visible and all-frozen from the
 * start.  It does not ask the free space map, so a process only fills its own
 * pages, or a last page with frozen rows.
 *
 * heap_multi_insert() takes slots and materializes each, to get a tuple that it
 * may modify.  In our slots that does nothing: the tuple may be modified as it
 * is.  Their descriptor has no columns, since none is read, so the same slots
 * serve all heaps.
 *
 * One bulk insert state serves all heaps: its pin is released when the heap
 * changes, and each relation remembers its target block itself.
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

/* Create slots on demand: most tables are small. */
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
