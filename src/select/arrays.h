/*-------------------------------------------------------------------------
 *
 * arrays.h
 *	  Arrays that the source has sent: many values in one message.
 *
 * Into the current memory context.  Throw 08P01 for what is no such array.  Empty ones
 * come as such: an answer of NULLs would say that the source has nothing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_ARRAYS_H
#define PGCOPY_ARRAYS_H

#include "source/session.h"

/* Expressions of SQL for these; never NULL. */
#define ARRAY_OF(value) "COALESCE(pg_catalog.array_agg(" value "), '{}')"
#define LETTERS_OF(value) "COALESCE(pg_catalog.string_agg(" value ", ''), '')"

/* An oid[], whose elements may be 0, but not NULL. */
extern Oid *pgcopy_arrays_oids(const SourceRows *rows, int row, int column, int *n);

/* A text[] without NULLs. */
extern char **pgcopy_arrays_texts(const SourceRows *rows, int row, int column, int *n);

/* An answer of one row of arrays, all of the same length. */
typedef struct ArrayColumns
{
	SourceRows *rows;
	int			n;
	Oid		   *oids[6];
	char	  **names;
	const char *letters;		/* one or two of each */
} ArrayColumns;

/*
 * Run a query that returns them.  forms has a character for each column: o for
 * oid[], n for text[], 1 or 2 for a text with so many characters of each.
 */
extern void pgcopy_arrays_query(ArrayColumns *columns, SourceSession *session,
								const char *sql, const char *forms);

#endif							/* PGCOPY_ARRAYS_H */
