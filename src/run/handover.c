/*-------------------------------------------------------------------------
 *
 * handover.c
 *	  Begin the stream, and hand the copied tables over to it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "run/follow.h"

char *
pgcopy_handover_give_snapshot(void *arg)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("following is not built yet")));
	return NULL;
}

void
pgcopy_handover_subscribe(Leader *leader)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("following is not built yet")));
}
