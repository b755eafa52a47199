/*-------------------------------------------------------------------------
 *
 * order.h
 *	  Checks and steps common to the functions that take or order a job.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_ORDER_H
#define PGCOPY_ORDER_H

#include "fmgr.h"

#include "catalog/job.h"
#include "run/process.h"

/* Return the first argument, the number of a job; throws for NULL. */
extern int64 pgcopy_order_get_job(FunctionCallInfo fcinfo);

/*
 * Read the options of a function's arguments from "first" on: each is the option
 * of its name.  Throws if they contradict each other.  In pgcopy_clone_server()
 * database_properties may be NULL.
 */
extern void pgcopy_order_get_options(FunctionCallInfo fcinfo, int first,
									 JobOptions *options);

/*
 * Throw if this server cannot run a job, or the role cannot run one here.
 * action completes the message "cannot ...".
 */
extern void pgcopy_order_check_server(const char *action);
extern void pgcopy_order_check_role(Oid role);

/* Start the leader.  It begins to work when the current transaction commits. */
extern void pgcopy_order_start_leader(const Job *job, ResumeChoice choice);

#endif							/* PGCOPY_ORDER_H */
