/*-------------------------------------------------------------------------
 *
 * replica_needs.h
 *	  What this server must have, and a role may do here, to follow a source.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_REPLICA_NEEDS_H
#define PGCOPY_REPLICA_NEEDS_H

#include "base/finding.h"

/* May the role make a subscription here?  List of Finding *. */
extern List *pgcopy_replica_needs_check_role(Oid role);

/* Is there room for one more?  In a transaction; List of Finding *. */
extern List *pgcopy_replica_needs_check_room(void);

/*
 * May timeouts end the subscription's workers?  Called by a background worker of the role
 * that will own it, or by a session that has set none as it began; List of Finding *.
 */
extern List *pgcopy_replica_needs_check_timeouts(Oid role);

#endif							/* PGCOPY_REPLICA_NEEDS_H */
