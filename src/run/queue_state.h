/*-------------------------------------------------------------------------
 *
 * queue_state.h
 *	  What a queue is made of; for queue.c and queue_load.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_QUEUE_STATE_H
#define PGCOPY_QUEUE_STATE_H

#include "run/queue.h"

/* Lock modes that items take: AccessShare .. AccessExclusive. */
#define NMODES (AccessExclusiveLock + 1)

typedef struct QueueTable
{
	int16		holders[NMODES];	/* running items by lock mode */
	List	   *waiters;		/* QueueItems that would wait for one of them */
	int			first_constraint;	/* number of its first constraint item */
	int			chunks;
	int			chunks_done;
} QueueTable;

struct Queue
{
	MemoryContext context;
	int			nitems;
	QueueItem  *items;			/* items[no - 1] */
	int			ntables;
	QueueTable *tables;			/* tables[relation] */
	ItemStage	stage;
	pairingheap *lines[QUEUE_LINES];
	int			ready[QUEUE_LINES]; /* entries in them */
	pairingheap *foreign_keys;	/* ready ones, which are no entries of a line */
	List	   *away;			/* QueueItems that need a source that is away */
	List	   *delayed;		/* QueueItems with not_before */
	List	   *through_leader;
	bool		fk_is_running;
	bool		source_is_away;
	int			unfinished;
	int			unfinished_copies;
	int			unfinished_builds;	/* that need memory */
	int64		unfinished_need;	/* kB, of them */
	QueueCounts counts;
};

/* Count an item that is done, or was when the queue was loaded. */
extern void pgcopy_queue_state_count_done(Queue *queue, const QueueItem *item);

#endif							/* PGCOPY_QUEUE_STATE_H */
