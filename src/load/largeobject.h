/*-------------------------------------------------------------------------
 *
 * largeobject.h
 *	  Large objects: content, owner, privileges, comment, labels, in bulk.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_LARGEOBJECT_H
#define PGCOPY_LARGEOBJECT_H

#include "nodes/pg_list.h"
#include "load/load.h"

typedef struct LargeObjectRange
{
	Oid			first;
	Oid			last;			/* inclusive */
	int64		count;
	int64		bytes;			/* estimate */
} LargeObjectRange;

typedef struct LargeObjectOptions
{
	bool		no_owner;
	bool		no_privileges;
	bool		no_comments;
} LargeObjectOptions;

/* Cut the source's large objects into ranges of about "per_range" objects. */
extern List *pgcopy_largeobject_plan(SourceSession *session, int64 per_range);

/*
 * Copy one range in the current transaction; the session must have the
 * snapshot.  An object number that is taken here is an error (42710).
 */
extern LoadResult pgcopy_largeobject_copy(SourceSession *session,
										  const LargeObjectRange *range,
										  const LargeObjectOptions *options,
										  LoadProgress progress, void *arg);

#endif							/* PGCOPY_LARGEOBJECT_H */
