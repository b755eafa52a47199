/*-------------------------------------------------------------------------
 *
 * snapshot.h
 *	  One snapshot of the source, shared by many sessions.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SNAPSHOT_H
#define PGCOPY_SNAPSHOT_H

#include "nodes/pg_list.h"
#include "source/session.h"

/*
 * Begin REPEATABLE READ, READ ONLY, lock the tables of a List of SourceRelation
 * as pgcopy_snapshot_lock_all() does, then take the snapshot and export it: what
 * it sees of these tables cannot change any more.  Returns the snapshot's name;
 * NULL if a table is gone, the transaction has failed then.
 */
extern char *pgcopy_snapshot_lock_and_export(SourceSession *session, List *relations);

/*
 * Begin, import, and export again.  Returns the new name; NULL, and leaves no
 * transaction open, if the snapshot is gone.  After a restart the source uses
 * names again, so compare the snapshot with "content", unless that is NULL.
 */
extern char *pgcopy_snapshot_try_import(SourceSession *session,
										const char *name, const char *content);

/*
 * Begin REPEATABLE READ, READ ONLY, without a snapshot; and take it later, with a
 * position in the WAL that is read right after it.  Returns the name of the exported
 * snapshot.
 */
extern void pgcopy_snapshot_begin(SourceSession *session);
extern char *pgcopy_snapshot_export_at(SourceSession *session, XLogRecPtr *lsn);

/* Return which transactions the session's snapshot sees, as text. */
extern char *pgcopy_snapshot_content(SourceSession *session);

/*
 * Begin a READ COMMITTED transaction unless one is open.  If it returns true, the
 * caller ends the transaction with pgcopy_snapshot_release().
 */
extern bool pgcopy_snapshot_begin_current(SourceSession *session);

/* The same at REPEATABLE READ: all answers are of one moment. */
extern bool pgcopy_snapshot_begin_steady(SourceSession *session);

/* End the session's transaction, if there is one. */
extern void pgcopy_snapshot_release(SourceSession *session);

/* The savepoint that each item is read under, by a worker as by the leader. */
#define SNAPSHOT_SAVEPOINT "pgcopy_item"

/* Make a transaction that has failed usable again, by that savepoint. */
extern void pgcopy_snapshot_clear_error(SourceSession *session);

/*
 * Lock the tables of a List of SourceRelation in ACCESS SHARE mode.  Waits,
 * interruptibly.  Returns false if one of them is gone; the transaction has failed
 * then.  Throws if the source's lock table is too small (53200).
 */
extern bool pgcopy_snapshot_lock_all(SourceSession *session, List *relations);

/* The same as pgcopy_inventory_relations(); what is listed will be locked. */
extern List *pgcopy_snapshot_list(SourceSession *session, const char *only);

/*
 * Whether the relations that the snapshot sees still have their names, filenodes
 * and as many columns.  If not, *what names a difference, for a message.  only: see
 * pgcopy_inventory_relations().
 */
extern bool pgcopy_snapshot_still_true(SourceSession *session, const char *only, char **what);

/*
 * Whether the columns that the snapshot sees still have their names; *what as
 * above.  Ask once the tables are locked and still_true.
 */
extern bool pgcopy_snapshot_has_same_columns(SourceSession *session, const char *only,
											 char **what);

/* Say that these will be asked (ahead.h): content, still_true, has_same_columns. */
extern void pgcopy_snapshot_foresee_content(SourceSession *session);
extern void pgcopy_snapshot_foresee_true(SourceSession *session, const char *only);
extern void pgcopy_snapshot_foresee_same_columns(SourceSession *session, const char *only);

#endif							/* PGCOPY_SNAPSHOT_H */
