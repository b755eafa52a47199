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
	bool		exists;			/* the subscription */
	bool		is_enabled;
	int			pid;			/* of the worker; 0: it does not run */
	XLogRecPtr	received;
	XLogRecPtr	ended;			/* all before is applied and visible (latest_end_lsn);
								 * 0: not known */
	XLogRecPtr	committed;		/* the end of the last transaction that was applied, which
								 * may not be visible yet; survives a crash; 0: none */
	int			tables;
	int			waiting;		/* of them not in state "r" */
	int64		errors;			/* of apply so far; -1: not counted before 15 */
} Applied;

/* In a transaction. */
extern void pgcopy_applied_look(Oid subscription, Applied *applied);

/*
 * The last error of a worker of the subscription, into the current memory context; NULL:
 * none since the server started, or the library is not in shared_preload_libraries.  For
 * those who may see the job only: it can hold values of a key, as the server log does.
 */
extern char *pgcopy_applied_last_error(Oid subscription);
extern bool pgcopy_applied_keeps_errors(void);

/* Keep errors of workers from now on; while preloaded libraries load. */
extern void pgcopy_applied_keep_errors(void);

#endif							/* PGCOPY_APPLIED_H */
