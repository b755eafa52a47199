/*-------------------------------------------------------------------------
 *
 * blocked.h
 *	  Who keeps the processes of a job waiting on this server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_BLOCKED_H
#define PGCOPY_BLOCKED_H

/*
 * Say who has kept a process of the job waiting for seconds; NULL: nobody.  With
 * the rights of the caller.  The text is in the current memory context.
 */
extern char *pgcopy_blocked_describe(int64 job);

#endif							/* PGCOPY_BLOCKED_H */
