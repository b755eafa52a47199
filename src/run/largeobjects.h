/*-------------------------------------------------------------------------
 *
 * largeobjects.h
 *	  The items of a job that copy large objects.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_LARGEOBJECTS_H
#define PGCOPY_LARGEOBJECTS_H

#include "catalog/item.h"
#include "load/largeobject.h"
#include "run/leader.h"

/*
 * Cut what the source has, and no item has copied yet, into ranges for one item
 * each: a List of LargeObjectRange.  NIL where the job leaves them out.
 */
extern List *pgcopy_largeobjects_plan(Leader *leader);

/*
 * A new snapshot has other large objects: plan those anew that are left to be
 * read.  In the current transaction.
 */
extern void pgcopy_largeobjects_plan_again(Leader *leader);

/*
 * Remove what items have created that are to copy it again.  In transactions
 * of its own; one that does not come to its end is taken up by the next resume.
 */
extern void pgcopy_largeobjects_remove(Leader *leader);

#endif							/* PGCOPY_LARGEOBJECTS_H */
