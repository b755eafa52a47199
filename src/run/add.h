/*-------------------------------------------------------------------------
 *
 * add.h
 *	  Follow one more table, which the source has got since it was cloned.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_ADD_H
#define PGCOPY_ADD_H

#include "run/follow.h"

/*
 * Publish a table of the source, and have its rows copied into the one of this name,
 * which is here and empty; its changes follow.  Returns false if it is followed already.
 * In a transaction that has locked "follow", of a leader or of a backend; what it does on
 * the source stays if that rolls back.
 */
extern bool pgcopy_add_table(const Follow *follow, SourceSession *session,
							 const char *schema, const char *name);

/*
 * Do the same for the partitions among relations that the source sends (SourceRelation)
 * and that are not followed, and create those that are not here.  Outside a transaction.
 * Returns, in the current memory context, why the first of them could not be; NULL: all
 * could.
 */
extern char *pgcopy_add_partitions(Leader *leader, SourceSession *session, List *relations);

#endif							/* PGCOPY_ADD_H */
