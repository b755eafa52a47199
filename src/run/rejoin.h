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

typedef enum SourceState
{
	SOURCE_IS_THERE,
	SOURCE_IS_AWAY,				/* as leader->outage says */
	SNAPSHOT_IS_GONE			/* it is there, but nobody holds the snapshot */
} SourceState;

/*
 * Ask whether the leader's session is there, and replace a lost one with the
 * snapshot of a worker's.  Where none is needed, see whether the source lets us
 * in.  Throws when it has been away too long.
 */
extern SourceState pgcopy_leader_look_at_source(Leader *leader);

#endif							/* PGCOPY_REJOIN_H */
