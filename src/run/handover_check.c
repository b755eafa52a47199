/*-------------------------------------------------------------------------
 *
 * handover_check.c
 *	  What stands in the way of following, on either side.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "replica/replica_needs.h"
#include "run/follow.h"
#include "stream/stream_needs.h"

List *
pgcopy_handover_check(Leader *leader)
{
	const JobOptions *options = &leader->job->options;
	StreamNeeds needs = {
		.only = pgcopy_chosen_relations(leader),
		.publication = options->publication[0] != '\0' ? options->publication : NULL,
		.has_row_filters = options->row_filters != NIL,
		.with_privileges = !options->no_owner && !options->no_privileges,
		.conninfo = pgcopy_link_conninfo(leader->link),
		.application_name = psprintf("pgcopy job " INT64_FORMAT " check", leader->job->id)
	};

	List	   *here = list_concat(list_concat(pgcopy_replica_needs_check_role(leader->job->owner),
											   pgcopy_replica_needs_check_room()),
								   pgcopy_replica_needs_check_timeouts(leader->job->owner));

	return list_concat(here, pgcopy_stream_needs_check(pgcopy_link_session(leader->link), &needs));
}
