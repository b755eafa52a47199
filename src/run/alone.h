/*-------------------------------------------------------------------------
 *
 * alone.h
 *	  Items that the leader does itself.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_ALONE_H
#define PGCOPY_ALONE_H

#include "run/leader.h"

/*
 * Take what the leader is to do itself now: numbers into "items", at most "max";
 * 0 when there is nothing.  missing: how many more workers there is work for.
 */
extern int	pgcopy_alone_take(Leader *leader, int missing, int *items, int max);

/*
 * Do an assignment as a worker would, and tell of it as of one's: the event's
 * slot is -1.  Outside a transaction.
 */
extern void pgcopy_alone_do(Leader *leader, const int *items, int nitems,
							WorkerEvent *event);

#endif							/* PGCOPY_ALONE_H */
