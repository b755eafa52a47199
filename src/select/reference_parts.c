/*-------------------------------------------------------------------------
 *
 * reference_parts.c
 *	  The parts that SQL about references is made of.
 *
 * Whether a row's parent is kept is asked by a LEFT JOIN with the distinct keys that
 * are kept.  Compared with IN or EXISTS, beside "or the column is null":
 *
 *	the planner can hash it, where EXISTS under OR becomes a subplan, which it runs
 *	for each row if it expects more keys than fit into work_mem
 *	DISTINCT tells it that keys are unique, so that it hashes the set, spills what is
 *	too large, and does so without statistics of the source
 *
 * Conditions of users are put into CASE, where the planner cannot estimate how few
 * rows they leave: wrong by orders of magnitude, that would make it choose a nested
 * loop over millions of rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"

#include "select/reference_parts.h"

char *
pgcopy_reference_parts_column(const ReferenceGraph *graph, const ReferenceNode *node,
						const char *name)
{
	ListCell   *lc;

	foreach(lc, node->needed)
	{
		if (strcmp(lfirst(lc), name) == 0)
			return psprintf("%s%d", graph->prefix, foreach_current_index(lc) + 1);
	}
	elog(ERROR, "column \"%s\" is not in the set of \"%s\"", name, node->relation->name);
	return NULL;
}

/* The name that a column has in the set that a join compares with. */
static char *
column_in_set(const ReferenceJoin *join, const KeyColumn *column)
{
	return pgcopy_reference_parts_column(join->graph,
								   pgcopy_reference_graph_find(join->graph,
															   join->key->referenced),
								   column->referenced);
}

/* kind: one letter for each of the sets that a join compares with. */
static char *
alias_of(const ReferenceJoin *join, char kind)
{
	return psprintf("%s%c%d", join->graph->prefix, kind, join->no);
}

/* Append AS alias ON (the key's columns are equal). */
static void
append_on(StringInfo sql, const ReferenceJoin *join, char kind)
{
	const char *alias = alias_of(join, kind);
	ListCell   *lc;

	appendStringInfo(sql, " AS %s ON (", alias);
	foreach(lc, join->key->columns)
	{
		const KeyColumn *column = lfirst(lc);

		appendStringInfo(sql, "%s%s.%s%s%s %s %s.%s%s",
						 foreach_current_index(lc) > 0 ? " AND " : "",
						 alias, column_in_set(join, column), column->referenced_cast,
						 column->collation, column->operator, join->table,
						 pgcopy_inventory_quoted(column->referencing),
						 column->referencing_cast);
	}
	appendStringInfoChar(sql, ')');
}

static void
append_left_join(StringInfo sql, const ReferenceJoin *join, const char *set, char kind)
{
	ListCell   *lc;

	appendStringInfoString(sql, " LEFT JOIN (SELECT DISTINCT ");
	foreach(lc, join->key->columns)
		appendStringInfo(sql, "%s%s", foreach_current_index(lc) > 0 ? ", " : "",
						 column_in_set(join, lfirst(lc)));
	appendStringInfo(sql, " FROM %s)", set);
	append_on(sql, join, kind);
}

void
pgcopy_reference_parts_append_link(StringInfo sql, const ReferenceJoin *join)
{
	appendStringInfo(sql, " JOIN %s", join->set);
	append_on(sql, join, 'k');
}

void
pgcopy_reference_parts_append_join(StringInfo sql, const ReferenceJoin *join)
{
	if (join->set != NULL)
		append_left_join(sql, join, join->set, 'k');
	if (join->all != NULL)
		append_left_join(sql, join, join->all, 'a');
}

/*
 * IS NULL, of which the planner knows how often it is true.  Of composite values it
 * is true too if all their fields are null.
 */
static void
append_null_test(StringInfo sql, const char *value, bool is_composite, bool is_null)
{
	if (is_composite)
		appendStringInfo(sql, "pg_catalog.num_nulls(%s) OPERATOR(pg_catalog.=) %d",
						 value, is_null ? 1 : 0);
	else
		appendStringInfo(sql, "%s IS %s", value, is_null ? "NULL" : "NOT NULL");
}

/* Has the row no partner in a set, or one? */
static void
append_partner_test(StringInfo sql, const ReferenceJoin *join, char kind, bool is_null)
{
	const KeyColumn *first = linitial(join->key->columns);

	append_null_test(sql, psprintf("%s.%s", alias_of(join, kind),
								   column_in_set(join, first)),
					 first->is_composite, is_null);
}

