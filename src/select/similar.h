/*-------------------------------------------------------------------------
 *
 * similar.h
 *	  Names that a user may have meant.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SIMILAR_H
#define PGCOPY_SIMILAR_H

#include "nodes/pg_list.h"

/*
 * List the few names (char *) that differ least from what is wanted, as
 * "a, b"; NULL if none is near.  Interruptible.
 */
extern char *pgcopy_similar_names(const char *wanted, List *names);

/* The same as a hint, "Did you mean a, b?". */
extern char *pgcopy_similar_hint(const char *wanted, List *names);

#endif							/* PGCOPY_SIMILAR_H */
