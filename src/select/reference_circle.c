/*-------------------------------------------------------------------------
 *
 * reference_circle.c
 *	  Named queries of tables that refer to each other in a circle.
 *
 * Such tables, or one that refers to itself: a row goes if any row goes that it refers
 * to, directly or by others.  What meets the other conditions is a candidate; "gone"
 * are candidates that refer to what is none, then, by recursion, what refers to them.
 * So rows that refer to each other, or to themselves, stay.  Only candidates enter the
 * recursion, which the source holds in memory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"

#include "select/reference_parts.h"

/* Candidates of all tables of a circle have one number space: table, then row. */
#define ROW_BITS 48

/* Candidates of a table of a circle, each with a number. */
static void
append_candidates(StringInfo sql, const ReferenceGraph *graph, const ReferenceNode *table)
{
	appendStringInfo(sql, "%s AS %s(SELECT '" INT64_FORMAT "'::pg_catalog.int8"
					 " OPERATOR(pg_catalog.+) pg_catalog.row_number() OVER () AS %sid,"
					 " %sr.ctid AS %srow",
					 pgcopy_reference_sets_name(graph, "rows", table->no),
					 pgcopy_reference_sets_materialized(graph),
					 (int64) table->no << ROW_BITS, graph->prefix, graph->prefix,
					 graph->prefix);
	pgcopy_reference_sets_append_set_columns(sql, graph, table, ", ");
	pgcopy_reference_sets_append_from_kept(sql, graph, table, true);
	appendStringInfoChar(sql, ')');
}

/* The tables and partitioned tables of a circle, in their order. */
static List *
members_of_circle(const ReferenceGraph *graph, const ReferenceNode *first, char relkind)
{
	List	   *members = NIL;
	ListCell   *lc;

	foreach(lc, graph->order)
	{
		ReferenceNode *node = lfirst(lc);

		if (node->component == first->component && node->relation->relkind == relkind &&
			pgcopy_reference_graph_has_rows(node))
			members = lappend(members, node);
	}
	return members;
}

/*
 * A select list on candidates has their columns under the names of the set, but
 * joins want the table's own.
 */
static char *
candidates_by_name(const ReferenceGraph *graph, const ReferenceNode *table)
{
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&sql);
	appendStringInfo(&sql, "(SELECT %sid", graph->prefix);
	foreach(lc, table->needed)
		appendStringInfo(&sql, ", %s AS %s",
						 pgcopy_reference_parts_column(graph, table, lfirst(lc)),
						 pgcopy_inventory_quoted(lfirst(lc)));
	appendStringInfo(&sql, " FROM %s) AS %sr", pgcopy_reference_sets_name(graph, "rows", table->no),
					 graph->prefix);
	return sql.data;
}

/* Candidates that refer to a row that is none. */
static void
append_first_gone(StringInfo sql, const ReferenceGraph *graph, List *tables)
{
	const char *before = "";
	ListCell   *lc;

	foreach(lc, tables)
	{
		const ReferenceNode *table = lfirst(lc);
		char	   *alias = psprintf("%sr", graph->prefix);
		List	   *joins = pgcopy_reference_sets_make_joins(graph, table, alias, true);
		ListCell   *cell;

		foreach(cell, joins)
		{
			appendStringInfo(sql, "%sSELECT %sr.%sid FROM %s", before, graph->prefix,
							 graph->prefix, candidates_by_name(graph, table));
			pgcopy_reference_parts_append_join(sql, lfirst(cell));
			appendStringInfoString(sql, " WHERE ");
			pgcopy_reference_parts_append_is_orphan(sql, lfirst(cell));
			before = " UNION ALL ";
		}
	}
}

