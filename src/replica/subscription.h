/*-------------------------------------------------------------------------
 *
 * subscription.h
 *	  The subscription of a job that follows its source.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SUBSCRIPTION_H
#define PGCOPY_SUBSCRIPTION_H

#include "access/xlogdefs.h"
#include "nodes/pg_list.h"

typedef struct SubscriptionOrder
{
	const char *name;			/* and of the slot */
	const char *conninfo;		/* secret: a string of libpq */
	List	   *publications;	/* char * */
	int			source_version;
} SubscriptionOrder;

/*
 * Create it, disabled and without a connection to the source; the text that others
 * can see names no password.  In a transaction; returns its OID.
 */
extern Oid	pgcopy_subscription_create(const SubscriptionOrder *order);

/*
 * Let it apply changes to a relation: those that were committed at or after lsn
 * (InvalidXLogRecPtr: all that the slot sends).
 */
extern void pgcopy_subscription_add_relation(Oid subscription, Oid relation, XLogRecPtr lsn);

/* Start and stop its worker, as of the commit. */
extern void pgcopy_subscription_enable(Oid subscription, const char *name);
extern void pgcopy_subscription_disable(Oid subscription, const char *name);

/*
 * Wait, interruptibly, until its worker runs; returns false if it does not within
 * seconds, for want of a slot of max_worker_processes.  Wait until no worker is
 * left; throws after a minute.
 */
extern bool pgcopy_subscription_await_start(Oid subscription);
extern void pgcopy_subscription_await_end(Oid subscription);

/*
 * Drop it without a word to the source, with its replication origin.  In a
 * transaction; does nothing if it is gone.
 */
extern void pgcopy_subscription_drop(const char *name);

/* Its OID; InvalidOid: there is none. */
extern Oid	pgcopy_subscription_find(const char *name);

/* Local OIDs of relations that it applies to, ascending. */
extern List *pgcopy_subscription_relations(Oid subscription);

#endif							/* PGCOPY_SUBSCRIPTION_H */
