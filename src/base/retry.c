/*-------------------------------------------------------------------------
 *
 * retry.c
 *	  Whether an error is worth another try, and when.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/retry.h"
#include "base/settings.h"

#define FIRST_DELAY 200			/* ms */
#define LONGEST_DELAY 10000		/* ms */

bool
pgcopy_retry_is_worth_it(int sqlerrcode)
{
	switch (ERRCODE_TO_CATEGORY(sqlerrcode))
	{
		case ERRCODE_CONNECTION_EXCEPTION:	/* 08: lost, refused */
		case ERRCODE_TRANSACTION_ROLLBACK:	/* 40: deadlock, conflict */
			return true;
	}

	switch (sqlerrcode)
	{
		case ERRCODE_LOCK_NOT_AVAILABLE:
		case ERRCODE_TOO_MANY_CONNECTIONS:
		case ERRCODE_CANNOT_CONNECT_NOW:
		case ERRCODE_ADMIN_SHUTDOWN:
		case ERRCODE_CRASH_SHUTDOWN:
		case ERRCODE_IDLE_IN_TRANSACTION_SESSION_TIMEOUT:
		case ERRCODE_QUERY_CANCELED:
			return true;
	}
	return false;
}

bool
pgcopy_retry_is_due(int sqlerrcode, int attempts)
{
	return pgcopy_retry_is_worth_it(sqlerrcode) &&
		attempts < pgcopy_setting_max_attempts;
}

/*
 * Doubles from try to try, with up to a quarter of jitter, so that workers
 * that lost the same source do not come back all at once.
 */
int
pgcopy_retry_delay(int attempt)
{
	int			delay = FIRST_DELAY;

	for (int i = 2; i < attempt && delay < LONGEST_DELAY; i++)
		delay *= 2;
	delay = Min(delay, LONGEST_DELAY);
	return delay + (int) (pgcopy_random_fraction() * delay / 4);
}
