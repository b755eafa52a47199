/*-------------------------------------------------------------------------
 *
 * parts.c
 *	  Keep the parts of what is kept: indexes, constraints, triggers ...
 *
 * A part takes along what it needs, a trigger its function, a function its types,
 * but never a relation that nothing else has brought here: then it is left out.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "select/graph.h"

/* A search for what one part needs. */
typedef struct PartSearch
{
	int			visit;			/* in GraphNode.visit of what it has seen */
	List	   *found;			/* GraphNode *: not kept yet */
	GraphNode	   *missing;		/* why the part cannot be kept */
} PartSearch;

/* Neither kept nor coming with something else? */
static bool
is_missing(PartSearch *search, GraphNode *node)
{
	if (node->is_gone)
		search->missing = node;
	else if (node->kind == NODE_RELATION && node->extension == NULL)
		search->missing = node;
	else if (pgcopy_node_is_part(node) && node->owner != NULL && !node->owner->is_kept)
		search->missing = node->owner;
	else if (node->kind == NODE_MEMBER && node->schema != NULL && node->schema->is_excluded)
		search->missing = node->schema;
	return search->missing != NULL;
}

static bool
can_have(PartSearch *search, GraphNode *node)
{
	check_stack_depth();
	if (node->is_kept || node->visit == search->visit)
		return true;
	if (is_missing(search, node))
		return false;
	node->visit = search->visit;
	search->found = lappend(search->found, node);
	for (Edge *edge = node->needs; edge != NULL; edge = edge->next)
	{
		if (!edge->is_ownership && !can_have(search, edge->node))
			return false;
	}
	return true;
}

static void
keep_part(PartSearch *search, GraphNode *part)
{
	ListCell   *lc;

	search->found = NIL;
	search->missing = NULL;
	search->visit++;
	if (!can_have(search, part))
	{
		part->is_gone = true;
		part->cause = search->missing;
		return;
	}
	foreach(lc, search->found)
	{
		GraphNode	   *node = lfirst(lc);

		node->is_kept = true;
		node->taken_by = node != part ? part : NULL;
	}
}

void
pgcopy_closure_keep_parts(Selection *selection)
{
	PartSearch	search = {.visit = 1000};
	ListCell   *lc;

	foreach(lc, selection->all)
	{
		GraphNode	   *node = lfirst(lc);

		if (pgcopy_node_is_part(node) && node->owner != NULL && node->owner->is_kept &&
			!node->is_gone && !node->is_kept)
			keep_part(&search, node);
		CHECK_FOR_INTERRUPTS();
	}
}
