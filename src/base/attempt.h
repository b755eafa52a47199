/*-------------------------------------------------------------------------
 *
 * attempt.h
 *	  Do something under a savepoint, so that an error does not end the transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_ATTEMPT_H
#define PGCOPY_ATTEMPT_H

/* What is done.  It begins in the caller's memory context. */
typedef void (*AttemptWork) (void *arg);

/*
 * Run it: what it has done stays, unless it throws.  Rehearse it: nothing stays.  Returns
 * the error, in the current memory context; NULL: none.
 */
extern ErrorData *pgcopy_attempt_run(AttemptWork work, void *arg);
extern ErrorData *pgcopy_attempt_rehearse(AttemptWork work, void *arg);

#endif							/* PGCOPY_ATTEMPT_H */
