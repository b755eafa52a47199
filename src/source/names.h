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
#include "base/object_filter.h"
#include "source/session.h"

/* Run a local query of one text column. */
extern List *pgcopy_names_query(const char *sql);

/*
 * Return what local_sql finds, given as $1 the names that source_sql finds there.
 * That has the columns name, classid and oid: a name counts for each object that the
 * filter has.
 */
extern List *pgcopy_names_missing(SourceSession *session, const char *source_sql,
								  const ObjectFilter *filter, const char *local_sql);

/* Say that it will be called (ahead.h). */
extern void pgcopy_names_foresee_missing(SourceSession *session, const char *source_sql,
										 const ObjectFilter *filter);

/* A query on the source for objects: columns "what", "classid" and "oid". */
typedef struct NamesQuery
{
	const char *sql;
	const char *more;			/* rest of the WHERE clause, or ""; may use $2 and $3 */
	const char *params[3];		/* the first one is set below */
} NamesQuery;

/*
 * Return what such a query finds whose "what" is one of the names "here", if the
 * filter has the object.  The names go to the source: the target is nearly always
 * empty.
 */
extern List *pgcopy_names_shared(SourceSession *session, const ObjectFilter *filter,
								 List *here, NamesQuery *there);

/*
 * Names of objects with their schemas, such as "relation sales.t", as schema_map has
 * them here; and from here to the source, without those that nothing of the source
 * becomes.
 */
extern List *pgcopy_names_map(List *names, const List *map);
extern List *pgcopy_names_map_back(List *names, const List *map);

/* Make the text of a text[], for the source.  Needs no transaction. */
extern char *pgcopy_names_array_literal(List *names);

/* Make the text of an oid[], for the source; NIL is '{}'.  Needs no transaction. */
extern char *pgcopy_names_oids_literal(const List *oids);

/* List the first names, for people. */
extern char *pgcopy_names_list(const List *names, int shown);

#endif							/* PGCOPY_NAMES_H */
