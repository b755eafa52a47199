/*-------------------------------------------------------------------------
 *
 * reference_sets.c
 *	  Named queries of the rows that are kept, by their keys.
 *
 * Each table and partitioned table that others refer to becomes a named query of the
 * keys that are kept, once, however many refer to it: nested conditions would double
 * with each diamond of keys.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"

#include "select/reference_parts.h"

const char *
pgcopy_reference_sets_materialized(const ReferenceGraph *graph)
{
	return graph->source_version >= 120000 ? "MATERIALIZED " : "";
}

char *
pgcopy_reference_sets_name(const ReferenceGraph *graph, const char *what, int no)
{
	return psprintf("%s%s_%d", graph->prefix, what, no);
}

/* Describe the comparison of a table's rows with those that a key refers to. */
ReferenceJoin
pgcopy_reference_sets_make_join(const ReferenceGraph *graph,
								const ForeignKey *key,
								const char *table,
								const char *kind_of_set,
								int no)
{
	ReferenceNode *referenced = pgcopy_reference_graph_find(graph, key->referenced);
	ReferenceJoin join = {.graph = graph,.key = key,.table = table,.no = no};

	if (pgcopy_reference_graph_has_rows(referenced))
		join.set = pgcopy_reference_sets_name(graph, kind_of_set, referenced->no);
	if (!key->is_valid && pgcopy_reference_graph_is_readable(referenced))
		join.all = pgcopy_reference_parts_make_set(graph, referenced, key, false);
	return join;
}

static bool
is_within_circle(const ReferenceGraph *graph, const ReferenceNode *table,
				 const ForeignKey *key)
{
	return table->is_in_circle && table->component ==
		pgcopy_reference_graph_find(graph, key->referenced)->component;
}

/*
 * The joins of a table, known in SQL as "name", with what its keys refer to and lose
 * rows: those within its circle, or the others.
 */
List *
pgcopy_reference_sets_make_joins(const ReferenceGraph *graph,
								 const ReferenceNode *table,
								 const char *name,
								 bool within_circle)
{
	List	   *joins = NIL;
	ListCell   *lc;

	foreach(lc, table->keys)
	{
		const ForeignKey *key = lfirst(lc);
		ReferenceJoin *join;

		if (!pgcopy_reference_graph_find(graph, key->referenced)->is_affected ||
			is_within_circle(graph, table, key) != within_circle)
			continue;
		join = palloc(sizeof(ReferenceJoin));
		*join = pgcopy_reference_sets_make_join(graph, key, name, within_circle ? "rows" : "kept",
						  list_length(joins) + 1);
		joins = lappend(joins, join);
	}
	return joins;
}

void
pgcopy_reference_sets_append_joins(StringInfo sql, List *joins)
{
	ListCell   *lc;

	foreach(lc, joins)
		pgcopy_reference_parts_append_join(sql, lfirst(lc));
}

void
pgcopy_reference_sets_append_are_kept(StringInfo sql, List *joins, const char *before)
{
	ListCell   *lc;

	foreach(lc, joins)
	{
		appendStringInfoString(sql, before);
		pgcopy_reference_parts_append_is_kept(sql, lfirst(lc));
		before = " AND ";
	}
}

/* Columns of a table that its joins or its set need. */
static List *
columns_to_read(const ReferenceNode *table, List *joins)
{
	List	   *columns = list_copy(table->needed);
	ListCell   *lc;

	foreach(lc, joins)
	{
		const ReferenceJoin *join = lfirst(lc);
		ListCell   *cell;

		foreach(cell, join->key->columns)
		{
			char	   *name = ((KeyColumn *) lfirst(cell))->referencing;
			ListCell   *other;
			bool		is_there = false;

			foreach(other, columns)
				is_there |= strcmp(lfirst(other), name) == 0;
			if (!is_there)
				columns = lappend(columns, name);
		}
	}
	return columns;
}

