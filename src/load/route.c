/*-------------------------------------------------------------------------
 *
 * route.c
 *	  Write rows of a partitioned relation into its leaves, frozen.
 *
 * The executor finds a row's leaf, and opens it at its first row.  A leaf keeps
 * tuples until it has a full batch, or until all leaves together hold so much
 * that all are written and the row memory is reset.  So memory grows with the
 * number of leaves only by a few kilobytes each.
 *
 * Leaves of other access methods get ordinary rows, one at a time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_am.h"
#include "executor/executor.h"
#include "executor/nodeModifyTable.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "heap/frozen.h"
#include "load/route.h"

/* The most that all leaves hold together. */
#define MAX_HELD_ROWS	8000
#define MAX_HELD_BYTES	(1024 * 1024)

typedef struct RouterLeaf
{
	Relation	relation;
	bool		is_heap;
	HeapTuple	tuples[FROZEN_MAX_ROWS];
	int			rows;
} RouterLeaf;

struct RowRouter
{
	ModifyTableState *modify;
	PartitionTupleRouting *routing;
	FrozenInserter *inserter;
	MemoryContext context;
	List	   *leaves;			/* RouterLeaf * */
	int			rows;
	Size		bytes;
	bool		is_writing;
};

ResultRelInfo *
pgcopy_route_row(ModifyTableState *modify, PartitionTupleRouting *routing,
				 TupleTableSlot **slot)
{
	EState	   *estate = modify->ps.state;
	ResultRelInfo *leaf = ExecFindPartition(modify, modify->rootResultRelInfo,
											routing, *slot, estate);
	TupleConversionMap *map = pgcopy_root_to_leaf_map(leaf, estate);
	TupleConstr *constr;

	if (leaf->ri_FdwRoutine != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot load rows into foreign partition \"%s\"",
						RelationGetRelationName(leaf->ri_RelationDesc))));
	if (map != NULL)
		*slot = execute_attr_map_slot(map->attrMap, *slot,
									  leaf->ri_PartitionTupleSlot);
	(*slot)->tts_tableOid = RelationGetRelid(leaf->ri_RelationDesc);
	constr = RelationGetDescr(leaf->ri_RelationDesc)->constr;
	if (constr != NULL && constr->has_generated_stored)
		ExecComputeStoredGenerated(leaf, estate, *slot, CMD_INSERT);
	if (constr != NULL)
		ExecConstraints(leaf, *slot, estate);
	return leaf;
}

RowRouter *
pgcopy_route_open(ModifyTableState *modify, Relation root)
{
	RowRouter  *router = palloc0(sizeof(RowRouter));

	router->modify = modify;
	router->routing = ExecSetupPartitionTupleRouting(modify->ps.state, root);
	router->inserter = pgcopy_frozen_open();
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
	if (info->ri_NumIndices > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot load table \"%s\" frozen",
						RelationGetRelationName(info->ri_RelationDesc)),
				 errdetail("It has indexes.")));

	old = MemoryContextSwitchTo(router->context);
	leaf = palloc(sizeof(RouterLeaf));
	leaf->relation = info->ri_RelationDesc;
	leaf->is_heap = leaf->relation->rd_rel->relam == HEAP_TABLE_AM_OID;
	leaf->rows = 0;
	router->leaves = lappend(router->leaves, leaf);
	MemoryContextSwitchTo(old);
	info->ri_CopyMultiInsertBuffer = (struct CopyMultiInsertBuffer *) leaf;
	return leaf;
}

static void
flush_leaf(RowRouter *router, RouterLeaf *leaf)
{
	router->is_writing = true;
	pgcopy_frozen_insert(router->inserter, leaf->relation, leaf->tuples,
						 leaf->rows);
	router->is_writing = false;
	leaf->rows = 0;
}

static void
flush_leaves(RowRouter *router)
{
	ListCell   *cell;

	foreach(cell, router->leaves)
		flush_leaf(router, lfirst(cell));
	router->rows = 0;
	router->bytes = 0;
}

static void
keep_row(RowRouter *router, RouterLeaf *leaf, TupleTableSlot *slot)
{
	HeapTuple	tuple;

	slot_getallattrs(slot);
	tuple = heap_form_tuple(RelationGetDescr(leaf->relation),
							slot->tts_values, slot->tts_isnull);
	leaf->tuples[leaf->rows++] = tuple;
	router->bytes += tuple->t_len;
	if (leaf->rows == FROZEN_MAX_ROWS)
		flush_leaf(router, leaf);
}

bool
pgcopy_route_put(RowRouter *router, TupleTableSlot *slot)
{
	ResultRelInfo *info = pgcopy_route_row(router->modify, router->routing,
										   &slot);
	RouterLeaf *leaf = get_leaf(router, info);

	Assert(CurrentMemoryContext == GetPerTupleMemoryContext(router->modify->ps.state));
	router->rows++;
	if (leaf->is_heap)
		keep_row(router, leaf, slot);
	else
		table_tuple_insert(leaf->relation, slot, GetCurrentCommandId(true),
						   0, NULL);
	if (router->rows < MAX_HELD_ROWS && router->bytes < MAX_HELD_BYTES)
		return false;
	flush_leaves(router);
	return true;
}

int
pgcopy_route_unwritten(const RowRouter *router)
{
	return router->is_writing ? router->rows - 1 : 0;
}

void
pgcopy_route_close(RowRouter *router)
{
	flush_leaves(router);
	pgcopy_frozen_close(router->inserter);
	ExecCleanupTupleRouting(router->modify, router->routing);
}
