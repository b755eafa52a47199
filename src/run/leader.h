/*-------------------------------------------------------------------------
 *
 * leader.h
 *	  The leader's state and what its files offer each other.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_LEADER_H
#define PGCOPY_LEADER_H

#include "base/finding.h"
#include "base/object_filter.h"
#include "catalog/job.h"
#include "link/link.h"
#include "run/control.h"
#include "run/process.h"
#include "run/progress.h"
#include "run/queue.h"
#include "run/workers.h"
#include "select/selection.h"

typedef struct Carry Carry;		/* run/carry.h */

typedef struct Leader
{
	ProcessArgs args;
	Job		   *job;
	Control    *control;
	Workers    *workers;
	Queue	   *queue;
	Progress   *progress;
	TimestampTz totals_stored;
	int			misplaced;		/* item with a row for another leaf; 0: none */
	bool		must_read_anew;	/* under a new snapshot, some tables from their start */

	MemoryContext context;		/* lives as long as the process */
	MemoryContext work_context; /* reset after each piece of work */

	SourceLink *link;			/* its session holds snapshot and locks */

	/* What is cloned; written by chosen.c alone */
	Selection  *selection;		/* NULL: all */
	ObjectFilter filter;		/* the same, for those who need not know it */
	List	   *listing;		/* ListedObject *, the names to choose from */
	MemoryContext selection_context;	/* has these */

	struct Handover *handover;	/* handover.c's own; NULL: no snapshot was given yet */
	struct SlotWatch *slot_watch;	/* handover_watch.c's own; NULL: not looked yet */
	Carry	   *carry;		/* of a job that follows; of carry.c alone */

	int			copiers;		/* workers the source has room for, at most
								 * table_jobs */
	TimestampTz more_copiers_at;	/* if fewer: when to try one more */

	char		held_for[CONTROL_MESSAGE_LENGTH];	/* what is held, or "" */

	bool		error_is_recorded;	/* the ERROR being thrown is in pgcopy.error */
} Leader;

/*
 * planning.c: take snapshot and locks, read the dump, store the items.
 * Commits.
 */
extern void pgcopy_planning_run(Leader *leader);

/*
 * Read the dump under a snapshot of the leader's session: the DumpStatements of what
 * is cloned.  Marks in the relations what lacks rows.  for_plan: what a plan asks of
 * the source is asked while pg_dump runs.
 */
extern List *pgcopy_planning_read_dump(Leader *leader, const char *snapshot,
									   List *relations, bool for_plan);

/*
 * chosen.c: choose what is cloned, by the source's present catalogs.  Returns the
 * relations as pgcopy_chosen_relations() does.  Throws for options that do not fit
 * the source.
 */
extern const char *pgcopy_chosen_make(Leader *leader);

/* The same by what the session sees; LinkOwner's choose. */
extern const char *pgcopy_chosen_under_snapshot(void *arg, SourceSession *session);

/* The relations of the job's plan, as an oid[]; NULL: all. */
extern const char *pgcopy_chosen_planned(const Leader *leader);

/* What is cloned; NULL: all. */
extern const ObjectFilter *pgcopy_chosen_filter(const Leader *leader);

/* Relations that are cloned, or whose rows are, as an oid[]; NULL: all. */
extern const char *pgcopy_chosen_relations(const Leader *leader);
extern char *pgcopy_chosen_relations_with_rows(const Leader *leader);
extern bool pgcopy_chosen_has_large_objects(const Leader *leader);

/* Kinds that are left out, EXCLUDE_*: as the options say, and subscriptions with most. */
extern int	pgcopy_chosen_exclusions(const Leader *leader);

/* Switches for pg_dump (schema/dump_filter.h). */
extern List *pgcopy_chosen_dump_filter(const Leader *leader, SourceSession *session);

/* What is not cloned and may be known by name only: List of ListedObject *. */
extern List *pgcopy_chosen_unknown(const Leader *leader, SourceSession *session);

/* Mark the relations whose rows are left out; throw if they are not those chosen. */
extern void pgcopy_chosen_mark(const Leader *leader, List *relations);

/*
 * Let foreign keys that rows left out would violate stay NOT VALID.  Returns the
 * statements without those of partitioned tables, which cannot.
 */
extern List *pgcopy_chosen_release_keys(const Leader *leader, List *statements);

/* What follows from the choice: List of Finding *. */
extern List *pgcopy_chosen_notices(const Leader *leader);

/*
 * serial.c: run the statements of a stage, in order.  Returns how many remain:
 * those that failed while items are held.
 */
extern int	pgcopy_serial_run(Leader *leader, ItemStage stage);

/* Run those of pre-data, in as many rounds as bring anything. */
extern void pgcopy_serial_run_pre_data(Leader *leader);

/*
 * pre_data.c: whether statements that workers can run side by side begin with this
 * item, and enough of them.  *end is the item behind those looked at.
 */
extern bool pgcopy_pre_data_find_run(Leader *leader, int first, int *end);

/* Let workers run them.  What fails stays pending. */
extern void pgcopy_pre_data_run(Leader *leader, int first, int end);

/*
 * held.c: see to an item that failed alone, and that no retry after a while is
 * due for.  Returns false if nothing can help it.
 */
