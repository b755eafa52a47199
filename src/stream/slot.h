/*-------------------------------------------------------------------------
 *
 * slot.h
 *	  Logical replication slots on the source, and snapshots that have a position.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SLOT_H
#define PGCOPY_SLOT_H

#include "access/xlogdefs.h"
#include "nodes/pg_list.h"
#include "source/session.h"

/*
 * Open a session that speaks the replication protocol with the source's database,
 * as pgcopy_session_open() does in all else; it takes simple queries and replication
 * commands only.  Throws with a hint about what stands in the way: the role's
 * REPLICATION, pg_hba.conf, max_wal_senders, a pooler, a standby.
 */
extern SourceSession *pgcopy_slot_connect(const SourceConninfo *conninfo,
										  const char *application_name);

#define SLOT_TEMPORARY	0x01	/* it goes when the replication session closes */
#define SLOT_EXPORTS	0x02	/* a snapshot */

/*
 * Create a slot for pgoutput.  If it exports, *snapshot is the name of a snapshot
 * that sees just what was committed before *lsn; it lives until the replication
 * session runs another command or closes.  Returns false, without a slot, if the
 * source says that the initial snapshot is too large (40001).  Waits for all
 * transactions that write anywhere in the source's server; the session's wait
 * callback may tell for whom (pgcopy_slot_holders()).  When cancelled, the slot is gone.
 */
extern bool pgcopy_slot_create(SourceSession *replication, const char *name, int flags,
							   char **snapshot, XLogRecPtr *lsn);

/*
 * Take a snapshot whose position is known without a slot: "locker" locks the tables
 * (quoted, qualified names: List of char *) in SHARE mode while "reader" begins
 * REPEATABLE READ, READ ONLY and exports; then locker's transaction ends.  What the
 * snapshot sees of these tables is just what was committed before *lsn, if the slot
 * is older.  Returns the name; or NULL, with no transaction open, if the locks were
 * not to be had: each within lock_ms and all within four times that, in three tries.
 * If it throws, locker is closed.
 */
extern char *pgcopy_slot_snapshot_by_lock(SourceSession *locker, SourceSession *reader,
										  List *tables, int lock_ms, XLogRecPtr *lsn);

/*
 * Drop a slot, if it exists; ends its walsender first, if any is left, and tries
 * for some seconds.
 */
extern void pgcopy_slot_drop(SourceSession *session, const char *name);

/* What the source says of a slot, and where its WAL is. */
typedef struct SlotStatus
{
	bool		exists;
	bool		is_active;
	char		wal_status[16]; /* "" before 13 */
	int64		safe_wal_size;	/* bytes until it is lost; -1: no limit, or not known */
	int64		retained_bytes;
	XLogRecPtr	confirmed_flush;
	XLogRecPtr	source_lsn;		/* the source's present position */
	char		reason[64];		/* of its invalidation, from 16 on; or "" */
} SlotStatus;

extern void pgcopy_slot_look(SourceSession *session, const char *name, SlotStatus *status);

/*
 * Who holds up the creation of a slot: transactions that write in any database, and
 * prepared ones, the oldest first; a line each (pid, role, database, age, gid), as
 * far as the role may see: List of char *.
 */
extern List *pgcopy_slot_holders(SourceSession *session);

#endif							/* PGCOPY_SLOT_H */
