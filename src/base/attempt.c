/*-------------------------------------------------------------------------
 *
 * attempt.c
 *	  Do something under a savepoint, so that an error does not end the transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "base/attempt.h"

/* How a savepoint ends if nothing was thrown. */
typedef void (*EndSavepoint) (void);

static ErrorData *
attempt(AttemptWork work, void *arg, EndSavepoint end)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		work(arg);
		end();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return error;
}

ErrorData *
pgcopy_attempt_run(AttemptWork work, void *arg)
{
	return attempt(work, arg, ReleaseCurrentSubTransaction);
}

ErrorData *
pgcopy_attempt_rehearse(AttemptWork work, void *arg)
{
	return attempt(work, arg, RollbackAndReleaseCurrentSubTransaction);
}
