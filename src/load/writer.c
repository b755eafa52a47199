/*-------------------------------------------------------------------------
 *
 * writer.c
 *	  Rows into a local relation, in batches.
 *
 * The frozen way is the fast one: a row's tuple is formed once, in the batch's
 * memory, and up to MAX_BATCH_ROWS of them go to heap_multi_insert, which
 * writes whole pages that are all-visible and all-frozen from the start.  The
 * free space map is not asked: each writer fills pages of its own.
 *
 * heap_multi_insert takes slots and asks each for a tuple it may scribble on.
 * Ours are heap tuple slots whose "materialize" does nothing, because the
 * tuple in them belongs to the batch already.
 *
 * The other ways do what COPY does, except that triggers of users do not fire:
 * only those of constraints (foreign keys, deferred uniqueness) are left.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/execPartition.h"
#include "executor/executor.h"
#include "executor/nodeModifyTable.h"
#include "parser/parse_node.h"
#include "parser/parse_relation.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/reltrigger.h"

#include "base/compat.h"
#include "load/writer.h"

#define MAX_BATCH_ROWS	1000
#define MAX_BATCH_BYTES	65535

struct RowWriter
{
	Relation	relation;
	WriteMethod method;
	EState	   *estate;
	ResultRelInfo *target;
	ModifyTableState *modify;
	PartitionTupleRouting *routing;
	TupleTableSlot *slot;		/* the row being read */
	bool		has_constraints;
	bool		has_generated;
	bool		is_partition;

	BulkInsertState bulk;
	CommandId	command;
	int			options;

	TupleTableSlot *batch[MAX_BATCH_ROWS];
	int			rows;
	Size		bytes;
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

static bool
is_constraint_trigger(const Trigger *trigger)
{
	return trigger->tgisinternal && TRIGGER_FOR_ROW(trigger->tgtype) &&
		TRIGGER_FOR_AFTER(trigger->tgtype) &&
		TRIGGER_FOR_INSERT(trigger->tgtype);
}

/* Leave only the triggers that belong to constraints. */
static void
keep_constraint_triggers(ResultRelInfo *result)
{
	TriggerDesc *desc = result->ri_TrigDesc;
	TriggerDesc *kept;
	int			i = 0;

	if (desc == NULL)
		return;
	while (i < desc->numtriggers && is_constraint_trigger(&desc->triggers[i]))
		i++;
	if (i == desc->numtriggers)
		return;

	kept = palloc0(sizeof(TriggerDesc));
	kept->triggers = palloc(sizeof(Trigger) * desc->numtriggers);
	for (i = 0; i < desc->numtriggers; i++)
	{
		if (!is_constraint_trigger(&desc->triggers[i]))
			continue;
		kept->triggers[kept->numtriggers++] = desc->triggers[i];
		kept->trig_insert_after_row = true;
	}
	result->ri_TrigDesc = kept->numtriggers > 0 ? kept : NULL;
}

/* What the executor wants to see, as COPY prepares it. */
static void
prepare_executor(RowWriter *writer)
{
	ParseState *pstate = make_parsestate(NULL);
	EState	   *estate = CreateExecutorState();

	(void) addRangeTableEntryForRelation(pstate, writer->relation,
										 RowExclusiveLock, NULL, false, false);
	pgcopy_exec_init_range_table(estate, pstate);
	writer->target = makeNode(ResultRelInfo);
	ExecInitResultRelation(estate, writer->target, 1);
	keep_constraint_triggers(writer->target);

	writer->modify = makeNode(ModifyTableState);
	writer->modify->ps.state = estate;
	writer->modify->operation = CMD_INSERT;
	writer->modify->mt_nrels = 1;
	writer->modify->resultRelInfo = writer->target;
	writer->modify->rootResultRelInfo = writer->target;
	writer->estate = estate;
}

