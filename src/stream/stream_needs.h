/*-------------------------------------------------------------------------
 *
 * stream_needs.h
 *	  What a source must have, and its role may do, so that it can be followed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_STREAM_NEEDS_H
#define PGCOPY_STREAM_NEEDS_H

#include "base/finding.h"
#include "source/session.h"

typedef struct StreamNeeds
{
	const char *only;			/* relations that are cloned, an oid[]; NULL: all */
	const char *publication;	/* that is there; NULL: one is to be made */
	bool		has_row_filters;
	bool		with_privileges;	/* owners and their rights are cloned */
	const SourceConninfo *conninfo; /* to try the replication protocol with */
	const char *application_name;
} StreamNeeds;

/* What one look at settings shows: List of Finding *. */
extern List *pgcopy_stream_needs_check_settings(SourceSession *session);

/* All there is: List of Finding *. */
extern List *pgcopy_stream_needs_check(SourceSession *session, const StreamNeeds *needs);

#endif							/* PGCOPY_STREAM_NEEDS_H */
