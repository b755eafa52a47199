/*-------------------------------------------------------------------------
 *
 * keyrange.h
 *	  Chunks of tables by ranges of an integer key.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_KEYRANGE_H
#define PGCOPY_KEYRANGE_H

#include "source/inventory.h"

/*
 * Note in each of these relations which key splits it into about
 * "wanted_chunks" of its own, and where; nothing where no key would do.  Read
 * under the session's snapshot.
 */
extern void pgcopy_keyrange_choose(SourceSession *session, List *relations);

/*
 * Before a range is read: until the end of the transaction the source will
 * read ranges by the index, whatever it believes of the table.
 */
extern void pgcopy_keyrange_prepare(SourceSession *session);

#endif							/* PGCOPY_KEYRANGE_H */
