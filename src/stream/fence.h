/*-------------------------------------------------------------------------
 *
 * fence.h
 *	  Keep writers off the source's database during a cutover.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_FENCE_H
#define PGCOPY_FENCE_H

#include "access/xlogdefs.h"
#include "base/finding.h"
#include "nodes/pg_list.h"
#include "source/session.h"

/*
 * The value of default_transaction_read_only that the database has by ALTER DATABASE;
 * NULL: none.
 */
extern char *pgcopy_fence_setting(SourceSession *session);

/* Set it to on; and back to what it was (NULL: reset). */
extern void pgcopy_fence_set(SourceSession *session);
extern void pgcopy_fence_lift(SourceSession *session, const char *before);

/* The client sessions of the database that a fence has to see to. */
typedef struct FenceSessions
{
	int			idle;			/* between transactions */
	int			busy;			/* in one, or in a statement */
	int			unknown;		/* the role may not see */
	char	   *oldest;			/* "pid 123 (app, psql), in a transaction for 3s", or NULL */
} FenceSessions;

/*
 * Count them; and end those that began before "since" (text of a timestamptz of the
 * source; NULL: all) and are idle, or also those that are busy.  Never our own
 * (by application_name "pgcopy job N ..."), never walsenders.
 */
extern void pgcopy_fence_count(SourceSession *session, const char *since, FenceSessions *sessions);
extern int	pgcopy_fence_end_sessions(SourceSession *session, const char *since, bool busy_too);

/* The source's clock, for "since". */
extern char *pgcopy_fence_now(SourceSession *session);

/*
 * BEGIN, and lock tables (quoted, qualified names: List of char *) in SHARE mode, all
 * within lock_ms.  Returns false, with no transaction open and *who who is in the way
 * if that can be known, if they were not to be had.  The locks last until the session
 * closes or rolls back.
 */
extern bool pgcopy_fence_lock(SourceSession *session, List *tables, int lock_ms, char **who);

/* Write a record that is flushed, and return the position behind it. */
extern XLogRecPtr pgcopy_fence_mark(SourceSession *session);

/* Prepared transactions of the database, and writers older than 30 s: List of Finding *. */
extern List *pgcopy_fence_find_holders(SourceSession *session);

#endif							/* PGCOPY_FENCE_H */
