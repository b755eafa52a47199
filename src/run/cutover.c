/*-------------------------------------------------------------------------
 *
 * cutover.c
 *	  End following: the target becomes the primary.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "run/follow.h"

void
pgcopy_cutover_finish(Leader *leader)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("following is not built yet")));
}
