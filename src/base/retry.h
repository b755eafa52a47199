/*-------------------------------------------------------------------------
 *
 * retry.h
 *	  Whether and when to try again after an error.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_RETRY_H
#define PGCOPY_RETRY_H

/*
 * Whether the failure may pass by itself: a lost connection, a lock, a server
 * that is starting.  The SQLSTATE alone decides.
 */
extern bool pgcopy_retry_is_worth_it(int sqlerrcode);

/* Whether the error says that the source, or a session, is gone. */
extern bool pgcopy_retry_is_loss(int sqlerrcode);

/*
 * Whether the error, if it is the source's, has ended the session's transaction
 * and with it its hold on the snapshot.
 */
extern bool pgcopy_retry_ends_transaction(int sqlerrcode);

/* What an item lacked, as far as its error tells. */
typedef enum RetryNeed
{
	NEED_NOTHING,				/* it fails again, whatever happens */
	NEED_ROWS,					/* maybe rows of other tables */
	NEED_OBJECTS,				/* maybe a search_path, or an object to come */
	NEED_ROUTING				/* another partition takes the row */
} RetryNeed;

/*
 * What may help an item that failed in what it evaluates: in a function, a
 * CHECK, an index expression, the input of a type.  Decided by what the error
 * is not.
 */
extern RetryNeed pgcopy_retry_need(int sqlerrcode);

/* Whether to try an item again that has failed "attempts" times. */
extern bool pgcopy_retry_is_due(int sqlerrcode, int attempts);

/* Milliseconds to wait before attempt number "attempt" (2, 3, ...). */
extern int	pgcopy_retry_delay(int attempt);

#endif							/* PGCOPY_RETRY_H */
