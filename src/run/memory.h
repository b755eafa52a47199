/*-------------------------------------------------------------------------
 *
 * memory.h
 *	  One budget of memory for all index builds of a job.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_MEMORY_H
#define PGCOPY_MEMORY_H

#include "run/leader.h"

/*
 * The maintenance_work_mem, in kB, of an assignment that is about to be
 * handed out; 0: it builds nothing.  Its items count as running already.
 */
extern int	pgcopy_memory_share(Leader *leader, const int *items, int nitems);

/* All of it, for the leader, which builds when nobody else does. */
extern void pgcopy_memory_take_all(void);

#endif							/* PGCOPY_MEMORY_H */
