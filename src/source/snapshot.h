/*-------------------------------------------------------------------------
 *
 * snapshot.h
 *	  One moment of the source, seen by many sessions.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SNAPSHOT_H
#define PGCOPY_SNAPSHOT_H

#include "nodes/pg_list.h"
#include "source/session.h"

/* Begin REPEATABLE READ, READ ONLY and export: returns the snapshot's name. */
extern char *pgcopy_snapshot_export(SourceSession *session);

/*
 * Begin, import, export again: returns the new name; NULL, with no transaction
 * open, when the snapshot is gone.  Names come again after a restart of the
 * source, so what the snapshot sees is compared with "content"; NULL: do not.
 */
extern char *pgcopy_snapshot_try_import(SourceSession *session,
										const char *name, const char *content);

/* What the session's snapshot sees: which transactions, as text. */
extern char *pgcopy_snapshot_content(SourceSession *session);

/*
 * Begin a transaction for what is read as it is now, unless one is open.
 * Returns whether it did; end it as below then.
 */
extern bool pgcopy_snapshot_begin_current(SourceSession *session);

/* End the transaction that holds it. Harmless when there is none. */
extern void pgcopy_snapshot_release(SourceSession *session);

/*
 * Lock one relation (quoted, qualified name) in ACCESS SHARE mode, NOWAIT.
 * False when the lock is not to be had now (55P03): the transaction and the
 * snapshot stay usable.
 */
extern bool pgcopy_snapshot_try_lock(SourceSession *session, const char *name);

/*
 * Lock a List of SourceRelation (inventory.h) in ACCESS SHARE mode.  Returns false
 * if one of them is gone.  A lock table of the source that is too small for them
 * is an error (53200) that names the setting.  Waits for locks, interruptibly.
 */
extern bool pgcopy_snapshot_lock_all(SourceSession *session, List *relations);

/*
 * Whether what the snapshot says of the relations is still what is there
 * (DESIGN section 7: filenode and name).  On false *what names the first
 * difference, for a message.
 */
extern bool pgcopy_snapshot_still_true(SourceSession *session, char **what);

#endif							/* PGCOPY_SNAPSHOT_H */
