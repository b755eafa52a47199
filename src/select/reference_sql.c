/*-------------------------------------------------------------------------
 *
 * reference_sql.c
 *	  SQL for the source that leaves out rows whose parents are left out.
 *
 * The query of a table has, before it, the named queries of all that it depends on
 * (reference_sets.c, reference_circle.c), joins with what it refers to itself, and a
 * condition on both.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "miscadmin.h"

#include "select/reference_parts.h"
#include "select/reference_sql.h"

typedef struct SqlState
{
	const ReferenceGraph *graph;
	char	  **texts;			/* by node: its named queries; NULL: none */
	bool	   *is_used;		/* by node: the query being made depends on it */
} SqlState;

/* Make the named queries of all nodes. */
static void
make_texts(SqlState *state)
{
	int			last_component = 0;
	ListCell   *lc;

	foreach(lc, state->graph->order)
	{
		const ReferenceNode *node = lfirst(lc);
		StringInfoData sql;

		if (!pgcopy_reference_graph_has_rows(node) ||
			(!node->is_in_circle && node->needed == NIL) ||
			(node->is_in_circle && node->component == last_component))
			continue;
		last_component = node->component;
		initStringInfo(&sql);
		if (node->is_in_circle)
			pgcopy_reference_circle_append(&sql, state->graph, node);
		else
			pgcopy_reference_sets_append_node(&sql, state->graph, node);
		state->texts[node->no] = sql.data;
		CHECK_FOR_INTERRUPTS();
	}
}

static void use_node(SqlState *state, const ReferenceNode *node);

/* Mark what the rows of a node depend on. */
static void
use_next(SqlState *state, const ReferenceNode *node)
{
	ListCell   *lc;

	foreach(lc, node->leaves)
		use_node(state, lfirst(lc));
	foreach(lc, node->keys)
	{
		const ForeignKey *key = lfirst(lc);
		ReferenceNode *next = pgcopy_reference_graph_find(state->graph, key->referenced);

		if (next->is_affected)
			use_node(state, next);
	}
}

static void
use_node(SqlState *state, const ReferenceNode *node)
{
	if (state->is_used[node->no])
		return;
	check_stack_depth();
	state->is_used[node->no] = true;
	use_next(state, node);
}

/*
 * Write the named queries that a table depends on, and note what they need and cost.
 * Of a circle all have its texts, as all its nodes are used.
 */
static void
set_with(SqlState *state, const ReferenceNode *table)
{
	SourceRelation *relation = table->relation;
	const char *before = "WITH RECURSIVE ";
	StringInfoData sql;
	ListCell   *lc;

	memset(state->is_used, 0, sizeof(bool) * (state->graph->count + 1));
	if (table->is_in_circle)
		use_node(state, table);
	else
		use_next(state, table);
	initStringInfo(&sql);
	foreach(lc, state->graph->order)
	{
		const ReferenceNode *node = lfirst(lc);

		if (!state->is_used[node->no])
			continue;
		relation->bytes_beside += node->relation->heap_bytes;
		if (relation->expression_path == NULL && node->relation->row_condition != NULL)
			relation->expression_path = node->relation->expression_path;
		if (state->texts[node->no] == NULL)
			continue;
		appendStringInfo(&sql, "%s%s", before, state->texts[node->no]);
		before = ", ";
	}
	relation->row_with = sql.len > 0 ? sql.data : NULL;
}

/* Within a circle the rows that stay are known by their place. */
static void
set_circle_condition(const ReferenceGraph *graph, const ReferenceNode *table)
{
	SourceRelation *relation = table->relation;
	char	   *kept = pgcopy_reference_sets_name(graph, "kept", table->no);

	relation->row_join = psprintf(" JOIN %s ON %s.%srow OPERATOR(pg_catalog.=) %s.ctid",
								  kept, kept, graph->prefix,
								  pgcopy_inventory_quoted_name(relation));
	relation->row_condition = "true";
	relation->bytes_beside = PG_INT64_MAX;
}

static void
set_condition(const ReferenceGraph *graph, const ReferenceNode *table)
{
	SourceRelation *relation = table->relation;
	char	   *name = pgcopy_inventory_quoted_name(relation);
	List	   *joins = pgcopy_reference_sets_make_joins(graph, table, name, false);
	StringInfoData join;
	StringInfoData condition;

	initStringInfo(&join);
	initStringInfo(&condition);
	pgcopy_reference_sets_append_joins(&join, joins);
	if (relation->row_condition != NULL)
		pgcopy_reference_parts_append_condition(&condition, table);
	pgcopy_reference_sets_append_are_kept(&condition, joins,
										  condition.len > 0 ? " AND " : "");
	relation->row_join = join.len > 0 ? join.data : NULL;
	relation->row_condition = condition.data;
}

static bool
has_followed_key(const ReferenceGraph *graph, const ReferenceNode *node)
{
	ListCell   *lc;

	foreach(lc, node->keys)
	{
		const ForeignKey *key = lfirst(lc);

		if (pgcopy_reference_graph_find(graph, key->referenced)->is_affected)
			return true;
	}
	return false;
}

void
pgcopy_reference_sql_follow(const ReferenceGraph *graph)
{
	SqlState	state = {.graph = graph};
	ListCell   *lc;

	state.texts = palloc0(sizeof(char *) * (graph->count + 1));
	state.is_used = palloc0(sizeof(bool) * (graph->count + 1));
	make_texts(&state);

	/* the paths and conditions of others are still their own */
	foreach(lc, graph->order)
	{
		const ReferenceNode *node = lfirst(lc);

		if (has_followed_key(graph, node))
			set_with(&state, node);
	}
	foreach(lc, graph->order)
	{
		const ReferenceNode *node = lfirst(lc);

		if (!has_followed_key(graph, node))
			continue;
		if (node->is_in_circle)
			set_circle_condition(graph, node);
		else
			set_condition(graph, node);
		CHECK_FOR_INTERRUPTS();
	}
}
