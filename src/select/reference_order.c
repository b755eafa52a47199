/*-------------------------------------------------------------------------
 *
 * reference_order.c
 *	  The order in which tables that lose rows depend on each other.
 *
 * Tarjan's algorithm gives the components of tables that refer to each other in a
 * circle, each behind all that it refers to.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "miscadmin.h"

#include "select/reference_graph.h"

typedef struct OrderState
{
	ReferenceGraph *graph;
	List	   *stack;			/* ReferenceNode *, the top last */
	int			visits;
	int			components;
} OrderState;

static void visit_node(OrderState *state, ReferenceNode *node);

static void
visit_next(OrderState *state, ReferenceNode *node, ReferenceNode *next)
{
	if (next == node)
		node->is_in_circle = true;
	if (next->visit == 0)
	{
		visit_node(state, next);
		node->low = Min(node->low, next->low);
	}
	else if (next->is_on_stack)
		node->low = Min(node->low, next->visit);
}

/* Visit what the rows of a node depend on. */
static void
visit_all_next(OrderState *state, ReferenceNode *node)
{
	ListCell   *lc;

	foreach(lc, node->leaves)
	{
		if (pgcopy_reference_graph_has_rows(lfirst(lc)))
			visit_next(state, node, lfirst(lc));
	}
	foreach(lc, node->keys)
	{
		const ForeignKey *key = lfirst(lc);
		ReferenceNode *next = pgcopy_reference_graph_find(state->graph, key->referenced);

		if (next->is_affected)
			visit_next(state, node, next);
	}
}

/* Take the component off the stack whose first node was visited. */
static void
finish_component(OrderState *state, ReferenceNode *first)
{
	bool		is_circle = llast(state->stack) != first;
	ReferenceNode *node;

	state->components++;
	do
	{
		node = llast(state->stack);
		state->stack = list_delete_last(state->stack);
		node->is_on_stack = false;
		node->is_in_circle |= is_circle;
		node->component = state->components;
		state->graph->order = lappend(state->graph->order, node);
	} while (node != first);
}

static void
visit_node(OrderState *state, ReferenceNode *node)
{
	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	node->visit = node->low = ++state->visits;
	node->is_on_stack = true;
	state->stack = lappend(state->stack, node);
	visit_all_next(state, node);
	if (node->low == node->visit)
		finish_component(state, node);
}

static void
need_column(ReferenceNode *node, char *name)
{
	ListCell   *lc;

	foreach(lc, node->needed)
	{
		if (strcmp(lfirst(lc), name) == 0)
			return;
	}
	node->needed = lappend(node->needed, name);
	foreach(lc, node->leaves)
		need_column(lfirst(lc), name);
}

/* Note the columns that a key of a table compares. */
static void
need_columns(const ReferenceGraph *graph, ReferenceNode *table, const ForeignKey *key)
{
	ReferenceNode *referenced = pgcopy_reference_graph_find(graph, key->referenced);
	ListCell   *lc;

	if (!referenced->is_affected)
		return;
	foreach(lc, key->columns)
	{
		const KeyColumn *column = lfirst(lc);

		need_column(referenced, column->referenced);
		if (table->component == referenced->component)
			need_column(table, column->referencing);
	}
}

void
pgcopy_reference_order_nodes(ReferenceGraph *graph)
{
	OrderState	state = {.graph = graph};

	for (int i = 0; i < graph->count; i++)
	{
		if (graph->nodes[i].is_affected && graph->nodes[i].visit == 0)
			visit_node(&state, &graph->nodes[i]);
	}
	for (int i = 0; i < graph->count; i++)
	{
		ReferenceNode *node = &graph->nodes[i];
		ListCell   *lc;

		foreach(lc, node->keys)
			need_columns(graph, node, lfirst(lc));
	}
}
