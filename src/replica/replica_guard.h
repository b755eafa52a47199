/*-------------------------------------------------------------------------
 *
 * replica_guard.h
 *	  Keep others from writing into a database that follows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_REPLICA_GUARD_H
#define PGCOPY_REPLICA_GUARD_H

#include "datatype/timestamp.h"

/*
 * The value of default_transaction_read_only that this database has by ALTER
 * DATABASE; NULL: none.  Set it to on, and back to what it was.  Sessions notice
 * when they begin.  In a transaction, which may be read-only; whoever calls must own
 * the database.
 */
extern char *pgcopy_replica_guard_setting(void);
extern void pgcopy_replica_guard_set(void);
extern void pgcopy_replica_guard_lift(const char *before);
extern bool pgcopy_replica_guard_is_allowed(void);

/* Client sessions of this database that began before the guard was set. */
typedef struct GuardWriters
{
	int			ended;			/* now: they were between transactions */
	int			busy;			/* to be ended once they are */
	int			spared;			/* superusers', our own role's, or not ours to end; but
								 * for those that have asked something of this extension */
} GuardWriters;

/*
 * End those that began before "since" and are idle.  In a transaction of a process
 * of ours.
 */
extern void pgcopy_replica_guard_end_writers(TimestampTz since, GuardWriters *writers);

#endif							/* PGCOPY_REPLICA_GUARD_H */
