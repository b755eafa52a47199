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

#endif							/* PGCOPY_REPLICA_NEEDS_H */
