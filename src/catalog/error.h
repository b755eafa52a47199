/*-------------------------------------------------------------------------
 *
 * error.h
 *	  pgcopy.error and pgcopy.snapshot.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_ERROR_H
#define PGCOPY_ERROR_H

/*
 * Record an error of a job, complete, in the current transaction.  item: 0
 * when it belongs to none.  is_final: it is not tried again.  statement: SQL
 * text to show, or NULL; never one that holds a secret.
 */
extern void pgcopy_error_insert(int64 job, int item, bool is_final,
								const ErrorData *error,
								const char *object, const char *statement);

/*
 * Record a snapshot; returns its number.  content: what it sees, to know it
 * again (source/snapshot.h).
 */
extern int	pgcopy_snapshot_insert(int64 job, const char *name,
								   const char *content);

extern char *pgcopy_snapshot_fetch_content(int64 job, int no);

/* The same snapshot is held under another name now. */
extern void pgcopy_snapshot_rename(int64 job, int no, const char *name);
extern void pgcopy_snapshot_mark_released(int64 job);

#endif							/* PGCOPY_ERROR_H */
