/*-------------------------------------------------------------------------
 *
 * retry.h
 *	  Whether an error is worth another try.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_RETRY_H
#define PGCOPY_RETRY_H

/*
 * True for failures that may pass by themselves (a lost connection, a lock, a
 * server that is starting), by SQLSTATE class and nothing else.
 */
extern bool pgcopy_retry_is_worth_it(int sqlerrcode);

/* True for those of them that say that the source, or a session, is gone. */
extern bool pgcopy_retry_is_loss(int sqlerrcode);

/* True when an item that has failed with it in that attempt is tried again. */
extern bool pgcopy_retry_is_due(int sqlerrcode, int attempts);

/* How long to wait before attempt number "attempt" (2, 3, ...), in ms. */
extern int	pgcopy_retry_delay(int attempt);

#endif							/* PGCOPY_RETRY_H */
