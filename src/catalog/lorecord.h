/*-------------------------------------------------------------------------
 *
 * lorecord.h
 *	  pgcopy.large_object: the large objects that items have created here.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_LORECORD_H
#define PGCOPY_LORECORD_H

#include "nodes/pg_list.h"

/* The large objects that one item has created. */
typedef struct LargeObjectRecord
{
	int			item;
	uint64		xid;			/* transaction that did it */
	int			count;
	Oid		   *oids;			/* ascending */
} LargeObjectRecord;

/* Replace the item's record; with count 0, delete it. */
extern void pgcopy_lorecord_store(int64 job, const LargeObjectRecord *record);

/*
 * Fetch the first record whose item is not done, or NULL: its objects are to be
 * removed.
 */
extern LargeObjectRecord *pgcopy_lorecord_fetch_left(int64 job);

/* All records of a job: List of LargeObjectRecord *, by item. */
extern List *pgcopy_lorecord_fetch_all(int64 job);

#endif							/* PGCOPY_LORECORD_H */