extern bool pgcopy_held_keep(Leader *leader, int no, RetryNeed need);

/*
 * Must a statement of post-data wait, since it would build an index on a table
 * that is held?  That could not be loaded any more.
 */
extern bool pgcopy_held_blocks(Leader *leader, int no);

/*
 * Let held items try again, or give them up.  Returns false if the stage can do
 * no more, while held items are left for after the next one.
 */
extern bool pgcopy_held_go_on(Leader *leader);

/*
 * schedule.c: run a parallel stage, but for items that are held for the next
 * one.  Returns false if what remains must be prepared again: the snapshot is
 * gone or good for nothing more, or a tree is to be routed.
 */
extern bool pgcopy_schedule_run(Leader *leader, ItemStage stage);

/*
 * alone.c: take the numbers of items that the leader must do itself, at most
 * "max".  Returns how many.  missing: how many more workers there is work for.
 */
extern int	pgcopy_alone_take(Leader *leader, int missing, int *items, int max);

/* Do an assignment as a worker would.  Called outside a transaction. */
extern void pgcopy_alone_do(Leader *leader, const int *items, int nitems,
							WorkerEvent *event);

/*
 * share.c: the share of an assignment about to be handed out beside "running"
 * others of its line.  Its items must count as running already.
 */
extern BuildShare pgcopy_share(Leader *leader, int running,
							   const int *items, int nitems);

/* The memory of all builds of a job together, in kB. */
extern int64 pgcopy_share_budget(void);

/* Give all of it to the leader, for builds while no worker builds. */
extern void pgcopy_share_take_all_memory(void);

/*
 * largeobjects.c: divide what the source has and no item has copied into
 * ranges, an item each: a List of LargeObjectRange.
 */
extern List *pgcopy_largeobjects_plan(Leader *leader);

/* Plan the unread ones again for a new snapshot, in the current transaction. */
extern void pgcopy_largeobjects_plan_again(Leader *leader);

/* Add an item, done, for objects that are copied beside the plan.  Returns its number. */
extern int	pgcopy_largeobjects_add_done(int64 job, const char *name);

/*
 * Remove what pending items created earlier, in transactions of its own.  If
 * interrupted, the next resume finishes it.
 */
extern void pgcopy_largeobjects_remove(Leader *leader);

/*
 * advise.c: note settings of this server that slow the job down.  In a
 * transaction, with the queue loaded.
 */
extern void pgcopy_advise_run(Leader *leader);

/*
 * properties.c: tell what the source database has and this one has not, of what
 * is in no dump.  In a transaction, with a session.
 */
extern void pgcopy_properties_tell(Leader *leader);

/*
 * room.c: after pg_dump failed, throw if the source has no room for one more
 * session: 53400 if its role or database never has, 53300 if others use it up.
 */
extern void pgcopy_room_check(SourceSession *session,
							  const SourceConninfo *conninfo, int copiers);

/*
 * unconverted.c: after an error while the source was read, outside a
 * transaction: if it is a text that does not convert, throw one that names the
 * objects instead.
 */
extern void pgcopy_unconverted_report(Leader *leader, ErrorData *error);

/* leader_link.c: create the leader's link in the current memory context. */
extern void pgcopy_leader_link_create(Leader *leader);

/* Keep this snapshot for the job and store it in the catalog. */
extern void pgcopy_leader_link_keep_snapshot(Leader *leader, const char *name);

/* leader_main.c: move the job, in a transaction of its own, with the totals so far. */
extern void pgcopy_leader_move(Leader *leader, JobState state);

/* Transactions of the leader; work_context is current inside. */
extern void pgcopy_leader_begin(Leader *leader);
extern void pgcopy_leader_commit(Leader *leader);
extern void pgcopy_leader_abort(Leader *leader);

/*
 * Commit, durably, in the middle of a piece of work: its memory stays, and a new
 * transaction begins.
 */
extern void pgcopy_leader_commit_so_far(Leader *leader);

/* Fetch the state of an item from the catalog, in a transaction of its own. */
extern ItemState pgcopy_leader_read_state(Leader *leader, int no);

/* In the current transaction no lock is waited for but for a moment: 55P03. */
extern void pgcopy_leader_limit_lock_wait(void);

/*
 * In PG_CATCH: abort, and return the error in the leader's context, which
 * becomes current.  Rethrows if the job is cancelled.
 */
extern ErrorData *pgcopy_leader_catch(Leader *leader);

/*
 * Mark an item as failed for good and its dependents as skipped.  The error is
 * recorded already.  Throws if the job stops at its first error.
 */
extern void pgcopy_leader_give_up(Leader *leader, int no);

/*
 * reroute.c: a row does not belong into the leaf that an item loads.  Returns
 * true if the tree can be routed from its root; the stage ends for that.
 */
extern bool pgcopy_reroute_is_due(Leader *leader, int no);

/* Start the tree of leader->misplaced over, routed.  No worker may run. */
extern void pgcopy_reroute_run(Leader *leader);

/* Publish progress; store the totals now and then. */
extern void pgcopy_leader_publish(Leader *leader);

#endif							/* PGCOPY_LEADER_H */
