/*-------------------------------------------------------------------------
 *
 * following_guard.c
 *	  Make the target read-only for others while it follows (replica/replica_guard.h).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "catalog/notice.h"
#include "replica/replica_guard.h"
#include "run/following.h"

/* Setting and note are of one transaction: whoever finds the one finds the other. */
static void
set_guard(Following *following)
{
	Leader	   *leader = following->leader;
	char	   *before = pgcopy_replica_guard_setting();

	pgcopy_follow_set_guard(leader->job->id, true, before);
	pgcopy_replica_guard_set();
	following->follow->is_guarded = true;
	following->guarded_at = GetCurrentTimestamp();
}

void
pgcopy_following_guard(Following *following)
{
	Leader	   *leader = following->leader;

	if (!leader->job->options.protect_target || following->follow->is_guarded)
		return;
	pgcopy_leader_begin(leader);
	if (pgcopy_replica_guard_is_allowed())
		set_guard(following);
	else
		pgcopy_notice_tell(leader->job->id, "this database",
						   "is not protected: sessions of others may write while it follows",
						   "Only the owner of the database can make it read-only for others.");
	pgcopy_leader_commit(leader);
}

void
pgcopy_following_end_writers(Following *following)
{
	Leader	   *leader = following->leader;
	GuardWriters writers;

	if (following->guarded_at == 0)
		return;
	pgcopy_leader_begin(leader);
	pgcopy_replica_guard_end_writers(following->guarded_at, &writers);
	pgcopy_leader_commit(leader);
	if (writers.ended > 0)
		ereport(LOG,
				(errmsg("job " INT64_FORMAT " ended %d sessions that began before this database became read-only",
						leader->job->id, writers.ended)));
	following->spared = writers.spared;
	if (writers.busy == 0 && writers.ended == 0 && writers.spared == 0)
		following->guarded_at = 0;
}
