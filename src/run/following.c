/*-------------------------------------------------------------------------
 *
 * following.c
 *	  Keep an eye on a target that follows its source.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "run/follow.h"

void
pgcopy_following_run(Leader *leader)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("following is not built yet")));
}
