/*-------------------------------------------------------------------------
 *
 * lorecord.h
 *	  pgcopy.large_object: which large objects items have created here.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_LORECORD_H
#define PGCOPY_LORECORD_H

/* What one item has created. */
typedef struct LargeObjectRecord
{
	int			item;
	uint64		xid;			/* of the transaction that did it */
	int			count;
	Oid		   *oids;			/* ascending */
} LargeObjectRecord;

/*
 * Keep a record, instead of the one of this item if there is one.  With a count
 * of 0 there is none any more.
 */
extern void pgcopy_lorecord_store(int64 job, const LargeObjectRecord *record);

/*
 * A record whose item is not done, or NULL: what it names was to be read again
 * and has not been removed yet.
 */
extern LargeObjectRecord *pgcopy_lorecord_fetch_left(int64 job);

#endif							/* PGCOPY_LORECORD_H */