/*
 * Test each of the row's columns.  A key refers to nothing if one is null; with
 * MATCH FULL none or all are, but for rows that break the key already.
 */
static void
append_column_tests(StringInfo sql, const ReferenceJoin *join, const char *between,
					bool is_null)
{
	ListCell   *lc;

	foreach(lc, join->key->columns)
	{
		const KeyColumn *column = lfirst(lc);

		appendStringInfoString(sql, foreach_current_index(lc) > 0 ? between : "");
		append_null_test(sql, psprintf("%s.%s", join->table,
									   pgcopy_inventory_quoted(column->referencing)),
						 column->is_composite, is_null);
	}
}

void
pgcopy_reference_parts_append_is_kept(StringInfo sql, const ReferenceJoin *join)
{
	appendStringInfoChar(sql, '(');
	append_column_tests(sql, join, " OR ", true);
	if (join->set != NULL)
	{
		appendStringInfoString(sql, " OR ");
		append_partner_test(sql, join, 'k', false);
	}
	if (join->all != NULL)
	{
		appendStringInfoString(sql, " OR ");
		append_partner_test(sql, join, 'a', true);
	}
	appendStringInfoChar(sql, ')');
}

void
pgcopy_reference_parts_append_is_orphan(StringInfo sql, const ReferenceJoin *join)
{
	append_column_tests(sql, join, " AND ", false);
	if (join->set != NULL)
	{
		appendStringInfoString(sql, " AND ");
		append_partner_test(sql, join, 'k', true);
	}
	if (join->all != NULL)
	{
		appendStringInfoString(sql, " AND ");
		append_partner_test(sql, join, 'a', false);
	}
}

/* On lines of its own: it may end in a comment. */
void
pgcopy_reference_parts_append_condition(StringInfo sql, const ReferenceNode *table)
{
	appendStringInfo(sql, "CASE WHEN (\n%s\n) THEN true ELSE false END",
					 table->relation->row_condition);
}

/* The select list has columns as they are, or named as in the node's set. */
static void
append_rows(StringInfo sql, const ReferenceGraph *graph, const ReferenceNode *table,
			const ReferenceNode *named_by, List *columns)
{
	ListCell   *lc;

	foreach(lc, columns)
	{
		appendStringInfo(sql, "%s%s", foreach_current_index(lc) > 0 ? ", " : "",
						 pgcopy_inventory_quoted(lfirst(lc)));
		if (named_by != NULL)
			appendStringInfo(sql, " AS %s",
							 pgcopy_reference_parts_column(graph, named_by, lfirst(lc)));
	}
	appendStringInfo(sql, " FROM ONLY %s", pgcopy_inventory_quoted_name(table->relation));
}

static void
append_where(StringInfo sql, const ReferenceNode *table)
{
	if (table->relation->row_condition == NULL)
		return;
	appendStringInfoString(sql, " WHERE ");
	pgcopy_reference_parts_append_condition(sql, table);
}

void
pgcopy_reference_parts_append_own_rows(StringInfo sql, const ReferenceNode *table,
								 List *columns, bool with_row)
{
	appendStringInfoString(sql, "SELECT ");
	if (with_row)
		appendStringInfoString(sql, columns != NIL ? "ctid, " : "ctid");
	append_rows(sql, NULL, table, NULL, columns);
	append_where(sql, table);
}

char *
pgcopy_reference_parts_make_set(const ReferenceGraph *graph, const ReferenceNode *node,
						  const ForeignKey *key, bool with_conditions)
{
	List	   *leaves = node->relation->relkind == RELKIND_RELATION ?
		list_make1(unconstify(ReferenceNode *, node)) : node->leaves;
	List	   *columns = NIL;
	StringInfoData sql;
	const char *before = "(";
	ListCell   *lc;

	foreach(lc, key->columns)
		columns = list_append_unique_ptr(columns, ((KeyColumn *) lfirst(lc))->referenced);
	initStringInfo(&sql);
	foreach(lc, leaves)
	{
		const ReferenceNode *leaf = lfirst(lc);

		if (!pgcopy_reference_graph_has_rows(leaf))
			continue;
		appendStringInfo(&sql, "%sSELECT ", before);
		append_rows(&sql, graph, leaf, node, columns);
		if (with_conditions)
			append_where(&sql, leaf);
		before = " UNION ALL ";
	}
	appendStringInfo(&sql, ") AS %sset", graph->prefix);
	return sql.data;
}
