/*-------------------------------------------------------------------------
 *
 * guard.h
 *	  Keep others from writing into a database that follows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_REPLICA_GUARD_H
#define PGCOPY_REPLICA_GUARD_H

/*
 * The value of default_transaction_read_only that this database has by ALTER
 * DATABASE; NULL: none.  Set it to on, and back to what it was.  Sessions notice
 * when they begin.  In a transaction.
 */
extern char *pgcopy_replica_guard_setting(void);
extern void pgcopy_replica_guard_set(void);
extern void pgcopy_replica_guard_lift(const char *before);

/* End client sessions that began before the guard was set and could still write. */
extern int	pgcopy_replica_guard_end_writers(void);

#endif							/* PGCOPY_REPLICA_GUARD_H */
