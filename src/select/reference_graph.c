/*-------------------------------------------------------------------------
 *
 * reference_graph.c
 *	  Which tables lose rows, and which foreign keys lead to them.
 *
 * A table loses rows if it has a condition or if its rows are left out; a
 * partitioned table if one of its leaves does or is not cloned; and, if keys are
 * followed, whatever refers to one that does.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "miscadmin.h"

#include "select/reference_graph.h"

ReferenceNode *
pgcopy_reference_graph_find(const ReferenceGraph *graph, Oid oid)
{
	int			first = 0;
	int			end = graph->count;

	while (first < end)
	{
		int			middle = first + (end - first) / 2;
		ReferenceNode *node = &graph->nodes[middle];

		if (node->relation->oid == oid)
			return node;
		if (node->relation->oid < oid)
			first = middle + 1;
		else
			end = middle;
	}
	return NULL;
}

bool
pgcopy_reference_graph_has_rows(const ReferenceNode *node)
{
	ListCell   *lc;

	if (node->relation->relkind == RELKIND_RELATION)
		return node->relation->has_data_of_its_own;
	foreach(lc, node->leaves)
	{
		if (pgcopy_reference_graph_has_rows(lfirst(lc)))
			return true;
	}
	return false;
}

bool
pgcopy_reference_graph_is_readable(const ReferenceNode *node)
{
	ListCell   *lc;

	if (node->relation->relkind == RELKIND_RELATION)
		return node->relation->has_data_of_its_own || node->relation->is_unreadable;
	foreach(lc, node->leaves)
	{
		if (!pgcopy_reference_graph_is_readable(lfirst(lc)))
			return false;
	}
	return !node->lacks_leaves;
}

/* Enter leaves with the partitioned tables above them. */
static void
link_leaves(ReferenceGraph *graph)
{
	for (int i = 0; i < graph->count; i++)
	{
		ReferenceNode *leaf = &graph->nodes[i];
		ReferenceNode *above = leaf;

		if (leaf->relation->relkind != RELKIND_RELATION)
			continue;
		/* a chain of parents longer than all relations is none */
		for (int depth = 0; depth < graph->count; depth++)
		{
			if (!OidIsValid(above->relation->parent))
				break;
			above = pgcopy_reference_graph_find(graph, above->relation->parent);
			if (above == NULL || above->relation->relkind != RELKIND_PARTITIONED_TABLE)
				break;
			above->leaves = lappend(above->leaves, leaf);
		}
		CHECK_FOR_INTERRUPTS();
	}
}

/* Note which partitioned tables have partitions that are not cloned. */
static void
note_missing_leaves(ReferenceGraph *graph, List *links)
{
	ListCell   *lc;

	foreach(lc, links)
	{
		const PartitionLink *link = lfirst(lc);
		ReferenceNode *above;
		Oid			parent = link->parent;

		if (pgcopy_reference_graph_find(graph, link->partition) != NULL)
			continue;
		for (int depth = 0; depth < graph->count; depth++)
		{
			above = pgcopy_reference_graph_find(graph, parent);
			if (above == NULL)
				break;
			above->lacks_leaves = true;
			parent = above->relation->parent;
		}
	}
}

/*
 * Give a key to a table whose rows are copied.  Keys of extensions' tables are
 * there already, and their rows are not ours to choose.
 */
static void
add_key(ReferenceNode *table, ForeignKey *key)
{
	if (pgcopy_reference_graph_has_rows(table) && !table->relation->is_extension_member)
		table->keys = lappend(table->keys, key);
}

static void
link_keys(ReferenceGraph *graph, List *keys)
{
	ListCell   *lc;

	foreach(lc, keys)
	{
		ForeignKey *key = lfirst(lc);
		ReferenceNode *node = pgcopy_reference_graph_find(graph, key->referencing);
		ListCell   *leaf;

		if (node == NULL ||
			pgcopy_reference_graph_find(graph, key->referenced) == NULL)
			continue;
		graph->keys = lappend(graph->keys, key);
		if (node->relation->relkind == RELKIND_RELATION)
			add_key(node, key);
		foreach(leaf, node->leaves)
			add_key(lfirst(leaf), key);
	}
}

