/*-------------------------------------------------------------------------
 *
 * order.h
 *	  What ordering a clone and resuming one have in common.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_ORDER_H
#define PGCOPY_ORDER_H

#include "catalog/job.h"
#include "run/process.h"

/*
 * Throw when this server takes no orders, or the role can run no job here.
 * action: what was asked for, as in "cannot clone".
 */
extern void pgcopy_order_check_server(const char *action);
extern void pgcopy_order_check_role(Oid role);

/* Register the leader; it starts when the current transaction commits. */
extern void pgcopy_order_start_leader(const Job *job, ResumeChoice choice);

#endif							/* PGCOPY_ORDER_H */
