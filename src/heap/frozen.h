/*-------------------------------------------------------------------------
 *
 * frozen.h
 *	  Insert batches of formed tuples into heaps, frozen.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_FROZEN_H
#define PGCOPY_FROZEN_H

#include "access/htup.h"
#include "utils/relcache.h"

/* The most that pgcopy_frozen_insert() takes at once. */
#define FROZEN_MAX_ROWS	1000

typedef struct FrozenInserter FrozenInserter;

/* Allocate in the current memory context, for the current command. */
extern FrozenInserter *pgcopy_frozen_open(void);

/*
 * Insert tuples, and modify them, into a locked heap without indexes.
 * Allocates in the current memory context.
 */
extern void pgcopy_frozen_insert(FrozenInserter *inserter, Relation relation,
								 HeapTuple *tuples, int ntuples);
extern void pgcopy_frozen_close(FrozenInserter *inserter);

#endif							/* PGCOPY_FROZEN_H */
