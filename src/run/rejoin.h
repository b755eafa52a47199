/*-------------------------------------------------------------------------
 *
 * rejoin.h
 *	  Finding the snapshot again when a session that held it is lost.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_REJOIN_H
#define PGCOPY_REJOIN_H

#include "run/leader.h"

/*
 * Begin a transaction with the job's snapshot, from whichever process holds
 * it.  Returns the name under which this session holds it now, or NULL.
 */
extern char *pgcopy_rejoin_snapshot(SourceSession *session, Control *control,
									const char *content);

/*
 * The leader's session has imported the snapshot: lock what is to be read,
 * and throw 55000 when the source is not what the snapshot says any more.  In
 * a transaction.
 */
extern void pgcopy_leader_hold_snapshot(Leader *leader, const char *name);

/*
 * Ask whether the leader's session is there, and replace a lost one with the
 * snapshot of a worker's.  Throws why it was lost when nobody holds it.
 */
extern void pgcopy_leader_check_session(Leader *leader);

#endif							/* PGCOPY_REJOIN_H */
