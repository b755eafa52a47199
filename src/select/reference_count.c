/*-------------------------------------------------------------------------
 *
 * reference_count.c
 *	  SQL that counts the rows whose parents are left out.
 *
 * By conditions alone: which rows break a key that is not followed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "select/reference_parts.h"
#include "select/reference_sql.h"

/* The rows of a key's tables. */
static void
append_referencing(StringInfo sql, const ReferenceGraph *graph, const ForeignKey *key)
{
	List	   *columns = NIL;
	const char *before = "";
	ListCell   *lc;

	foreach(lc, key->columns)
		columns = lappend(columns, ((KeyColumn *) lfirst(lc))->referencing);
	appendStringInfoChar(sql, '(');
	for (int i = 0; i < graph->count; i++)
	{
		const ReferenceNode *table = &graph->nodes[i];

		if (!list_member_ptr(table->keys, key))
			continue;
		appendStringInfoString(sql, before);
		pgcopy_reference_parts_append_own_rows(sql, table, columns, false);
		before = " UNION ALL ";
	}
	appendStringInfo(sql, ") AS %sr", graph->prefix);
}

char *
pgcopy_reference_count_make(const ReferenceGraph *graph, const ForeignKey *key)
{
	ReferenceNode *referenced = pgcopy_reference_graph_find(graph, key->referenced);
	ReferenceJoin join = pgcopy_reference_sets_make_join(graph, key,
													psprintf("%sr", graph->prefix),
													"kept", 1);
	StringInfoData sql;

	if (join.set != NULL)
		join.set = pgcopy_reference_parts_make_set(graph, referenced, key, true);
	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT pg_catalog.count(*) FROM ");
	append_referencing(&sql, graph, key);
	pgcopy_reference_parts_append_join(&sql, &join);
	appendStringInfoString(&sql, " WHERE ");
	pgcopy_reference_parts_append_is_orphan(&sql, &join);
	return sql.data;
}

const char *
pgcopy_reference_count_path(const ReferenceGraph *graph, const ForeignKey *key)
{
	ReferenceNode *referenced = pgcopy_reference_graph_find(graph, key->referenced);

	for (int i = 0; i < graph->count; i++)
	{
		const ReferenceNode *node = &graph->nodes[i];

		if (node->relation->row_condition == NULL ||
			node->relation->expression_path == NULL)
			continue;
		if (node == referenced || list_member_ptr(node->keys, key) ||
			list_member_ptr(referenced->leaves, node))
			return node->relation->expression_path;
	}
	return NULL;
}