/* Which candidate refers to which. */
static void
append_links(StringInfo sql, const ReferenceGraph *graph, List *tables)
{
	const char *prefix = graph->prefix;
	const char *before = "";
	ListCell   *lc;

	foreach(lc, tables)
	{
		const ReferenceNode *table = lfirst(lc);
		ListCell   *cell;

		foreach(cell, pgcopy_reference_sets_make_joins(graph, table, psprintf("%sr", prefix), true))
		{
			ReferenceJoin *join = lfirst(cell);

			appendStringInfo(sql, "%sSELECT %sk%d.%sid AS %sparent, %sr.%sid AS %schild FROM %s",
							 before, prefix, join->no, prefix, prefix, prefix, prefix,
							 prefix, candidates_by_name(graph, table));
			pgcopy_reference_parts_append_link(sql, join);
			before = " UNION ALL ";
		}
	}
}

/*
 * A subselect of each candidate with all that refer to it.  GROUP BY tells the planner
 * that there is one row for each: so it hashes these, once for all steps, instead of
 * reading them in each step.
 */
static void
append_children(StringInfo sql, const ReferenceGraph *graph, List *tables)
{
	const char *prefix = graph->prefix;

	appendStringInfo(sql, "(SELECT %sparent, pg_catalog.array_agg(%schild) AS %schildren FROM (",
					 prefix, prefix, prefix);
	append_links(sql, graph, tables);
	appendStringInfo(sql, ") AS %slinks GROUP BY %sparent)", prefix, prefix);
}

/* The tables of a circle that stay, with the place of their rows. */
static void
append_kept_in_circle(StringInfo sql, const ReferenceGraph *graph, const ReferenceNode *table,
					  const char *gone)
{
	const char *prefix = graph->prefix;
	ListCell   *lc;

	appendStringInfo(sql, ", %s AS %s(SELECT %sr.%srow",
					 pgcopy_reference_sets_name(graph, "kept", table->no),
					 pgcopy_reference_sets_materialized(graph), prefix, prefix);
	foreach(lc, table->needed)
		appendStringInfo(sql, ", %sr.%s", prefix,
						 pgcopy_reference_parts_column(graph, table, lfirst(lc)));
	appendStringInfo(sql, " FROM %s AS %sr LEFT JOIN (SELECT DISTINCT %sid FROM %s) AS %sgone"
					 " ON (%sgone.%sid OPERATOR(pg_catalog.=) %sr.%sid)"
					 " WHERE %sgone.%sid IS NULL)",
					 pgcopy_reference_sets_name(graph, "rows", table->no),
					 prefix, prefix, gone, prefix,
					 prefix, prefix, prefix, prefix, prefix, prefix);
}

/* All named queries of a circle; its first node has them. */
void
pgcopy_reference_circle_append(StringInfo sql, const ReferenceGraph *graph,
							   const ReferenceNode *first)
{
	const char *prefix = graph->prefix;
	char	   *gone = pgcopy_reference_sets_name(graph, "gone", first->component);
	List	   *tables = members_of_circle(graph, first, RELKIND_RELATION);
	List	   *parents = members_of_circle(graph, first, RELKIND_PARTITIONED_TABLE);
	ListCell   *lc;

	foreach(lc, tables)
	{
		append_candidates(sql, graph, lfirst(lc));
		appendStringInfoString(sql, ", ");
	}
	foreach(lc, parents)
	{
		pgcopy_reference_sets_append_union(sql, graph, lfirst(lc), "rows");
		appendStringInfoString(sql, ", ");
	}
	appendStringInfo(sql, "%s(%sid) AS ((", gone, prefix);
	append_first_gone(sql, graph, tables);
	appendStringInfo(sql, ") UNION SELECT %su.%schild FROM %s AS %sg JOIN ", prefix, prefix,
					 gone, prefix);
	append_children(sql, graph, tables);
	appendStringInfo(sql, " AS %sl ON %sl.%sparent OPERATOR(pg_catalog.=) %sg.%sid"
					 " CROSS JOIN LATERAL pg_catalog.unnest(%sl.%schildren) AS %su(%schild))",
					 prefix, prefix, prefix, prefix, prefix, prefix, prefix, prefix, prefix);
	foreach(lc, tables)
		append_kept_in_circle(sql, graph, lfirst(lc), gone);
	foreach(lc, parents)
	{
		appendStringInfoString(sql, ", ");
		pgcopy_reference_sets_append_union(sql, graph, lfirst(lc), "kept");
	}
}