static void
mark_parents(ReferenceGraph *graph)
{
	for (int i = 0; i < graph->count; i++)
	{
		ReferenceNode *node = &graph->nodes[i];
		ListCell   *lc;

		foreach(lc, node->leaves)
			node->is_affected |= ((ReferenceNode *) lfirst(lc))->is_affected;
	}
}

static void
mark_affected(ReferenceGraph *graph)
{
	for (int i = 0; i < graph->count; i++)
	{
		ReferenceNode *node = &graph->nodes[i];

		if (node->relation->relkind == RELKIND_RELATION)
			node->is_affected = node->relation->row_condition != NULL ||
				!pgcopy_reference_graph_is_readable(node);
		else
			node->is_affected = node->lacks_leaves;
	}
	mark_parents(graph);
}

/* Is there a name that begins with the prefix? */
static bool
is_prefix_taken(const ReferenceGraph *graph, const char *prefix)
{
	Size		length = strlen(prefix);

	for (int i = 0; i < graph->count; i++)
	{
		const SourceRelation *relation = graph->nodes[i].relation;
		ListCell   *lc;

		if (strncmp(relation->name, prefix, length) == 0)
			return true;
		foreach(lc, relation->columns)
		{
			if (strncmp(lfirst(lc), prefix, length) == 0)
				return true;
		}
	}
	return false;
}

/* Columns that are generated are not listed, so the prefix is an unlikely one. */
static char *
choose_prefix(const ReferenceGraph *graph)
{
	char	   *prefix = "pgcopy_";

	for (int i = 1; is_prefix_taken(graph, prefix); i++)
		prefix = psprintf("pgcopy%d_", i);
	return prefix;
}

ReferenceGraph *
pgcopy_reference_graph_make(SourceSession *session, List *relations, bool lacks_relations)
{
	ReferenceGraph *graph = palloc0(sizeof(ReferenceGraph));
	ListCell   *lc;

	graph->source_version = pgcopy_session_version(session);
	graph->nodes = palloc_extended(sizeof(ReferenceNode) * (Size) Max(list_length(relations), 1),
								   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	foreach(lc, relations)
	{
		SourceRelation *relation = lfirst(lc);
		ReferenceNode *node = &graph->nodes[graph->count];

		if (relation->relkind != RELKIND_RELATION &&
			relation->relkind != RELKIND_PARTITIONED_TABLE)
			continue;
		node->relation = relation;
		node->no = ++graph->count;
	}
	graph->prefix = choose_prefix(graph);
	link_leaves(graph);
	if (lacks_relations)
		note_missing_leaves(graph, pgcopy_foreign_keys_partitions(session));
	link_keys(graph, pgcopy_foreign_keys_read(session));
	mark_affected(graph);
	return graph;
}

/* Does a table refer to one that is affected? */
static bool
refers_to_affected(const ReferenceGraph *graph, const ReferenceNode *table)
{
	ListCell   *lc;

	foreach(lc, table->keys)
	{
		const ForeignKey *key = lfirst(lc);

		if (pgcopy_reference_graph_find(graph, key->referenced)->is_affected)
			return true;
	}
	return false;
}

void
pgcopy_reference_graph_follow(ReferenceGraph *graph)
{
	bool		has_changed;

	do
	{
		has_changed = false;
		for (int i = 0; i < graph->count; i++)
		{
			ReferenceNode *node = &graph->nodes[i];

			if (node->is_affected || !refers_to_affected(graph, node))
				continue;
			node->is_affected = true;
			has_changed = true;
		}
		mark_parents(graph);
		CHECK_FOR_INTERRUPTS();
	} while (has_changed);
}
