/*-------------------------------------------------------------------------
 *
 * graph.c
 *	  The source's objects and what they need.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "select/graph.h"

HTAB *
pgcopy_graph_make(void)
{
	HASHCTL		ctl = {
		.keysize = sizeof(NodeKey),.entrysize = sizeof(GraphNode),.hcxt = CurrentMemoryContext
	};

	return hash_create("pgcopy selection", 1024, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static int
compare_keys(const ListCell *left, const ListCell *right)
{
	const NodeKey *a = &((GraphNode *) lfirst(left))->key;
	const NodeKey *b = &((GraphNode *) lfirst(right))->key;

	if (a->class_oid != b->class_oid)
		return a->class_oid < b->class_oid ? -1 : 1;
	return a->oid < b->oid ? -1 : a->oid > b->oid;
}

void
pgcopy_graph_sort(Selection *selection)
{
	list_sort(selection->all, compare_keys);
}

GraphNode *
pgcopy_graph_enter(Selection *selection, Oid class_oid, Oid oid, NodeKind kind)
{
	NodeKey		key = {class_oid, oid};
	bool		found;
	GraphNode  *node = hash_search(selection->nodes, &key, HASH_ENTER, &found);

	if (!found)
	{
		memset(node, 0, sizeof(GraphNode));
		node->key = key;
		node->kind = kind;
		selection->all = lappend(selection->all, node);
	}
	return node;
}

GraphNode *
pgcopy_graph_find(const Selection *selection, Oid class_oid, Oid oid)
{
	NodeKey		key = {class_oid, oid};

	return hash_search(selection->nodes, &key, HASH_FIND, NULL);
}

void
pgcopy_graph_add_edge(Selection *selection, GraphNode *from, GraphNode *to, bool is_ownership)
{
	Edge	   *edges = palloc(sizeof(Edge) * 2);

	if (from == to)
		return;
	edges[0] = (Edge){to, from->needs, is_ownership};
	edges[1] = (Edge){from, to->needed_by, is_ownership};
	from->needs = &edges[0];
	to->needed_by = &edges[1];
}
