/*-------------------------------------------------------------------------
 *
 * existing.h
 *	  What of post-data is here already.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_EXISTING_H
#define PGCOPY_EXISTING_H

#include "nodes/pg_list.h"

/*
 * Set "presence" of each DumpStatement of post-data.  Returns what stands in the
 * way, as a List of Finding in the current memory context: names that are here with
 * another definition, relations that are not here; and notices about what is here
 * under another name.  Needs a transaction and a snapshot.
 */
extern List *pgcopy_existing_mark(List *statements);

#endif							/* PGCOPY_EXISTING_H */
