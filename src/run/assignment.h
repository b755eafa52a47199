/*-------------------------------------------------------------------------
 *
 * assignment.h
 *	  Do items together in one transaction, as a worker or as the leader.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_ASSIGNMENT_H
#define PGCOPY_ASSIGNMENT_H

#include "base/retry.h"
#include "catalog/item.h"
#include "catalog/job.h"
#include "run/control.h"
#include "run/work.h"
#include "source/session.h"

typedef struct Assignment Assignment;

struct Assignment
{
	const Job  *job;
	const int  *items;			/* numbers */
	int			nitems;
	int			snapshot_no;
	BuildShare	share;
	ControlSlot *live;			/* where to publish live figures */
	bool		is_leader;		/* the session holds the locks already */

	/*
	 * Return the session that an item needs, holding the snapshot if it needs
	 * that; NULL if it needs none.  Sets is_connecting while it opens one.
	 */
	SourceSession *(*prepare) (Assignment *assignment, const JobItem *item);
	/* Called whenever figures move; may be NULL. */
	void		(*tick) (void *arg);
	void	   *arg;

	WorkBatch	batch;			/* private */

	/* Results. */
	List	   *rows_of_items;	/* JobItems that are marked running */
	int			current;		/* index of the item being done, or failed */
	int			done;			/* after an error: items before this one are done */
	bool		is_connecting;
	int64		rows;			/* of done items */
	int64		bytes;
};

/*
 * Mark all items running, do them, mark them done, and commit.  If a table fails,
 * those before it are done all the same.  Called outside a transaction; an ERROR may
 * leave one open.  The JobItems stay in the current
 * memory context.
 */
extern Outcome pgcopy_assignment_do(Assignment *assignment);

/* How many items, from the first, may have changed something here, though rolled back. */
extern int	pgcopy_assignment_begun(const Assignment *assignment);

/*
 * After an ERROR and its abort: was nothing begun, because the source has no
 * room for another session?
 */
extern bool pgcopy_assignment_lacks_session(const Assignment *assignment,
											const ErrorData *error);

/* What the failed item may need, if it is tried again. */
extern RetryNeed pgcopy_assignment_need(const Assignment *assignment,
										const ErrorData *error);

/*
 * Record an ERROR in a transaction of its own.  The leader decides what becomes
 * of the items.
 */
extern void pgcopy_assignment_record(const Assignment *assignment,
									 const ErrorData *error);

#endif							/* PGCOPY_ASSIGNMENT_H */
