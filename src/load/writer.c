/*-------------------------------------------------------------------------
 *
 * writer.c
 *	  Write rows into a local relation, in batches.
 *
 * The fast way is frozen: rows are formed at their place in new pages
 * (heap/pages.c), of one relation or of many leaves (route.c).
 *
 * The other ways do what COPY does, except that only triggers of constraints
 * fire (foreign keys, deferred uniqueness).  Into tables that the job has not
 * created even this holds no more: all triggers fire (live.c).
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
#include "storage/lmgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/reltrigger.h"

#include "base/compat.h"
#include "heap/pages.h"
#include "load/live.h"
#include "load/route.h"
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
	PartitionTupleRouting *routing;	/* WRITE_ROUTED */
	RowRouter  *router;			/* WRITE_ROUTED_FROZEN */
	PageWriter *pages;			/* WRITE_FROZEN */
	PresentRows *present;		/* WRITE_WITH_INDEXES, or NULL */
	LiveTriggers *live;			/* WRITE_LIVE, WRITE_LIVE_ROUTED */
	TupleTableSlot *slot;		/* the current row */
	bool		has_constraints;
	bool		has_generated;
	bool		is_partition;

	BulkInsertState bulk;
	CommandId	command;
	int			options;

	/* what an error is about; see pgcopy_writer_suspects() */
	int			oldest;
	int			newest;

	TupleTableSlot *batch[MAX_BATCH_ROWS];	/* not WRITE_FROZEN */
	int			rows;
	Size		bytes;
};

static bool
is_constraint_trigger(const Trigger *trigger)
{
	return trigger->tgisinternal && TRIGGER_FOR_ROW(trigger->tgtype) &&
		TRIGGER_FOR_AFTER(trigger->tgtype) &&
		TRIGGER_FOR_INSERT(trigger->tgtype);
}

/* Remove the triggers that do not belong to constraints. */
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

static bool
is_live(WriteMethod method)
{
	return method == WRITE_LIVE || method == WRITE_LIVE_ROUTED;
}

/* Prepare the executor's state as COPY does. */
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
	if (!is_live(writer->method))
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

	Assert(CheckRelationLockedByMe(relation, RowExclusiveLock, true));
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
			writer->pages = pgcopy_pages_open(pgcopy_pages_share(false), relation,
											  NULL, NULL);
			break;
		case WRITE_PLAIN:
			writer->options = TABLE_INSERT_FROZEN | TABLE_INSERT_SKIP_FSM;
			writer->bulk = GetBulkInsertState();
			break;
		case WRITE_WITH_INDEXES:
			writer->bulk = GetBulkInsertState();
			ExecOpenIndices(writer->target, true);	/* for pgcopy_present_check_keys() */
			AfterTriggerBeginQuery();
			break;
		case WRITE_ROUTED:
			AfterTriggerBeginQuery();
			writer->routing = ExecSetupPartitionTupleRouting(writer->estate,
															 relation);
			break;
		case WRITE_ROUTED_FROZEN:
			writer->router = pgcopy_route_open(writer->modify, relation);
			break;
		case WRITE_LIVE:
			writer->bulk = GetBulkInsertState();
			ExecOpenIndices(writer->target, false);
			writer->live = pgcopy_live_begin(writer->modify);
			break;
		case WRITE_LIVE_ROUTED:
			writer->live = pgcopy_live_begin(writer->modify);
			writer->routing = ExecSetupPartitionTupleRouting(writer->estate,
															 relation);
			break;
	}
	return writer;
}

