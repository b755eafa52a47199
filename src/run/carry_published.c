/*-------------------------------------------------------------------------
 *
 * carry_published.c
 *	  The tables of the publications, by how their changes are carried.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"

#include "run/carry.h"
#include "source/inventory.h"
#include "stream/publication.h"

/* Sources from this version on publish partitioned tables. */
#define VERSION_WITH_ROOTS 130000

/* Is it published with the table that it is a partition of? */
static bool
goes_with_parent(List *relations, const SourceRelation *relation)
{
	const SourceRelation *parent = OidIsValid(relation->parent) ?
		pgcopy_inventory_find(relations, relation->parent) : NULL;

	return parent != NULL && parent->carry == relation->carry;
}

List *
pgcopy_carry_published(Leader *leader, List *relations, char carry)
{
	bool		has_roots = pgcopy_session_version(pgcopy_link_session(leader->link)) >=
		VERSION_WITH_ROOTS;
	List	   *tables = NIL;
	ListCell   *lc;

	foreach(lc, relations)
	{
		const SourceRelation *relation = lfirst(lc);
		PublishedTable *table;

		if (relation->carry != carry ||
			(relation->relkind == RELKIND_PARTITIONED_TABLE && !has_roots) ||
			(has_roots && goes_with_parent(relations, relation)))
			continue;
		table = palloc0(sizeof(PublishedTable));
		table->oid = relation->oid;
		table->schema = relation->schema;
		table->name = relation->name;
		table->row_filter = relation->row_condition;
		tables = lappend(tables, table);
	}
	return tables;
}
