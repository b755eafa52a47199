/*-------------------------------------------------------------------------
 *
 * keyrange.h
 *	  Split tables by ranges of an integer key.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_KEYRANGE_H
#define PGCOPY_KEYRANGE_H

#include "source/inventory.h"

/*
 * Set split_key and split_bounds of each relation that a key can split into about
 * its wanted_chunks.  The list is in the order of OIDs.
 */
extern void pgcopy_keyrange_choose(SourceSession *session, List *relations);

/*
 * Return a query that makes the source read ranges by the index until the end of the
 * transaction or a savepoint, whatever its statistics say.
 */
extern const char *pgcopy_keyrange_settings(void);

#endif							/* PGCOPY_KEYRANGE_H */
