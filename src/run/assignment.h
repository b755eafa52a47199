/*-------------------------------------------------------------------------
 *
 * assignment.h
 *	  Do items together in one transaction, as a worker or as the leader.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_ASSIGNMENT_H
#define PGCOPY_ASSIGNMENT_H

#include "catalog/item.h"
#include "catalog/job.h"
#include "run/control.h"
#include "source/session.h"

typedef struct Assignment Assignment;

struct Assignment
{
	const Job  *job;
	const int  *items;			/* numbers */
	int			nitems;
	int			snapshot_no;
	BuildShare	share;
	ControlSlot *live;			/* whose live figures move */
	bool		is_leader;		/* its session holds the locks already */

	/*
	 * Have the session that an item needs, with the snapshot where it needs
	 * that; NULL where it needs none.  Sets is_connecting while it opens one.
	 */
	SourceSession *(*prepare) (Assignment *assignment, const JobItem *item);
	/* Called about as often as figures move, or NULL. */
	void		(*tick) (void *arg);
	void	   *arg;

	/* What came of it. */
	List	   *rows_of_items;	/* JobItems, once they are marked running */
	int			current;		/* index into items: where it is, or failed */
	bool		is_connecting;
	int64		rows;
	int64		bytes;
};

/*
 * Mark all items running, do them, mark them done, and commit.  Outside a
 * transaction; an ERROR leaves one open.  OUTCOME_SOURCE_LOCKED: nothing was
 * done.  The items stay in the current memory context.
 */
extern Outcome pgcopy_assignment_do(Assignment *assignment);

/*
 * After an ERROR and its abort: whether nothing was begun, because the source
 * has no room for another session.
 */
extern bool pgcopy_assignment_lacks_session(const Assignment *assignment,
											const ErrorData *error);

/*
 * Record the ERROR, in a transaction of its own.  What becomes of the items is
 * the leader's to decide.
 */
extern void pgcopy_assignment_record(const Assignment *assignment,
									 const ErrorData *error);

#endif							/* PGCOPY_ASSIGNMENT_H */
