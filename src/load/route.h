/*-------------------------------------------------------------------------
 *
 * route.h
 *	  Rows of a partitioned relation into its leaves, frozen.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_ROUTE_H
#define PGCOPY_ROUTE_H

#include "executor/execPartition.h"
#include "nodes/execnodes.h"

typedef struct RowRouter RowRouter;

/*
 * "modify" is prepared for inserts into "root".  Lives in the current memory
 * context.
 */
extern RowRouter *pgcopy_route_open(ModifyTableState *modify, Relation root);

/*
 * Check and take a row of the root; returns whether all rows taken so far
 * have been written.  Called in the per-tuple context of the executor state,
 * which must live until then.
 */
extern bool pgcopy_route_put(RowRouter *router, TupleTableSlot *slot);

/* Write what is left and let go of the leaves. */
extern void pgcopy_route_close(RowRouter *router);

/*
 * The leaf a row of the root belongs to; *slot becomes the row as the leaf
 * has it, checked, generated columns computed.
 */
extern ResultRelInfo *pgcopy_route_row(ModifyTableState *modify,
									   PartitionTupleRouting *routing,
									   TupleTableSlot **slot);

#endif							/* PGCOPY_ROUTE_H */
