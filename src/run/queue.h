/*-------------------------------------------------------------------------
 *
 * queue.h
 *	  The items of a job in the leader's memory: what can be done now.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_RUN_QUEUE_H
#define PGCOPY_RUN_QUEUE_H

#include "lib/pairingheap.h"
#include "storage/lockdefs.h"
#include "utils/timestamp.h"

#include "base/retry.h"
#include "catalog/item.h"

/* Lines of ready items, each with its own limit. */
typedef enum QueueLine
{
	LINE_COPY,					/* tables and large objects: table_jobs */
	LINE_BUILD					/* all others: index_jobs */
} QueueLine;

#define QUEUE_LINES 2

typedef struct QueueItem
{
	int			no;
	ItemKind	kind;
	ItemStage	stage;
	ItemState	state;
	int			relation;
	int			referenced;
	int			attempts;
	int			attempts_past;	/* of them, those that max_attempts forgets */
	bool		is_chunk;
	bool		is_queued;		/* in a heap */
	bool		through_leader; /* after OUTCOME_SOURCE_LOCKED */
	int			waits_for;		/* dependencies not done */
	int			own_index;		/* of a constraint: item of its index, or 0 */
	int			ndependents;
	int		   *dependents;		/* numbers */
	ItemTurn	turn;
	bool		is_behind;		/* waits for copies of lower turns */
	bool		is_withheld;	/* not to be read under the present snapshot */
	bool		is_held;		/* failed; waits for something to be done */
	bool		needs_objects;	/* held for anything done, not only for copies */
	int64		copies_seen;	/* done when its last attempt began */
	int64		items_seen;
	int64		cost;
	int64		bytes_total;
	TimestampTz not_before;		/* when to try again; 0: at once */
	pairingheap_node node;
} QueueItem;

typedef struct Queue Queue;

/* Totals for progress. */
typedef struct QueueCounts
{
	int			tables_total;
	int			tables_done;
	int			indexes_total;
	int			indexes_done;
	int64		cost_total;
	int64		cost_done;
	int64		bytes_total;
} QueueCounts;

/* Read all items of a job from the catalog, into the current memory context. */
extern Queue *pgcopy_queue_load(int64 job);

/*
 * Hand out items one at a time until one is done.  What is handed out together is one
 * transaction: an item that crashes the server would undo the others, and an attempt
 * that has done nothing is the last.
 */
extern void pgcopy_queue_begin_one_by_one(Queue *queue);

extern QueueCounts *pgcopy_queue_counts(Queue *queue);
extern QueueItem *pgcopy_queue_item(Queue *queue, int no);
extern int	pgcopy_queue_size(Queue *queue);	/* numbers are 1 .. size */

/*
 * Make a stage the current one, and its pending items without unfinished
 * dependencies ready.
 */
extern void pgcopy_queue_open_stage(Queue *queue, ItemStage stage);

/* Items of the current stage that are neither done nor given up. */
extern int	pgcopy_queue_unfinished(Queue *queue);
extern int	pgcopy_queue_unfinished_copies(Queue *queue);

/* Those of them that need memory, and how much all may use, in kB. */
extern int	pgcopy_queue_unfinished_builds(Queue *queue, int64 *need);
extern int64 pgcopy_queue_memory_need(const QueueItem *item);

/* Upper limit of the assignments of a line that could be taken now. */
extern int	pgcopy_queue_ready(Queue *queue, QueueLine line);

/* While the source is away, hand out nothing that needs it. */
extern void pgcopy_queue_set_source_away(Queue *queue, bool is_away);

/*
 * queue_withheld.c: there is a new snapshot; the rows of these relations (their numbers)
 * are not to be read under it.
 */
extern void pgcopy_queue_withhold(Queue *queue, const List *relations);

/* Is what is left to copy withheld, or waits for that?  Then a new snapshot is due. */
extern bool pgcopy_queue_needs_snapshot(const Queue *queue);

/*
 * Make delayed items ready whose time has come.  Returns the time of the next
 * one; 0 if there is none.
 */
extern TimestampTz pgcopy_queue_recall_delayed(Queue *queue);

/*
 * Take the next assignment of a line: at most "max" numbers into "items".
 * Returns how many; 0 if nothing can be handed out now. nworkers: of the line.
 */
extern int	pgcopy_queue_take(Queue *queue, QueueLine line, int nworkers,
							  int *items, int max);

/* Take an item to read through the leader's own session; 0 if there is none. */
extern int	pgcopy_queue_take_through_leader(Queue *queue);

/* A taken item is done, or pending again. */
extern void pgcopy_queue_done(Queue *queue, int no);
extern void pgcopy_queue_put_back(Queue *queue, int no, TimestampTz not_before);

/*
 * queue_held.c: a taken item has failed, and something else may be what it
 * lacks.  It is pending, but not handed out until it is released.
 */
extern void pgcopy_queue_hold(Queue *queue, int no, RetryNeed need);

/*
 * Release the held items that may find what they lack: all other copies are
 * through, or all that can be done now is, and something was done since they
 * began.  Returns false if nothing runs and nothing can be handed out.
 */
extern bool pgcopy_queue_release_held(Queue *queue);

/* The numbers of held items, lowest first, and how many there are. */
extern List *pgcopy_queue_list_held(Queue *queue);
extern int	pgcopy_queue_held(Queue *queue);

/*
 * Leave held items for later, when statements of a serial stage have been run.
 * Returns false if none of them lacks an object or nothing was done since the
 * last time: it would not help.
 */
extern bool pgcopy_queue_leave_held(Queue *queue);

/*
 * Give an item up.  Marks items that can never be done now as skipped, in
 * memory, and returns their numbers.
 */
extern List *pgcopy_queue_fail(Queue *queue, int no);

#endif							/* PGCOPY_RUN_QUEUE_H */
