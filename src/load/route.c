/*-------------------------------------------------------------------------
 *
 * route.c
 *	  Write rows of a partitioned relation into its leaves, frozen.
 *
 * The executor finds a row's leaf, and opens it at its first row.  Each leaf has
 * a writer of pages (heap/pages.c), as a relation that is loaded directly.  All
 * of them share what they hold back: beyond that, memory grows with the number
 * of leaves by a page of rows and one of TOAST slices each.
 *
 * Leaves of other access methods get ordinary rows, one at a time.
 *
 * Indexes get no entries.  So a leaf with indexes must have been emptied in this
 * transaction, by somebody who builds them at the end.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_am.h"
#include "executor/executor.h"
#include "executor/nodeModifyTable.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "heap/pages.h"
#include "load/route.h"

/* The row memory is reset after so many rows, if not before. */
#define MAX_ROWS		1000

typedef struct RouterLeaf
{
	Relation	relation;
	PageWriter *pages;			/* NULL: no heap */
} RouterLeaf;

struct RowRouter
{
	ModifyTableState *modify;
	PartitionTupleRouting *routing;
	PageShare  *share;
	MemoryContext context;
	List	   *leaves;			/* RouterLeaf * */
	int			rows;			/* since the row memory was reset */
};

ResultRelInfo *
pgcopy_route_find(ModifyTableState *modify, PartitionTupleRouting *routing,
				  TupleTableSlot **slot)
{
	EState	   *estate = modify->ps.state;
	ResultRelInfo *leaf = ExecFindPartition(modify, modify->rootResultRelInfo,
											routing, *slot, estate);
	TupleConversionMap *map = pgcopy_root_to_leaf_map(leaf, estate);

	if (leaf->ri_FdwRoutine != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot load rows into foreign partition \"%s\"",
						RelationGetRelationName(leaf->ri_RelationDesc))));
	if (map != NULL)
		*slot = execute_attr_map_slot(map->attrMap, *slot,
									  leaf->ri_PartitionTupleSlot);
	(*slot)->tts_tableOid = RelationGetRelid(leaf->ri_RelationDesc);
	return leaf;
}

void
pgcopy_route_check(ModifyTableState *modify, ResultRelInfo *leaf, TupleTableSlot *slot,
				   bool is_new)
{
	EState	   *estate = modify->ps.state;
	TupleConstr *constr = RelationGetDescr(leaf->ri_RelationDesc)->constr;

	if (constr != NULL && constr->has_generated_stored)
		ExecComputeStoredGenerated(leaf, estate, slot, CMD_INSERT);
	if (constr != NULL && is_new)
		ExecConstraints(leaf, slot, estate);
	else if (constr != NULL)
		pgcopy_proven_check(leaf, slot, estate);
}

ResultRelInfo *
pgcopy_route_row(ModifyTableState *modify, PartitionTupleRouting *routing,
				 TupleTableSlot **slot)
{
	ResultRelInfo *leaf = pgcopy_route_find(modify, routing, slot);

	pgcopy_route_check(modify, leaf, *slot, false);
	return leaf;
}

RowRouter *
pgcopy_route_open(ModifyTableState *modify, Relation root)
{
	RowRouter  *router = palloc0(sizeof(RowRouter));

	router->modify = modify;
	router->routing = ExecSetupPartitionTupleRouting(modify->ps.state, root);
	router->share = pgcopy_pages_share(true);
	router->context = CurrentMemoryContext;
	return router;
}

/* Return our part of a leaf, kept in the field that COPY would use. */
static RouterLeaf *
get_leaf(RowRouter *router, ResultRelInfo *info)
{
	RouterLeaf *leaf = (RouterLeaf *) info->ri_CopyMultiInsertBuffer;
	MemoryContext old;

	if (leaf != NULL)
		return leaf;
	if (info->ri_NumIndices > 0 && !pgcopy_has_new_storage(info->ri_RelationDesc))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot load table \"%s\" frozen",
						RelationGetRelationName(info->ri_RelationDesc)),
				 errdetail("It has indexes.")));

	old = MemoryContextSwitchTo(router->context);
	leaf = palloc0(sizeof(RouterLeaf));
	leaf->relation = info->ri_RelationDesc;
	if (leaf->relation->rd_rel->relam == HEAP_TABLE_AM_OID)
		leaf->pages = pgcopy_pages_open(router->share, leaf->relation, NULL, NULL);
	router->leaves = lappend(router->leaves, leaf);
	MemoryContextSwitchTo(old);
	info->ri_CopyMultiInsertBuffer = (struct CopyMultiInsertBuffer *) leaf;
	return leaf;
}

static bool
put_into_leaf(RouterLeaf *leaf, TupleTableSlot *slot)
{
	if (leaf->pages == NULL)
	{
		table_tuple_insert(leaf->relation, slot, GetCurrentCommandId(true), 0, NULL);
		return true;
	}
	slot_getallattrs(slot);
	return pgcopy_pages_add(leaf->pages, slot->tts_values, slot->tts_isnull, NULL);
}

bool
pgcopy_route_put(RowRouter *router, TupleTableSlot *slot)
{
	ResultRelInfo *info = pgcopy_route_row(router->modify, router->routing,
										   &slot);
	RouterLeaf *leaf = get_leaf(router, info);

	Assert(CurrentMemoryContext == GetPerTupleMemoryContext(router->modify->ps.state));
	if (!put_into_leaf(leaf, slot) && ++router->rows < MAX_ROWS)
		return false;
	router->rows = 0;
	return true;
}

void
pgcopy_route_close(RowRouter *router)
{
	ListCell   *cell;

	foreach(cell, router->leaves)
	{
		RouterLeaf *leaf = lfirst(cell);

		if (leaf->pages != NULL)
			pgcopy_pages_close(leaf->pages);
	}
	ExecCleanupTupleRouting(router->modify, router->routing);
}
