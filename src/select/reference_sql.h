/*-------------------------------------------------------------------------
 *
 * reference_sql.h
 *	  SQL for the source that leaves out rows whose parents are left out, or
 *	  counts them; and who would refuse them here.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_REFERENCE_SQL_H
#define PGCOPY_REFERENCE_SQL_H

#include "select/reference_graph.h"

/*
 * Set row_with, row_join, row_condition, expression_path and bytes_beside of each
 * affected table, so that it loses what refers to lost rows.  The graph is in order.
 */
extern void pgcopy_reference_sql_follow(const ReferenceGraph *graph);

/*
 * Make the query that counts the rows of a key that are copied, by conditions alone,
 * while the row that they refer to is on the source and is not copied.
 */
extern char *pgcopy_reference_count_make(const ReferenceGraph *graph,
										const ForeignKey *key);

/* A search_path that conditions of the key's tables need, or NULL. */
extern const char *pgcopy_reference_count_path(const ReferenceGraph *graph,
											 const ForeignKey *key);

/*
 * The name of a foreign key between the tables of a key that exist here and that the
 * rows are loaded into, or NULL.
 */
extern char *pgcopy_reference_here_find(const ReferenceGraph *graph,
										const ForeignKey *key);

#endif							/* PGCOPY_REFERENCE_SQL_H */
