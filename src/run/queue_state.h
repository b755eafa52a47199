/*-------------------------------------------------------------------------
 *
 * queue_state.h
 *	  The parts of a queue; for queue.c and queue_load.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_QUEUE_STATE_H
#define PGCOPY_QUEUE_STATE_H

#include "run/queue.h"

/* Indexes of lock modes: up to AccessExclusiveLock. */
#define NMODES (AccessExclusiveLock + 1)

typedef struct QueueTable
{
	int16		holders[NMODES];	/* running items by lock mode */
	List	   *waiters;		/* QueueItems that conflict with a holder */
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
	pairingheap *foreign_keys;	/* ready ones, in no line */
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

/* Count a done item. */
extern void pgcopy_queue_state_count_done(Queue *queue, const QueueItem *item);

#endif							/* PGCOPY_QUEUE_STATE_H */
