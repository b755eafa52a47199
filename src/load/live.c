/*-------------------------------------------------------------------------
 *
 * live.c
 *	  Triggers that fire while rows go into a table that the job has not created.
 *
 * They fire as they do for COPY FROM: those of the table or of the leaf that a row
 * goes into, before and after rows and statement, with transition tables.  Each
 * chunk is a statement.  Foreign keys are triggers, too.
 *
 * What fires after a row is kept in memory until the end of the statement.  Where
 * only foreign keys to other tables fire, it is done now and then instead: whether
 * a row has its parent does not depend on the rows that follow.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "executor/executor.h"
#include "utils/rel.h"
#include "utils/reltrigger.h"

#include "load/live.h"

/* Fire after so many batches. */
#define BATCHES_BETWEEN 64

struct LiveTriggers
{
	EState	   *estate;
	ModifyTableState *modify;
	ResultRelInfo *target;
	bool		fires_early;
	int			batches;
};

static bool
has_key_to_itself(Relation relation)
{
	ListCell   *lc;

	foreach(lc, RelationGetFKeyList(relation))
	{
		ForeignKeyCacheInfo *key = lfirst(lc);

		if (key->confrelid == RelationGetRelid(relation))
			return true;
	}
	return false;
}

/* Do only foreign keys fire, and to other tables? */
static bool
can_fire_early(Relation relation)
{
	TriggerDesc *desc = relation->trigdesc;

	if (desc == NULL || relation->rd_rel->relkind != RELKIND_RELATION ||
		has_key_to_itself(relation))
		return false;
	for (int i = 0; i < desc->numtriggers; i++)
	{
		if (!desc->triggers[i].tgisinternal)
			return false;
	}
	return true;
}

LiveTriggers *
pgcopy_live_begin(ModifyTableState *modify)
{
	LiveTriggers *live = palloc0(sizeof(LiveTriggers));
	Relation	relation = modify->rootResultRelInfo->ri_RelationDesc;

	live->estate = modify->ps.state;
	live->modify = modify;
	live->target = modify->rootResultRelInfo;
	live->fires_early = can_fire_early(relation);
	AfterTriggerBeginQuery();
	modify->mt_transition_capture =
		MakeTransitionCaptureState(relation->trigdesc, RelationGetRelid(relation),
								   CMD_INSERT);
	ExecBSInsertTriggers(live->estate, live->target);
	return live;
}

static bool
has_before_row(const ResultRelInfo *target)
{
	return target->ri_TrigDesc != NULL && target->ri_TrigDesc->trig_insert_before_row;
}

bool
pgcopy_live_before_row(LiveTriggers *live, ResultRelInfo *target,
					   TupleTableSlot *root_slot, TupleTableSlot *slot)
{
	TransitionCaptureState *capture = live->modify->mt_transition_capture;

	if (capture != NULL)
	{
		MemoryContext caller = MemoryContextSwitchTo(live->estate->es_query_cxt);

		/* as the root has it, unless a trigger of the leaf may change it */
		capture->tcs_original_insert_tuple =
			root_slot != slot && !has_before_row(target) ? root_slot : NULL;
		/* make it where it lives as long as the leaf, which keeps it */
		(void) ExecGetChildToRootMap(target);
		MemoryContextSwitchTo(caller);
	}
	return !has_before_row(target) ||
		ExecBRInsertTriggers(live->estate, target, slot);
}

void
pgcopy_live_check_partition(LiveTriggers *live, ResultRelInfo *leaf, TupleTableSlot *slot)
{
	if (has_before_row(leaf) && leaf->ri_RelationDesc->rd_rel->relispartition)
		ExecPartitionCheck(leaf, slot, live->estate, true);
}

bool
pgcopy_live_can_wait(const LiveTriggers *live)
{
	return !has_before_row(live->target);
}

void
pgcopy_live_batch_written(LiveTriggers *live)
{
	if (!live->fires_early || ++live->batches < BATCHES_BETWEEN)
		return;
	live->batches = 0;
	AfterTriggerEndQuery(live->estate);
	AfterTriggerBeginQuery();
}

void
pgcopy_live_end(LiveTriggers *live)
{
	ExecASInsertTriggers(live->estate, live->target, live->modify->mt_transition_capture);
	AfterTriggerEndQuery(live->estate);
}
