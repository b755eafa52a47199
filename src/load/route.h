/*-------------------------------------------------------------------------
 *
 * route.h
 *	  Write rows of a partitioned relation into its leaves, frozen.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_ROUTE_H
#define PGCOPY_ROUTE_H

#include "executor/execPartition.h"
#include "nodes/execnodes.h"

typedef struct RowRouter RowRouter;

/*
 * Create a router in the current memory context.  "modify" is prepared for
 * inserts into "root".
 */
extern RowRouter *pgcopy_route_open(ModifyTableState *modify, Relation root);

/*
 * Check and take a row of the root.  Returns true if all rows taken so far are
 * written, so that the caller may reset the executor's per-tuple context, in
 * which it must call this.
 */
extern bool pgcopy_route_put(RowRouter *router, TupleTableSlot *slot);

/* While rows are written: how far the first of them is before the last one put. */
extern int	pgcopy_route_unwritten(const RowRouter *router);

/* Write the remaining rows and close the leaves. */
extern void pgcopy_route_close(RowRouter *router);

/*
 * Return the leaf of a root's row.  *slot becomes the row in the leaf's form,
 * with generated columns computed and constraints checked.
 */
extern ResultRelInfo *pgcopy_route_row(ModifyTableState *modify,
									   PartitionTupleRouting *routing,
									   TupleTableSlot **slot);

#endif							/* PGCOPY_ROUTE_H */
