/*-------------------------------------------------------------------------
 *
 * index_build.h
 *	  Create an index and build it ourselves, or let the server do it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_INDEX_BUILD_H
#define PGCOPY_INDEX_BUILD_H

#include "nodes/parsenodes.h"

/* Who has built an index; pgcopy.item.built_by */
typedef enum IndexBuilder
{
	INDEX_NOT_BUILT,			/* no index, or none with contents of its own */
	INDEX_BUILT_FAST,			/* this room */
	INDEX_BUILT_BY_SERVER
} IndexBuilder;

typedef struct IndexOutcome
{
	IndexBuilder builder;
	const char *reason;			/* why the server had to; a constant, or NULL */
} IndexOutcome;

/*
 * Call "run", which creates indexes, and build the B-trees among them here where
 * that is possible.  "outcome" gets who has built the last one of that name, or of
 * any if it is NULL; all of it zero if there was none.  NULL if nobody asks, as for
 * the indexes of TOAST tables.  An error leaves nothing behind.
 */
extern void pgcopy_index_build_during(void (*run) (void *arg), void *arg,
									  const char *name, IndexOutcome *outcome);

#endif							/* PGCOPY_INDEX_BUILD_H */
