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

#include "catalog/item.h"

/* Two lines of ready items, each with a limit of its own. */
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
	bool		is_chunk;
	bool		is_queued;		/* in the line's heap */
	bool		through_leader; /* OUTCOME_SOURCE_LOCKED */
	int			waits_for;		/* dependencies that are not done yet */
	int			own_index;		/* of a constraint: item of its index, or 0 */
	int			ndependents;
	int		   *dependents;		/* numbers */
	int64		cost;
	int64		bytes_total;
	TimestampTz not_before;		/* 0, or when it may be tried again */
	pairingheap_node node;
} QueueItem;

typedef struct Queue Queue;

/* What has been done, in one place, for progress. */
typedef struct QueueCounts
{
	int			tables_total;
	int			tables_done;
	int			indexes_total;
	int			indexes_done;
	int64		cost_total;
	int64		cost_done;
	int64		bytes_total;
	int64		rows_done;
	int64		bytes_done;
} QueueCounts;

/* Read all items of a job from the catalog, in the current memory context. */
extern Queue *pgcopy_queue_load(int64 job);

extern QueueCounts *pgcopy_queue_counts(Queue *queue);
extern QueueItem *pgcopy_queue_item(Queue *queue, int no);
extern int	pgcopy_queue_size(Queue *queue);	/* numbers are 1 .. size */

/* Make one stage the current one: its pending items without unfinished
 * dependencies become ready. */
extern void pgcopy_queue_open_stage(Queue *queue, ItemStage stage);

/* Items of the current stage that are neither done nor given up. */
extern int	pgcopy_queue_unfinished(Queue *queue);
extern int	pgcopy_queue_unfinished_copies(Queue *queue);

/* Of them those that sort or hash, and the most memory they can use, in kB. */
extern int	pgcopy_queue_unfinished_builds(Queue *queue, int64 *need);
extern int64 pgcopy_queue_memory_need(const QueueItem *item);

/* About how many assignments of a line could be taken now. */
extern int	pgcopy_queue_ready(Queue *queue, QueueLine line);

/* While the source is away nothing that needs it is handed out. */
extern void pgcopy_queue_set_source_away(Queue *queue, bool is_away);

/*
 * Delayed items whose time has come become ready; returns when the next one
 * will, 0: there is none.
 */
extern TimestampTz pgcopy_queue_recall_delayed(Queue *queue);

/*
 * Take the next assignment of a line: numbers into "items", at most "max";
 * 0 when nothing can be handed out now.
 */
extern int	pgcopy_queue_take(Queue *queue, QueueLine line, int nworkers,
							  int *items, int max);

/* An item that has to be read through the leader's own session, or 0. */
extern int	pgcopy_queue_take_through_leader(Queue *queue);

/* What became of a taken item. */
extern void pgcopy_queue_done(Queue *queue, int no);
extern void pgcopy_queue_put_back(Queue *queue, int no, TimestampTz not_before);

/*
 * Give an item up.  Returns the list of items that can never be done now
 * (integer list), which have been marked skipped in memory.
 */
extern List *pgcopy_queue_fail(Queue *queue, int no);

#endif							/* PGCOPY_RUN_QUEUE_H */
