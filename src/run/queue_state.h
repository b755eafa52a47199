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

#define QUEUE_TURNS (TURN_COMPUTED_BUILDS + 1)

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
	List	   *held;			/* QueueItems of any stage */
	List	   *behind;			/* QueueItems that wait for their turn */
	int			turn_left[QUEUE_TURNS]; /* copies not through, by turn */
	bool		ignores_turns;
	bool		begins_one_by_one;	/* until something is done */
	int			withheld;		/* copies of any stage that are */
	int			running;
	int64		copies_done;	/* by this process */
	int64		items_done;
	int64		items_left_at;	/* items_done when held ones were last left */
	bool		fk_is_running;
	bool		source_is_away;
	int			unfinished;
	int			unfinished_copies;
	int			unfinished_builds;	/* that need memory */
	int64		unfinished_need;	/* kB, of them */
	QueueCounts counts;
};

/* Add (+1) or remove (-1) a copy that is not through, or held no more. */
extern void pgcopy_queue_state_count_turn(Queue *queue, const QueueItem *item,
										  int change);

/* Let items that waited for their turn try again. */
extern void pgcopy_queue_state_recall_behind(Queue *queue);

/* Make an item ready if nothing stands in its way. */
extern void pgcopy_queue_state_make_ready(Queue *queue, QueueItem *item);

/* Count a done item. */
extern void pgcopy_queue_state_count_done(Queue *queue, const QueueItem *item);

#endif							/* PGCOPY_QUEUE_STATE_H */
