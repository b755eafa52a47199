/*-------------------------------------------------------------------------
 *
 * reference_parts.h
 *	  The parts that SQL about references is made of; for this room only.
 *
 * Words: a node's set is a named query, or a subselect, with the columns of its rows
 * that others need, named by their place in "needed".
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_REFERENCE_PARTS_H
#define PGCOPY_REFERENCE_PARTS_H

#include "lib/stringinfo.h"

#include "select/reference_graph.h"

/* The comparison of a table's rows, known in SQL as "table", with a set. */
typedef struct ReferenceJoin
{
	const ReferenceGraph *graph;
	const ForeignKey *key;
	const char *table;			/* quoted, or an alias */
	const char *set;			/* NULL: an empty one */
	const char *all;			/* also of the rows that are left out; NULL: every row
								 * that is referred to is known to exist */
	int			no;				/* of the join, within the query */
} ReferenceJoin;

/* LEFT JOINs with the sets, each row of which has at most one partner. */
extern void pgcopy_reference_parts_append_join(StringInfo sql, const ReferenceJoin *join);

/* JOIN with the candidates that the rows refer to, under the alias "k" and number. */
extern void pgcopy_reference_parts_append_link(StringInfo sql, const ReferenceJoin *join);

/* Does the row refer to nothing, or to a row of the set (or to no row at all)? */
extern void pgcopy_reference_parts_append_is_kept(StringInfo sql, const ReferenceJoin *join);

/* The contrary, for counts: it refers to a row that is not in the set. */
extern void pgcopy_reference_parts_append_is_orphan(StringInfo sql, const ReferenceJoin *join);

/* The name that a needed column of a node has in its set. */
extern char *pgcopy_reference_parts_column(const ReferenceGraph *graph,
									 const ReferenceNode *node, const char *name);

/*
 * Append "SELECT columns FROM ONLY table WHERE its own condition"; the columns have
 * their own names.  with_row: ctid too.
 */
extern void pgcopy_reference_parts_append_own_rows(StringInfo sql, const ReferenceNode *table,
											 List *columns, bool with_row);

/*
 * Make a subselect of the columns that a key refers to, of all leaves of the node,
 * as a set: those rows that meet the own conditions, or all of them.
 */
extern char *pgcopy_reference_parts_make_set(const ReferenceGraph *graph,
									   const ReferenceNode *node, const ForeignKey *key,
									   bool with_conditions);

/* Append the own condition of a table as a boolean that is not NULL. */
extern void pgcopy_reference_parts_append_condition(StringInfo sql, const ReferenceNode *table);

/* reference_sets.c: named queries. */

/* The name of the set of a node: of what is "kept", or of candidates, "rows". */
extern char *pgcopy_reference_sets_name(const ReferenceGraph *graph, const char *kind, int no);

/* "MATERIALIZED ", if the source knows the word. */
extern const char *pgcopy_reference_sets_materialized(const ReferenceGraph *graph);

/*
 * The comparison of a table's rows with what a key refers to.  kind: of the set.
 */
extern ReferenceJoin pgcopy_reference_sets_make_join(const ReferenceGraph *graph,
												const ForeignKey *key, const char *table,
												const char *kind, int no);

/*
 * The comparisons with all that its keys refer to and that loses rows: within its
 * circle, or the others.  List of ReferenceJoin *.
 */
extern List *pgcopy_reference_sets_make_joins(const ReferenceGraph *graph,
										 const ReferenceNode *table, const char *name,
										 bool within_circle);
extern void pgcopy_reference_sets_append_joins(StringInfo sql, List *joins);
extern void pgcopy_reference_sets_append_are_kept(StringInfo sql, List *joins, const char *before);

/* Append what is needed of a table as the columns of its set. */
extern void pgcopy_reference_sets_append_set_columns(StringInfo sql, const ReferenceGraph *graph,
												const ReferenceNode *node,
												const char *before);

/*
 * FROM the table's own rows, less those that refer to lost rows outside of its
 * circle.
 */
extern void pgcopy_reference_sets_append_from_kept(StringInfo sql, const ReferenceGraph *graph,
											  const ReferenceNode *table, bool with_row);

/* Append the named query of a partitioned table: what its leaves have. */
extern void pgcopy_reference_sets_append_union(StringInfo sql, const ReferenceGraph *graph,
										  const ReferenceNode *node, const char *kind);

/* Append the named query of a node outside of circles. */
extern void pgcopy_reference_sets_append_node(StringInfo sql, const ReferenceGraph *graph,
										 const ReferenceNode *node);

/* reference_circle.c: append all named queries of the circle of this node. */
extern void pgcopy_reference_circle_append(StringInfo sql, const ReferenceGraph *graph,
										   const ReferenceNode *first);

#endif							/* PGCOPY_REFERENCE_PARTS_H */
