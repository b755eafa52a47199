/*-------------------------------------------------------------------------
 *
 * session_cancel.h
 *	  Ask the source to stop what it does for a connection.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SESSION_CANCEL_H
#define PGCOPY_SESSION_CANCEL_H

struct pg_conn;

/*
 * Cancel what runs on a connection that is closed next: whether it has worked
 * is of no interest.  Takes a second at most, throws nothing.
 */
extern void pgcopy_session_cancel(struct pg_conn *conn);

#endif							/* PGCOPY_SESSION_CANCEL_H */
