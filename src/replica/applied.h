/*-------------------------------------------------------------------------
 *
 * applied.h
 *	  How far a subscription is, and what its worker says.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_APPLIED_H
#define PGCOPY_APPLIED_H

#include "access/xlogdefs.h"

typedef struct Applied
{
	int			pid;			/* of the worker; 0: it does not run */
	XLogRecPtr	received;
	XLogRecPtr	ended;			/* all before is applied (latest_end_lsn); 0: not known */
	int			tables;
	int			waiting;		/* of them not in state "r" */
	int64		errors;			/* of apply so far; -1: not counted before 15 */
} Applied;

/* In a transaction. */
extern void pgcopy_applied_look(Oid subscription, Applied *applied);

/*
 * The last error of the subscription's worker, into the current memory context; NULL:
 * none, or the library is not in shared_preload_libraries.
 */
extern char *pgcopy_applied_last_error(Oid subscription);

/* Keep errors of workers from now on; while preloaded libraries load. */
extern void pgcopy_applied_keep_errors(void);

#endif							/* PGCOPY_APPLIED_H */
