/*-------------------------------------------------------------------------
 *
 * retry.c
 *	  Whether and when to try again after an error.
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
pgcopy_retry_is_loss(int sqlerrcode)
{
	/* 08: lost or refused; a protocol violation would happen again */
	if (ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_CONNECTION_EXCEPTION)
		return sqlerrcode != ERRCODE_PROTOCOL_VIOLATION;

	switch (sqlerrcode)
	{
		case ERRCODE_CANNOT_CONNECT_NOW:
		case ERRCODE_ADMIN_SHUTDOWN:
		case ERRCODE_CRASH_SHUTDOWN:
		case ERRCODE_IDLE_IN_TRANSACTION_SESSION_TIMEOUT:
			return true;
	}
	return false;
}

/* 40: deadlock, conflict; a standby ends idle sessions with it, by FATAL */
bool
pgcopy_retry_ends_transaction(int sqlerrcode)
{
	return pgcopy_retry_is_loss(sqlerrcode) ||
		ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_TRANSACTION_ROLLBACK;
}

bool
pgcopy_retry_is_worth_it(int sqlerrcode)
{
	if (pgcopy_retry_ends_transaction(sqlerrcode))
		return true;

	switch (sqlerrcode)
	{
		case ERRCODE_LOCK_NOT_AVAILABLE:
		case ERRCODE_TOO_MANY_CONNECTIONS:
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
 * Double the delay with each attempt.  Add up to a quarter at random, so that
 * workers that lost the same source do not come back all at once.
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
