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

/* Does the error say that a name, or what it was to name, was not found? */
static bool
is_not_found(int sqlerrcode)
{
	switch (sqlerrcode)
	{
		case ERRCODE_UNDEFINED_FUNCTION:
		case ERRCODE_UNDEFINED_TABLE:
		case ERRCODE_UNDEFINED_COLUMN:
		case ERRCODE_UNDEFINED_OBJECT:
		case ERRCODE_INVALID_SCHEMA_NAME:
			/* found another of that name: in pg_catalog */
		case ERRCODE_WRONG_OBJECT_TYPE:
		case ERRCODE_AMBIGUOUS_FUNCTION:
		case ERRCODE_AMBIGUOUS_COLUMN:
		case ERRCODE_DATATYPE_MISMATCH:
		case ERRCODE_CANNOT_COERCE:
		case ERRCODE_INDETERMINATE_DATATYPE:
			/* a view whose GROUP BY waits for a primary key */
		case ERRCODE_GROUPING_ERROR:
			return true;
	}
	return false;
}

/*
 * Could rows of other tables make a difference?  A function can raise anything,
 * so these are the errors that are not about data: of the server, the session,
 * the statement; of bytes that are wrong by themselves; of keys, which other
 * tables do not make unique.
 */
static bool
is_not_about_rows(int sqlerrcode)
{
	switch (sqlerrcode)
	{
		case ERRCODE_CHARACTER_NOT_IN_REPERTOIRE:
		case ERRCODE_UNTRANSLATABLE_CHARACTER:
		case ERRCODE_INVALID_BINARY_REPRESENTATION:
		case ERRCODE_BAD_COPY_FILE_FORMAT:
		case ERRCODE_UNIQUE_VIOLATION:
		case ERRCODE_EXCLUSION_VIOLATION:
		case ERRCODE_FOREIGN_KEY_VIOLATION:
		case ERRCODE_DATA_CORRUPTED:
		case ERRCODE_INDEX_CORRUPTED:
			return true;
		case ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE:
			return false;
	}
	switch (ERRCODE_TO_CATEGORY(sqlerrcode))
	{
		case ERRCODE_CONNECTION_EXCEPTION:
		case ERRCODE_FEATURE_NOT_SUPPORTED:
		case ERRCODE_INVALID_CURSOR_STATE:
		case ERRCODE_INVALID_TRANSACTION_STATE:
		case ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION:
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION:
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_PROGRAM_LIMIT_EXCEEDED:
		case MAKE_SQLSTATE('5', '5', '0', '0', '0'):	/* object in use ... */
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_SYSTEM_ERROR:
		case ERRCODE_CONFIG_FILE_ERROR:
			return true;
	}
	return false;
}

RetryNeed
pgcopy_retry_need(int sqlerrcode)
{
	if (is_not_found(sqlerrcode))
		return NEED_OBJECTS;
	return is_not_about_rows(sqlerrcode) ? NEED_NOTHING : NEED_ROWS;
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
