/*-------------------------------------------------------------------------
 *
 * reference_graph.h
 *	  Which tables lose rows, and which foreign keys lead to them.
 *
 * A node is a table or a partitioned table that is cloned.  A key of a partitioned
 * table belongs to all its leaves; one that refers to a partitioned table refers to
 * its node, whose rows are those of its leaves.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_REFERENCE_GRAPH_H
#define PGCOPY_REFERENCE_GRAPH_H

#include "select/foreign_keys.h"
#include "source/inventory.h"

typedef struct ReferenceNode
{
	SourceRelation *relation;
	int			no;				/* from 1 */
	List	   *leaves;			/* ReferenceNode *: of a partitioned table, all below */
	bool		lacks_leaves;	/* some of these are not cloned */
	List	   *keys;			/* ForeignKey *: of a table whose rows are copied */
	bool		is_affected;	/* not all its rows are copied */

	/* set by pgcopy_reference_order_nodes() */
	List	   *needed;			/* char *: columns that keys of others refer to or
								 * that lead in a circle */
	int			component;		/* equal for nodes that refer to each other */
	bool		is_in_circle;
	int			visit;			/* for Tarjan's algorithm */
	int			low;
	bool		is_on_stack;
} ReferenceNode;

typedef struct ReferenceGraph
{
	int			count;
	ReferenceNode *nodes;		/* in the order of OIDs */
	List	   *keys;			/* ForeignKey *: between nodes */
	char	   *prefix;			/* no column or table's name begins with it */
	int			source_version;
	List	   *order;			/* ReferenceNode *: what is referred to comes first;
								 * those of a component are together */
} ReferenceGraph;

/*
 * Make one of all relations, which are in the order of OIDs, in the current memory
 * context.  lacks_relations: some of the source are not among them.
 */
extern ReferenceGraph *pgcopy_reference_graph_make(SourceSession *session,
												   List *relations,
												   bool lacks_relations);

/* NULL if it is not there. */
extern ReferenceNode *pgcopy_reference_graph_find(const ReferenceGraph *graph, Oid oid);

/* Is it a table of which rows are copied?  Are there such leaves? */
extern bool pgcopy_reference_graph_has_rows(const ReferenceNode *node);

/* Can the rows that the source has of it be told from those that it never had? */
extern bool pgcopy_reference_graph_is_readable(const ReferenceNode *node);

/* Mark as affected what refers, directly or not, to what is. */
extern void pgcopy_reference_graph_follow(ReferenceGraph *graph);

/* Find circles, the order and the columns that are needed.  Call follow() first. */
extern void pgcopy_reference_order_nodes(ReferenceGraph *graph);

#endif							/* PGCOPY_REFERENCE_GRAPH_H */
