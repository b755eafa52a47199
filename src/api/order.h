/*-------------------------------------------------------------------------
 *
 * order.h
 *	  Checks and steps common to pgcopy_clone() and pgcopy_resume().
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_ORDER_H
#define PGCOPY_ORDER_H

#include "catalog/job.h"
#include "run/process.h"

/*
 * Throw if this server cannot run a job, or the role cannot run one here.
 * action completes the message "cannot ...".
 */
extern void pgcopy_order_check_server(const char *action);
extern void pgcopy_order_check_role(Oid role);

/* Start the leader.  It begins to work when the current transaction commits. */
extern void pgcopy_order_start_leader(const Job *job, ResumeChoice choice);

#endif							/* PGCOPY_ORDER_H */
