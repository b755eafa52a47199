/*-------------------------------------------------------------------------
 *
 * live.h
 *	  Triggers that fire while rows go into a table that the job has not created.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_LIVE_H
#define PGCOPY_LIVE_H

#include "nodes/execnodes.h"

typedef struct LiveTriggers LiveTriggers;

/*
 * Begin: fire BEFORE STATEMENT triggers, and collect those that fire after.
 * "modify" is prepared for inserts into its only relation.
 */
extern LiveTriggers *pgcopy_live_begin(ModifyTableState *modify);

/*
 * Fire BEFORE ROW triggers of a target or leaf, which may change the row in "slot".
 * root_slot has the row as it came.  Returns false if one takes the row away.
 */
extern bool pgcopy_live_before_row(LiveTriggers *live, ResultRelInfo *target,
								   TupleTableSlot *root_slot, TupleTableSlot *slot);

/* Throw if a BEFORE ROW trigger has moved the row to another partition. */
extern void pgcopy_live_check_partition(LiveTriggers *live, ResultRelInfo *leaf,
										TupleTableSlot *slot);

/* May rows wait for others?  Not if a trigger that sees the table fires before each. */
extern bool pgcopy_live_can_wait(const LiveTriggers *live);

/* Call after each batch: may fire what fires after rows, to bound memory. */
extern void pgcopy_live_batch_written(LiveTriggers *live);

/* Fire all that is left, AFTER STATEMENT triggers too. */
extern void pgcopy_live_end(LiveTriggers *live);

#endif							/* PGCOPY_LIVE_H */
