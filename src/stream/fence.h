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
 * fence_setting.c: the value of default_transaction_read_only that the database has by
 * ALTER DATABASE; NULL: none.
 */
extern char *pgcopy_fence_setting(SourceSession *session);

/*
 * fence_setting.c: set it to on, and back to what it was (NULL: reset).  owner: the name
 * of the publication that says whose fence it is.  Set throws 55006 if another has one;
 * lift does nothing if the fence is not ours.
 */
extern void pgcopy_fence_set(SourceSession *session, const char *owner);
extern void pgcopy_fence_lift(SourceSession *session, const char *owner, const char *before);

/* Throw if another has one. */
extern void pgcopy_fence_check_owner(SourceSession *session, const char *owner);

/* The statements that lift it, for pgcopy_session_run_at_exit(). */
extern char *pgcopy_fence_lift_sql(SourceSession *session, const char *owner,
								   const char *before);

/*
 * Sessions that began at or after "from" and before "until": texts of timestamptz of
 * the source; NULL: no limit.
 */
typedef struct FenceSpan
{
	const char *from;
	const char *until;
} FenceSpan;

/* The client sessions of the database that a fence has to see to. */
typedef struct FenceSessions
{
	int			idle;			/* between transactions */
	int			busy;			/* in one, or in a statement */
	int			unknown;		/* the role may not see what they do */
	int			untouchable;	/* of all these: the role may not end them */
	char	   *oldest;			/* "pid 123 (app, psql), in a transaction for 3 s", or NULL */
} FenceSessions;

/*
 * Count them; and end those that are idle, or also those that are not, as far as
 * the role may.  Never our own: of this role, address and job.  Never walsenders.
 */
extern void pgcopy_fence_count(SourceSession *session, const FenceSpan *span,
							   FenceSessions *sessions);
extern int	pgcopy_fence_end_sessions(SourceSession *session, const FenceSpan *span,
									  bool busy_too);

/* The source's clock, for a span. */
extern char *pgcopy_fence_now(SourceSession *session);

/*
 * The names, to be locked, of those of these relations (an oid[]) that exist and can
 * be locked: List of char *.
 */
extern List *pgcopy_fence_tables(SourceSession *session, const char *only);

/*
 * BEGIN, and lock tables (quoted, qualified names: List of char *) in SHARE mode, all
 * within lock_ms.  Returns false, with no transaction open and *who who is in the way
 * if that can be known, if they were not to be had.  The locks last until the session
 * closes or rolls back.
 */
extern bool pgcopy_fence_lock(SourceSession *session, List *tables, int lock_ms, char **who);

/* Does the session still hold the locks on so many tables? */
extern bool pgcopy_fence_has_locks(SourceSession *session, int tables);

/*
 * End the sessions that wait for these locks, as far as the role may: they write in
 * spite of the fence.  Returns how many there are, and *ended how many were ended.
 */
extern int	pgcopy_fence_end_waiting(SourceSession *session, int *ended);

/*
 * Sessions that are just beginning in the database, and may not have read its settings
 * yet; of those that are given, if there are any: pids, an int4[]; NULL: none.  They
 * cannot be counted before they have begun.
 */
extern char *pgcopy_fence_beginning(SourceSession *session, const char *of);

/* Write a record that is flushed, and return the position behind it. */
extern XLogRecPtr pgcopy_fence_mark(SourceSession *session);

/* Prepared transactions of the database, and writers older than 30 s: List of Finding *. */
extern List *pgcopy_fence_find_holders(SourceSession *session);

/*
 * What the role may not do that a fence around these relations (an oid[]) needs, and
 * which roles override it: List of Finding *.  locks_only: no setting is changed, no
 * session ended.
 */
extern List *pgcopy_fence_check(SourceSession *session, const char *only, bool locks_only);

#endif							/* PGCOPY_FENCE_H */
