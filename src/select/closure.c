/*-------------------------------------------------------------------------
 *
 * closure.c
 *	  Decide which objects are kept: what is wanted, and what that needs.
 *
 * 1. What is excluded is gone, and so is what cannot be without it.
 * 2. Types, functions, sequences and the like of an excluded schema are only
 *	  unwanted: tables may need them.  Those are rescued; the others are gone, with
 *	  the views and functions that need them.
 * 3. What is wanted and not gone is kept, with all it needs, wanted or not.  None
 *	  of that is gone, by 1.
 * 4. Parts of what is kept are kept if that does not need another relation to be
 *	  cloned (parts.c), and casts if all is kept that they are made of.
 *
 * A sequence that merely belongs to a table's column comes with that table, and is
 * unwanted without it.  Partitions come with their parent, unless it is itself
 * only here for one of them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_cast.h"
#include "miscadmin.h"

#include "select/graph.h"

/* What a search has found: by way of a table, or not. */
#define FOUND_WEAKLY	1
#define FOUND_STRONGLY	2

static bool
is_in_excluded_schema(const GraphNode *node)
{
	return node->schema != NULL && node->schema->is_excluded && node->extension == NULL;
}

/* Apply exclude_* and exclude to a node. */
static void
exclude_node(GraphNode *node)
{
	bool		is_excluded = node->is_excluded || node->is_own;

	switch (node->kind)
	{
		case NODE_RELATION:
			is_excluded |= is_in_excluded_schema(node);
			node->is_unwanted = is_excluded && !node->is_own && pgcopy_node_is_sequence(node);
			break;
		case NODE_SUPPORT:
			is_excluded |= is_in_excluded_schema(node);
			node->is_unwanted = is_excluded && !node->is_own;
			break;
		case NODE_EXTENSION:
			node->is_unwanted = !is_excluded && is_in_excluded_schema(node);
			is_excluded |= node->is_unwanted;
			break;
		case NODE_STATISTICS:
		case NODE_DATABASE_WIDE:
			is_excluded |= is_in_excluded_schema(node);
			break;
		case NODE_SCHEMA:
			node->is_excluded |= node->is_own;
			return;
		case NODE_HIDDEN:
		case NODE_INDEX:
		case NODE_CONSTRAINT:
		case NODE_TRIGGER:
		case NODE_RULE:
		case NODE_POLICY:
		case NODE_MEMBER:
			break;
	}
	node->is_excluded = is_excluded;
	node->is_gone = is_excluded && !node->is_unwanted;
}

/* Everything that cannot be without these nodes is gone too. */
static void
spread_loss(List *gone)
{
	while (gone != NIL)
	{
		GraphNode  *node = llast(gone);

		gone = list_delete_last(gone);
		CHECK_FOR_INTERRUPTS();
		for (Edge *edge = node->needed_by; edge != NULL; edge = edge->next)
		{
			GraphNode  *other = edge->node;

			if (other->is_gone)
				continue;
			if (edge->is_ownership)
			{
				other->is_unwanted |= pgcopy_node_is_sequence(other);
				continue;
			}
			other->is_gone = true;
			other->cause = node;
			gone = lappend(gone, other);
		}
	}
}

/*
 * An index of a partitioned table is invalid without that of each partition: leave it
 * out if one of a partition that is cloned is excluded.
 */
static void
lose_incomplete_indexes(Selection *selection)
{
	List	   *gone = NIL;
	ListCell   *lc;

	foreach(lc, selection->indexes)
	{
		GraphNode  *node = lfirst(lc);

		if (!node->is_excluded || node->owner == NULL || node->owner->is_gone)
			continue;
		for (; node->parent != NULL && !node->parent->is_gone; node = node->parent)
		{
			node->parent->is_gone = true;
			node->parent->cause = node;
			gone = lappend(gone, node->parent);
		}
	}
	spread_loss(gone);
}

static void
exclude_all(Selection *selection)
{
	List	   *gone = NIL;
	ListCell   *lc;

	foreach(lc, selection->all)
	{
		GraphNode  *node = lfirst(lc);

		exclude_node(node);
		if (node->is_gone)
			gone = lappend(gone, node);
	}
	spread_loss(gone);
	lose_incomplete_indexes(selection);
}

/* Is a node wanted for what it is?  Those that include_* name are by now. */
static bool
is_wanted(const Selection *selection, const GraphNode *node)
{
	if (node->is_wanted)
		return true;
	if (node->extension != NULL)
		return false;
	if (selection->has_includes)
		return node->schema != NULL && node->schema->is_wanted &&
			(node->kind == NODE_RELATION || node->kind == NODE_SUPPORT ||
			 node->kind == NODE_EXTENSION || node->kind == NODE_DATABASE_WIDE);
	return node->kind == NODE_RELATION || node->kind == NODE_SUPPORT ||
		node->kind == NODE_DATABASE_WIDE ||
		(node->kind == NODE_EXTENSION && selection->options->include_extensions == NIL);
}

static void
want_all(Selection *selection)
{
	ListCell   *lc;

	foreach(lc, selection->all)
	{
		GraphNode  *node = lfirst(lc);

		if (node->kind != NODE_SCHEMA)
			node->is_wanted = is_wanted(selection, node);
	}
	foreach(lc, selection->schemas)
	{
		GraphNode  *schema = lfirst(lc);

		schema->is_wanted |= !selection->has_includes && schema->extension == NULL;
	}
}

/*
 * Do the partitions of a table come with it, as it is found here?  Neither one of
 * them nor its own row type asks for the others.
 */
static bool
descends(GraphNode *node, const GraphNode *from)
{
	if (node->descends || node->partitions == NIL ||
		(from != NULL && (from->parent == node || from->taken_by == node)))
		return false;
	node->descends = true;
	return true;
}