/* FROM the table's own rows, as r, less those that refer to lost rows. */
void
pgcopy_reference_sets_append_from_kept(StringInfo sql,
									   const ReferenceGraph *graph,
									   const ReferenceNode *table,
									   bool with_row)
{
	char	   *alias = psprintf("%sr", graph->prefix);
	List	   *joins = pgcopy_reference_sets_make_joins(graph, table, alias, false);

	appendStringInfoString(sql, " FROM (");
	pgcopy_reference_parts_append_own_rows(sql, table, columns_to_read(table, joins), with_row);
	appendStringInfo(sql, ") AS %s", alias);
	pgcopy_reference_sets_append_joins(sql, joins);
	pgcopy_reference_sets_append_are_kept(sql, joins, " WHERE ");
}

/* The columns of a table's set, with the names that they have there. */
void
pgcopy_reference_sets_append_set_columns(StringInfo sql,
										 const ReferenceGraph *graph,
										 const ReferenceNode *node,
										 const char *separator)
{
	ListCell   *lc;

	foreach(lc, node->needed)
	{
		appendStringInfo(sql, "%s%sr.%s AS %s", separator, graph->prefix,
						 pgcopy_inventory_quoted(lfirst(lc)),
						 pgcopy_reference_parts_column(graph, node, lfirst(lc)));
		separator = ", ";
	}
}

/* One leaf's part of it. */
static void
append_leaf(StringInfo sql, const ReferenceGraph *graph, const ReferenceNode *node,
			const ReferenceNode *leaf, const char *kind)
{
	bool		has_ids = strcmp(kind, "rows") == 0;
	bool		is_candidate = has_ids && leaf->component == node->component;
	const char *before = "";
	ListCell   *lc;

	appendStringInfoString(sql, "SELECT ");
	if (has_ids)
	{
		/* what is outside of the circle stays, and needs no number */
		appendStringInfo(sql, "%s%sid", is_candidate ? "" : "NULL::pg_catalog.int8 AS ",
						 graph->prefix);
		before = ", ";
	}
	foreach(lc, node->needed)
	{
		appendStringInfo(sql, "%s%s AS %s", before,
						 pgcopy_reference_parts_column(graph, leaf, lfirst(lc)),
						 pgcopy_reference_parts_column(graph, node, lfirst(lc)));
		before = ", ";
	}
	appendStringInfo(sql, " FROM %s",
					 pgcopy_reference_sets_name(graph, is_candidate ? "rows" : "kept",
											   leaf->no));
}

void
pgcopy_reference_sets_append_union(StringInfo sql, const ReferenceGraph *graph,
							  const ReferenceNode *node, const char *kind)
{
	const char *before = "";
	ListCell   *lc;

	appendStringInfo(sql, "%s AS (", pgcopy_reference_sets_name(graph, kind, node->no));
	foreach(lc, node->leaves)
	{
		const ReferenceNode *leaf = lfirst(lc);

		if (!pgcopy_reference_graph_has_rows(leaf))
			continue;
		appendStringInfoString(sql, before);
		append_leaf(sql, graph, node, leaf, kind);
		before = " UNION ALL ";
	}
	appendStringInfoChar(sql, ')');
}

/* The named query of a node outside of circles. */
void
pgcopy_reference_sets_append_node(StringInfo sql,
								  const ReferenceGraph *graph,
								  const ReferenceNode *node)
{
	if (node->relation->relkind != RELKIND_RELATION)
	{
		pgcopy_reference_sets_append_union(sql, graph, node, "kept");
		return;
	}
	appendStringInfo(sql, "%s AS %s(SELECT ", pgcopy_reference_sets_name(graph, "kept", node->no),
					 pgcopy_reference_sets_materialized(graph));
	pgcopy_reference_sets_append_set_columns(sql, graph, node, "");
	pgcopy_reference_sets_append_from_kept(sql, graph, node, false);
	appendStringInfoChar(sql, ')');
}
