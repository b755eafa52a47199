/*-------------------------------------------------------------------------
 *
 * session_state.h
 *	  What a session is made of; for the files of this room only.
 *
 * Of session_query.c, where nothing else is said.
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
extern void pgcopy_session_query_forget(SourceSession *session);

/*
 * Send a query and read all its results.  Rows are handed to "take", if any,
 * one by one; what it keeps it copies.  Returns the first failure, NULL when
 * there is none; it belongs to the session.  Throws when the connection is
 * lost or the protocol is broken.  Without params several statements may
 * stand in sql.
 */
typedef void (*RowTaker) (void *arg, const struct pg_result *row);
extern struct pg_result *pgcopy_session_query_run(SourceSession *session,
												  const char *sql, int nparams,
												  const char *const *params,
												  RowTaker take, void *arg);

/* session.c: as pgcopy_session_open(), but nothing has been asked or set yet. */
extern SourceSession *pgcopy_session_connect(const SourceConninfo *conninfo,
											 const char *application_name);

/* session_settings.c: what it is told before anything else. */
extern void pgcopy_session_settings_apply(SourceSession *session,
										  const SourceConninfo *conninfo);

/*
 * Set again, for the transaction that has just begun, what decides what is read,
 * and throw when it does not run in the session's own process.  Takes the
 * transaction's snapshot.
 */
extern void pgcopy_session_settings_apply_again(SourceSession *session);

/*
 * session_cancel.c: cancel what runs on a connection that is closed next: whether it has worked
 * is of no interest.  Takes a second at most, throws nothing.
 */
extern void pgcopy_session_cancel(struct pg_conn *conn);

/*
 * pooler.c: throw unless one process of the source serves this connection, and no other,
 * until it is closed (0A000).  Changes nothing on the source; call it before
 * anything else does.  Returns the number of that process.
 */
extern int	pgcopy_pooler_check(SourceSession *session,
								const SourceConninfo *conninfo,
								const char *application_name);

/* Throw that there is no such process; "detail" says what shows it. */
extern void pgcopy_pooler_refuse(const char *detail) pg_attribute_noreturn();

#endif							/* PGCOPY_SESSION_STATE_H */
