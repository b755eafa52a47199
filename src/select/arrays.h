/*-------------------------------------------------------------------------
 *
 * arrays.h
 *	  Arrays that the source has sent: many values in one message.
 *
 * Into the current memory context.  NULL, as array_agg() gives for no rows, is an
 * empty array.  Throw 08P01 for what is no such array.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_ARRAYS_H
#define PGCOPY_ARRAYS_H

#include "source/session.h"

/* An oid[], whose elements may be 0, but not NULL. */
extern Oid *pgcopy_arrays_oids(const SourceRows *rows, int row, int column, int *n);

/* A text[] without NULLs. */
extern char **pgcopy_arrays_texts(const SourceRows *rows, int row, int column, int *n);

#endif							/* PGCOPY_ARRAYS_H */
