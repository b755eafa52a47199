/*-------------------------------------------------------------------------
 *
 * names.h
 *	  Names of objects that the source has, this database has, or both.
 *
 * Lists are of strings, in the current memory context.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_NAMES_H
#define PGCOPY_NAMES_H

#include "nodes/pg_list.h"
#include "source/session.h"

/* Run a local query of one text column. */
extern List *pgcopy_names_query(const char *sql);

/* Return what local_sql finds, given as $1 the names that source_sql finds there. */
extern List *pgcopy_names_missing(SourceSession *session, const char *source_sql,
								  const char *local_sql);

/*
 * Return what a query on the source finds whose column "what" is one of the names
 * "here".  They go to the source: the target is nearly always empty.  more: the
 * rest of the WHERE clause, which may use the parameters $2 and $3, or "".
 * params[0] is set here.
 */
extern List *pgcopy_names_shared(SourceSession *session, List *here, const char *there_sql,
								 const char *more, const char **params);

/*
 * Names of objects with their schemas, such as "relation sales.t", as schema_map has
 * them here; and from here to the source, without those that nothing of the source
 * becomes.
 */
extern List *pgcopy_names_map(List *names, const List *map);
extern List *pgcopy_names_map_back(List *names, const List *map);

/* Make the text of a text[], for the source. */
extern char *pgcopy_names_array_literal(List *names);

/* List the first names, for people. */
extern char *pgcopy_names_list(const List *names, int shown);

#endif							/* PGCOPY_NAMES_H */