RowWriter *
pgcopy_writer_open(Relation relation, WriteMethod method)
{
	RowWriter  *writer = palloc0(sizeof(RowWriter));
	TupleConstr *constr = RelationGetDescr(relation)->constr;

	writer->relation = relation;
	writer->method = method;
	writer->command = GetCurrentCommandId(true);
	writer->has_constraints = constr != NULL;
	writer->has_generated = constr != NULL && constr->has_generated_stored;
	writer->is_partition = relation->rd_rel->relispartition;
	prepare_executor(writer);
	writer->slot = MakeSingleTupleTableSlot(RelationGetDescr(relation),
											&TTSOpsVirtual);
	switch (method)
	{
		case WRITE_FROZEN:
			writer->options = HEAP_INSERT_FROZEN | HEAP_INSERT_SKIP_FSM;
			break;
		case WRITE_PLAIN:
			writer->options = TABLE_INSERT_FROZEN | TABLE_INSERT_SKIP_FSM;
			break;
		case WRITE_WITH_INDEXES:
			ExecOpenIndices(writer->target, false);
			AfterTriggerBeginQuery();
			break;
		case WRITE_ROUTED:
			AfterTriggerBeginQuery();
			writer->routing = ExecSetupPartitionTupleRouting(writer->estate,
															 relation);
			break;
	}
	writer->bulk = GetBulkInsertState();
	return writer;
}

TupleTableSlot *
pgcopy_writer_slot(RowWriter *writer)
{
	ExecClearTuple(writer->slot);
	return writer->slot;
}

ExprContext *
pgcopy_writer_econtext(RowWriter *writer)
{
	return GetPerTupleExprContext(writer->estate);
}

MemoryContext
pgcopy_writer_row_context(RowWriter *writer)
{
	return GetPerTupleMemoryContext(writer->estate);
}

/* Slots are made as they are needed: most tables are small. */
static TupleTableSlot *
get_batch_slot(RowWriter *writer)
{
	TupleTableSlot *slot = writer->batch[writer->rows];

	if (slot == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(writer->estate->es_query_cxt);

		if (writer->method == WRITE_FROZEN)
			slot = MakeSingleTupleTableSlot(RelationGetDescr(writer->relation),
											get_ready_tuple_ops());
		else
			slot = table_slot_create(writer->relation, NULL);
		writer->batch[writer->rows] = slot;
		MemoryContextSwitchTo(old);
	}
	return slot;
}

static void
insert_index_entries(RowWriter *writer, ResultRelInfo *target,
					 TupleTableSlot *slot)
{
	List	   *recheck = NIL;

	if (target->ri_NumIndices > 0)
		recheck = pgcopy_exec_insert_index_tuples(target, slot,
												  writer->estate);
	ExecARInsertTriggers(writer->estate, target, slot, recheck, NULL);
	list_free(recheck);
}

static void
flush_batch(RowWriter *writer)
{
	int			i;

	if (writer->rows == 0)
		return;
	if (writer->method == WRITE_FROZEN)
		heap_multi_insert(writer->relation, writer->batch, writer->rows,
						  writer->command, writer->options, writer->bulk);
	else
		table_multi_insert(writer->relation, writer->batch, writer->rows,
						   writer->command, writer->options, writer->bulk);
	for (i = 0; i < writer->rows; i++)
	{
		if (writer->method == WRITE_WITH_INDEXES)
			insert_index_entries(writer, writer->target, writer->batch[i]);
		ExecClearTuple(writer->batch[i]);
	}
	writer->rows = 0;
	writer->bytes = 0;
}

/* Into the partition it belongs to, one row at a time. */
static void
put_routed(RowWriter *writer)
{
	TupleTableSlot *slot = writer->slot;
	EState	   *estate = writer->estate;
	ResultRelInfo *leaf;
	TupleConversionMap *map;
	TupleConstr *constr;
	MemoryContext old;

	leaf = ExecFindPartition(writer->modify, writer->target, writer->routing,
							 slot, estate);
	if (leaf->ri_FdwRoutine != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot load rows into foreign partition \"%s\"",
						RelationGetRelationName(leaf->ri_RelationDesc))));
	old = MemoryContextSwitchTo(estate->es_query_cxt);
	keep_constraint_triggers(leaf);
	MemoryContextSwitchTo(old);

	map = leaf->ri_RootToPartitionMap;
	if (map != NULL)
		slot = execute_attr_map_slot(map->attrMap, slot,
									 leaf->ri_PartitionTupleSlot);
	slot->tts_tableOid = RelationGetRelid(leaf->ri_RelationDesc);
	constr = RelationGetDescr(leaf->ri_RelationDesc)->constr;
	if (constr != NULL && constr->has_generated_stored)
		ExecComputeStoredGenerated(leaf, estate, slot, CMD_INSERT);
	if (constr != NULL)
		ExecConstraints(leaf, slot, estate);
	table_tuple_insert(leaf->ri_RelationDesc, slot, writer->command, 0, NULL);
	insert_index_entries(writer, leaf, slot);
}

