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

/* How many letters may be wrong. */
extern int	pgcopy_similar_limit(const char *wanted);

/* How many are; anything above the limit if it is more than that. */
extern int	pgcopy_similar_distance(const char *wanted, const char *name, int limit);

/* Return the name (char *) that differs least; NULL if none is near.  Interruptible. */
extern char *pgcopy_similar_nearest(const char *wanted, const List *names);

/* A hint, "Did you mean a, b?", with the few that differ least; NULL if none is near. */
extern char *pgcopy_similar_hint(const char *wanted, const List *names);

#endif							/* PGCOPY_SIMILAR_H */