static List *
find_node(List *found, GraphNode *node, const GraphNode *from, bool is_strong)
{
	int			level = is_strong || pgcopy_node_is_table(node) ? FOUND_STRONGLY : FOUND_WEAKLY;
	ListCell   *lc;

	if (node->is_gone)
		return found;
	if (node->is_unwanted && !node->is_rescued)
	{
		if (!is_strong)
			return found;
		node->is_rescued = true;
	}
	if (node->visit < level)
	{
		node->visit = level;
		found = lappend(found, node);
	}
	if (descends(node, from))
	{
		foreach(lc, node->partitions)
			found = find_node(found, lfirst(lc), NULL, true);
	}
	return found;
}

/* Rescue what tables need, and what that needs. */
static void
rescue_all(Selection *selection)
{
	List	   *found = NIL;
	ListCell   *lc;

	foreach(lc, selection->all)
	{
		GraphNode  *node = lfirst(lc);

		if (node->is_wanted)
			found = find_node(found, node, NULL, false);
	}
	while (found != NIL)
	{
		GraphNode  *node = llast(found);

		found = list_delete_last(found);
		CHECK_FOR_INTERRUPTS();
		for (Edge *edge = node->needs; edge != NULL; edge = edge->next)
		{
			if (!edge->is_ownership)
				found = find_node(found, edge->node, node, node->visit == FOUND_STRONGLY);
		}
	}
	foreach(lc, selection->all)
		((GraphNode *) lfirst(lc))->descends = false;
}

static void
lose_unwanted(Selection *selection)
{
	List	   *gone = NIL;
	ListCell   *lc;

	foreach(lc, selection->all)
	{
		GraphNode  *node = lfirst(lc);

		if (!node->is_unwanted || node->is_rescued || node->is_gone)
			continue;
		node->is_gone = true;
		if (!node->is_excluded)
			node->cause = node->owner;
		gone = lappend(gone, node);
	}
	spread_loss(gone);
}

static List *
keep_node(List *kept, GraphNode *node, GraphNode *from)
{
	ListCell   *lc;

	if (node->is_gone)
		return kept;
	if (!node->is_kept)
	{
		node->is_kept = true;
		node->taken_by = from;
		kept = lappend(kept, node);
	}
	if (descends(node, from))
	{
		foreach(lc, node->partitions)
			kept = keep_node(kept, lfirst(lc), node);
	}
	return kept;
}

void
pgcopy_closure_keep(Selection *selection, GraphNode *node, GraphNode *taken_by)
{
	List	   *kept = keep_node(NIL, node, taken_by);

	while (kept != NIL)
	{
		GraphNode  *from = llast(kept);

		kept = list_delete_last(kept);
		CHECK_FOR_INTERRUPTS();
		for (Edge *edge = from->needs; edge != NULL; edge = edge->next)
		{
			/* the sequence that a table only draws from does not bring its owner */
			if (!edge->is_ownership || !pgcopy_node_is_sequence(from) || from->is_wanted)
				kept = keep_node(kept, edge->node, from);
		}
	}
}

/* Is all kept that a node needs, which is something? */
static bool
has_all_needs(const GraphNode *node)
{
	for (Edge *edge = node->needs; edge != NULL; edge = edge->next)
	{
		if (!edge->node->is_kept)
			return false;
	}
	return node->needs != NULL;
}

/*
 * The catalogs do not say who uses a cast, only who uses its function: keep those
 * between types, and by functions, that are kept.
 */
static void
keep_casts(Selection *selection)
{
	ListCell   *lc;

	foreach(lc, selection->all)
	{
		GraphNode  *node = lfirst(lc);

		if (node->key.class_oid == CastRelationId && !node->is_gone && has_all_needs(node))
			node->is_kept = true;
	}
}

/* A schema is kept for what is in it; what is wanted only if it is not excluded. */
static void
keep_schemas(Selection *selection)
{
	ListCell   *lc;

	foreach(lc, selection->all)
	{
		GraphNode  *node = lfirst(lc);

		if (node->is_kept && node->schema != NULL && node->kind != NODE_MEMBER)
			node->schema->is_kept = true;
	}
	foreach(lc, selection->schemas)
	{
		GraphNode  *schema = lfirst(lc);

		schema->is_kept |= schema->is_wanted && !schema->is_excluded;
	}
}

/* Is the foreign key of the whole tree kept? */
static bool
has_whole_constraint(const GraphNode *constraint)
{
	int			steps = 0;

	while (constraint->is_partial && ++steps < 1000)
		constraint = constraint->parent;
	return constraint->is_kept && !constraint->is_partial;
}

/* The constraint of a partition comes with its parent's. */
static void
keep_partial_constraints(Selection *selection)
{
	ListCell   *lc;

	foreach(lc, selection->all)
	{
		GraphNode  *node = lfirst(lc);

		if (node->is_partial)
			node->is_kept = has_whole_constraint(node) &&
				node->owner != NULL && node->owner->is_kept &&
				node->references != NULL && node->references->is_kept;
	}
}

void
pgcopy_closure_run(Selection *selection)
{
	ListCell   *lc;

	exclude_all(selection);
	want_all(selection);
	rescue_all(selection);
	lose_unwanted(selection);
	foreach(lc, selection->all)
	{
		GraphNode  *node = lfirst(lc);

		if (node->is_wanted && !node->is_unwanted && node->kind != NODE_SCHEMA)
			pgcopy_closure_keep(selection, node, NULL);
	}
	pgcopy_parts_keep(selection);
	keep_partial_constraints(selection);
	keep_casts(selection);
	keep_schemas(selection);
}
