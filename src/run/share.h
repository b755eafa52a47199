/*-------------------------------------------------------------------------
 *
 * share.h
 *	  What one index build may take of the machine: memory and processes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SHARE_H
#define PGCOPY_SHARE_H

#include "run/leader.h"

/*
 * The share of an assignment that is about to be handed out, while so many
 * others of its line run.  Its items count as running already, and are not
 * ready any more.
 */
extern BuildShare pgcopy_share(Leader *leader, int running,
							   const int *items, int nitems);

/* The memory of all builds of a job together, in kB. */
extern int64 pgcopy_share_budget(void);

/* All the memory, for the leader, which builds when nobody else does. */
extern void pgcopy_share_take_all_memory(void);

#endif							/* PGCOPY_SHARE_H */
