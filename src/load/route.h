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
 * Check and take a row of the root, in the executor's per-tuple context.  Returns
 * true when the caller may reset that (about once a page, and after a long row).
 */
extern bool pgcopy_route_put(RowRouter *router, TupleTableSlot *slot);

/* Write the remaining rows and close the leaves. */
extern void pgcopy_route_close(RowRouter *router);

/*
 * Return the leaf of a root's row.  *slot becomes the row in the leaf's form,
 * with generated columns computed and constraints checked.
 */
extern ResultRelInfo *pgcopy_route_row(ModifyTableState *modify,
									   PartitionTupleRouting *routing,
									   TupleTableSlot **slot);

/*
 * The same in two steps: find the leaf, then compute and check.  is_new: the row is new
 * in the table, and must fulfil constraints that are not valid, too.
 */
extern ResultRelInfo *pgcopy_route_find(ModifyTableState *modify,
										PartitionTupleRouting *routing,
										TupleTableSlot **slot);
extern void pgcopy_route_check(ModifyTableState *modify, ResultRelInfo *leaf,
							   TupleTableSlot *slot, bool is_new);

/*
 * Check a row that the source has; throws what COPY throws.  CHECK and NOT NULL
 * constraints that are NOT VALID are left out: rows that were there before them need
 * not fulfil them.  In the executor's per-tuple context.
 */
extern void pgcopy_proven_check(ResultRelInfo *target, TupleTableSlot *slot,
								EState *estate);

#endif							/* PGCOPY_ROUTE_H */