void
pgcopy_writer_beside(RowWriter *writer, PresentRows *present)
{
	Assert(writer->method == WRITE_WITH_INDEXES);
	writer->present = present;
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

/* Create slots on demand: most tables are small. */
static TupleTableSlot *
get_batch_slot(RowWriter *writer)
{
	TupleTableSlot *slot = writer->batch[writer->rows];

	if (slot == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(writer->estate->es_query_cxt);

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
	ExecARInsertTriggers(writer->estate, target, slot, recheck,
						 writer->modify->mt_transition_capture);
	list_free(recheck);
}

static void
flush_batch(RowWriter *writer)
{
	int			i;

	if (writer->rows == 0)
		return;
	writer->oldest = writer->rows - 1;
	table_multi_insert(writer->relation, writer->batch, writer->rows,
					   writer->command, writer->options, writer->bulk);
	for (i = 0; i < writer->rows; i++)
	{
		writer->oldest = writer->newest = writer->rows - 1 - i;
		if (writer->method == WRITE_WITH_INDEXES || writer->method == WRITE_LIVE)
			insert_index_entries(writer, writer->target, writer->batch[i]);
		ExecClearTuple(writer->batch[i]);
	}
	writer->oldest = writer->newest = 0;
	writer->rows = 0;
	writer->bytes = 0;
	if (writer->live != NULL)
		pgcopy_live_batch_written(writer->live);
}

/* Insert the row into its partition. */
static bool
put_routed(RowWriter *writer)
{
	TupleTableSlot *slot = writer->slot;
	ResultRelInfo *leaf;
	MemoryContext old;

	leaf = pgcopy_route_row(writer->modify, writer->routing, &slot);
	old = MemoryContextSwitchTo(writer->estate->es_query_cxt);
	keep_constraint_triggers(leaf);
	MemoryContextSwitchTo(old);
	table_tuple_insert(leaf->ri_RelationDesc, slot, writer->command, 0, NULL);
	insert_index_entries(writer, leaf, slot);
	if (++writer->rows < MAX_BATCH_ROWS)
		return false;
	writer->rows = 0;
	return true;
}

/* Insert the row into its partition, unless a trigger takes it away. */
static bool
put_live_routed(RowWriter *writer)
{
	TupleTableSlot *slot = writer->slot;
	ResultRelInfo *leaf = pgcopy_route_find(writer->modify, writer->routing, &slot);
	bool		is_kept = pgcopy_live_before_row(writer->live, leaf, writer->slot, slot);

	if (is_kept)
	{
		pgcopy_route_check(writer->modify, leaf, slot, true);
		pgcopy_live_check_partition(writer->live, leaf, slot);
		table_tuple_insert(leaf->ri_RelationDesc, slot, writer->command, 0, NULL);
		insert_index_entries(writer, leaf, slot);
	}
	if (++writer->rows < MAX_BATCH_ROWS)
		return false;
	writer->rows = 0;
	pgcopy_live_batch_written(writer->live);
	return true;
}

/* Keep the row for the batch, in a slot of the relation's access method. */
static void
keep_slot(RowWriter *writer)
{
	TupleTableSlot *kept = get_batch_slot(writer);
	HeapTuple	tuple;

	ExecCopySlot(kept, writer->slot);
	writer->rows++;

	/* measure it */
	tuple = ExecCopySlotHeapTuple(writer->slot);
	writer->bytes += tuple->t_len;
	pfree(tuple);
}

static bool
put_into_batch(RowWriter *writer)
{
	TupleTableSlot *slot = writer->slot;

	if (writer->live != NULL &&
		!pgcopy_live_before_row(writer->live, writer->target, slot, slot))
		return true;
	if (writer->has_generated)
		ExecComputeStoredGenerated(writer->target, writer->estate, slot,
								   CMD_INSERT);
	if (writer->has_constraints && writer->live != NULL)
		ExecConstraints(writer->target, slot, writer->estate);
	else if (writer->has_constraints)
		pgcopy_proven_check(writer->target, slot, writer->estate);
	if (writer->is_partition)
		ExecPartitionCheck(writer->target, slot, writer->estate, true);
	if (writer->method == WRITE_FROZEN)
		return pgcopy_pages_add(writer->pages, slot->tts_values,
								slot->tts_isnull, NULL);
	if (writer->present != NULL)
		pgcopy_present_check_keys(writer->present, writer->target, writer->estate, slot);
	keep_slot(writer);
	if (writer->rows < MAX_BATCH_ROWS && writer->bytes < MAX_BATCH_BYTES &&
		(writer->live == NULL || pgcopy_live_can_wait(writer->live)))
		return false;
	flush_batch(writer);
	return true;
}

bool
pgcopy_writer_put(RowWriter *writer)
{
	TupleTableSlot *slot = writer->slot;
	bool		is_written;

	Assert(CurrentMemoryContext == GetPerTupleMemoryContext(writer->estate));
	ExecStoreVirtualTuple(slot);
	slot->tts_tableOid = RelationGetRelid(writer->relation);

	if (writer->method == WRITE_ROUTED)
		is_written = put_routed(writer);
	else if (writer->method == WRITE_LIVE_ROUTED)
		is_written = put_live_routed(writer);
	else if (writer->method == WRITE_ROUTED_FROZEN)
		is_written = pgcopy_route_put(writer->router, slot);
	else
		is_written = put_into_batch(writer);
	if (is_written)
	{
		ExecClearTuple(slot);
		ResetPerTupleExprContext(writer->estate);
	}
	return is_written;
}

void
pgcopy_writer_skip(RowWriter *writer)
{
	ExecClearTuple(writer->slot);
	ResetPerTupleExprContext(writer->estate);
}

bool
pgcopy_writer_suspects(const RowWriter *writer, int *oldest, int *newest)
{
	*oldest = writer->oldest;
	*newest = writer->newest;
	return *oldest >= 0;
}

/* Write the remaining rows and end what the method began. */
static void
finish_method(RowWriter *writer)
{
	switch (writer->method)
	{
		case WRITE_FROZEN:
			pgcopy_pages_close(writer->pages);
			break;
		case WRITE_PLAIN:
			flush_batch(writer);
			table_finish_bulk_insert(writer->relation, writer->options);
			break;
		case WRITE_WITH_INDEXES:
			flush_batch(writer);
			writer->oldest = -1;
			AfterTriggerEndQuery(writer->estate);
			break;
		case WRITE_ROUTED:
			writer->oldest = -1;
			AfterTriggerEndQuery(writer->estate);
			ExecCleanupTupleRouting(writer->modify, writer->routing);
			break;
		case WRITE_ROUTED_FROZEN:
			pgcopy_route_close(writer->router);
			break;
		case WRITE_LIVE:
			flush_batch(writer);
			writer->oldest = -1;
			pgcopy_live_end(writer->live);
			break;
		case WRITE_LIVE_ROUTED:
			writer->oldest = -1;
			pgcopy_live_end(writer->live);
			ExecCleanupTupleRouting(writer->modify, writer->routing);
			break;
	}
}

void
pgcopy_writer_close(RowWriter *writer)
{
	MemoryContext old = MemoryContextSwitchTo(pgcopy_writer_row_context(writer));
	int			i;

	finish_method(writer);
	MemoryContextSwitchTo(old);

	if (writer->bulk != NULL)
		FreeBulkInsertState(writer->bulk);
	for (i = 0; i < MAX_BATCH_ROWS && writer->batch[i] != NULL; i++)
		ExecDropSingleTupleTableSlot(writer->batch[i]);
	ExecDropSingleTupleTableSlot(writer->slot);
	ExecResetTupleTable(writer->estate->es_tupleTable, false);
	ExecCloseResultRelations(writer->estate);
	ExecCloseRangeTableRelations(writer->estate);
	FreeExecutorState(writer->estate);
}
