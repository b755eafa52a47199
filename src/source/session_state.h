/*-------------------------------------------------------------------------
 *
 * session_state.h
 *	  What a session is made of; for the files of this room only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SESSION_STATE_H
#define PGCOPY_SESSION_STATE_H

#include "lib/ilist.h"
#include "source/session.h"

struct pg_conn;
struct pg_result;

struct SourceSession
{
	dlist_node	node;			/* in the list of open ones while conn is not NULL */
	struct pg_conn *conn;		/* NULL once closed */
	int			version;
	int			pid;			/* of its process, as that says itself */
	bool		has_standard_strings;	/* by itself */
	bool		is_broken;		/* an answer broke the protocol: of no more use */

	/* of the query under way, freed at the next one and at the end */
	struct pg_result *result;
	struct pg_result *failure;	/* the first one */
	int			results;		/* so far */
	int			rows;			/* of the answer to the question whether it lives */
	int			columns;		/* of the last one; -1: it has no rows */
	int			notices;

	SessionWaits waits;			/* to be called while it waits, or NULL */
	void	   *waits_arg;
	MemoryContextCallback callback;
};

/*
 * Wait until the socket is ready or the time is over; timeout_ms is -1 for no
 * limit.  Returns whether it is ready.  Interruptible.
 */
extern bool pgcopy_session_wait(SourceSession *session, int events,
								long timeout_ms);

/* Free what is left of the last query. */
extern void pgcopy_session_forget_results(SourceSession *session);

/*
 * Send a query and read all its results.  Rows are handed to "take", if any,
 * one by one; what it keeps it copies.  Returns the first failure, NULL when
 * there is none; it belongs to the session.  Throws when the connection is
 * lost or the protocol is broken.  Without params several statements may
 * stand in sql.
 */
typedef void (*RowTaker) (void *arg, const struct pg_result *row);
extern struct pg_result *pgcopy_session_run(SourceSession *session,
											const char *sql, int nparams,
											const char *const *params,
											RowTaker take, void *arg);

#endif							/* PGCOPY_SESSION_STATE_H */
