/*-------------------------------------------------------------------------
 *
 * agree.c
 *	  Compare the inventory with what else the source says of its relations.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "miscadmin.h"

#include "select/agree.h"
#include "select/graph.h"

void
pgcopy_agree_throw(const SourceRelation *relation, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("the source gives contradictory answers about relation %s",
					pgcopy_inventory_quoted_name(relation)),
			 errdetail_internal("%s", detail),
			 errhint("Check the source's catalogs, and that no proxy changes its answers.")));
}

void
pgcopy_agree_relation(const SourceRelation *relation, const char *schema, const char *name,
					  char relkind, Oid parent)
{
	if (strcmp(relation->schema, schema) != 0 || strcmp(relation->name, name) != 0)
		pgcopy_agree_throw(relation, "Two lists of relations differ in its name.");
	if (relation->relkind != relkind)
		pgcopy_agree_throw(relation, "Two lists of relations differ in its kind.");
	if (relation->parent != parent)
		pgcopy_agree_throw(relation, "Two lists of relations differ in what it is a partition of.");
}

void
pgcopy_agree_selection(const Selection *selection, List *relations)
{
	ListCell   *lc;

	foreach(lc, selection != NULL ? relations : NIL)
	{
		const SourceRelation *relation = lfirst(lc);
		const GraphNode *node = pgcopy_graph_find(selection, RelationRelationId, relation->oid);

		CHECK_FOR_INTERRUPTS();
		if (node == NULL || node->name == NULL || node->schema == NULL ||
			node->schema->name == NULL)
			pgcopy_agree_throw(relation, "It is in one of two lists of relations only.");
		pgcopy_agree_relation(relation, node->schema->name, node->name, node->subkind,
							  node->parent != NULL ? node->parent->key.oid : InvalidOid);
	}
}
