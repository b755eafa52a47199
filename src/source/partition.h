/*-------------------------------------------------------------------------
 *
 * partition.h
 *	  Which rows may belong into another partition here.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_PARTITION_H
#define PGCOPY_PARTITION_H

#include "nodes/pg_list.h"
#include "source/session.h"

/*
 * Set through_root of each partitioned relation that may divide its rows in
 * another way here, and of all leaves below.  relations: SourceRelation, in the
 * order of OIDs.  Call it in a transaction.
 */
extern void pgcopy_partition_mark(SourceSession *session, List *relations);

#endif							/* PGCOPY_PARTITION_H */