/* Keep the row for the batch. */
static void
put_into_batch(RowWriter *writer)
{
	TupleTableSlot *kept = get_batch_slot(writer);
	TupleTableSlot *slot = writer->slot;

	if (writer->method == WRITE_FROZEN)
	{
		HeapTuple	tuple = heap_form_tuple(RelationGetDescr(writer->relation),
											slot->tts_values,
											slot->tts_isnull);

		((HeapTupleTableSlot *) kept)->tuple = tuple;
		kept->tts_flags &= ~TTS_FLAG_EMPTY;
		writer->bytes += tuple->t_len;
	}
	else
	{
		MemoryContext old;
		HeapTuple	tuple;

		/* only to know its size */
		ExecCopySlot(kept, slot);
		old = MemoryContextSwitchTo(GetPerTupleMemoryContext(writer->estate));
		tuple = ExecCopySlotHeapTuple(slot);
		writer->bytes += tuple->t_len;
		pfree(tuple);
		MemoryContextSwitchTo(old);
	}
	writer->rows++;
}

bool
pgcopy_writer_put(RowWriter *writer)
{
	TupleTableSlot *slot = writer->slot;
	bool		is_full;

	Assert(CurrentMemoryContext == GetPerTupleMemoryContext(writer->estate));
	ExecStoreVirtualTuple(slot);
	slot->tts_tableOid = RelationGetRelid(writer->relation);

	if (writer->method == WRITE_ROUTED)
	{
		put_routed(writer);
		is_full = ++writer->rows >= MAX_BATCH_ROWS;
		if (is_full)
			writer->rows = 0;
	}
	else
	{
		if (writer->has_generated)
			ExecComputeStoredGenerated(writer->target, writer->estate, slot,
									   CMD_INSERT);
		if (writer->has_constraints)
			ExecConstraints(writer->target, slot, writer->estate);
		if (writer->is_partition)
			ExecPartitionCheck(writer->target, slot, writer->estate, true);
		put_into_batch(writer);
		is_full = writer->rows >= MAX_BATCH_ROWS ||
			writer->bytes >= MAX_BATCH_BYTES;
		if (is_full)
			flush_batch(writer);
	}
	if (is_full)
	{
		ExecClearTuple(slot);
		ResetPerTupleExprContext(writer->estate);
	}
	return is_full;
}

void
pgcopy_writer_close(RowWriter *writer)
{
	MemoryContext old = MemoryContextSwitchTo(pgcopy_writer_row_context(writer));
	int			i;

	if (writer->method != WRITE_ROUTED)
		flush_batch(writer);
	MemoryContextSwitchTo(old);

	FreeBulkInsertState(writer->bulk);
	for (i = 0; i < MAX_BATCH_ROWS && writer->batch[i] != NULL; i++)
		ExecDropSingleTupleTableSlot(writer->batch[i]);
	ExecDropSingleTupleTableSlot(writer->slot);
	if (writer->method == WRITE_WITH_INDEXES || writer->method == WRITE_ROUTED)
		AfterTriggerEndQuery(writer->estate);
	if (writer->method == WRITE_PLAIN)
		table_finish_bulk_insert(writer->relation, writer->options);
	if (writer->routing != NULL)
		ExecCleanupTupleRouting(writer->modify, writer->routing);
	ExecResetTupleTable(writer->estate->es_tupleTable, false);
	ExecCloseResultRelations(writer->estate);
	ExecCloseRangeTableRelations(writer->estate);
	FreeExecutorState(writer->estate);
}
