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
#include "load/table.h"
#include "source/inventory.h"
#include "source/session.h"

/* A range to copy, how to, and the result. */
typedef struct LargeObjectCopy
{
	Oid			first;
	Oid			last;			/* inclusive */
	bool		no_owner;
	bool		no_privileges;
	bool		no_comments;
	LoadProgress progress;		/* or NULL */
	void	   *progress_arg;

	/* out: the objects created, ascending, and the creating transaction */
	Oid		   *oids;
	int			count;
	uint64		xid;
} LargeObjectCopy;

/*
 * Divide the source's large objects into ranges of up to "per_range" objects.
 * Consider only those from firsts[i] to lasts[i], which ascend (OID lists); no
 * range is empty or spans two of these intervals.
 */
extern List *pgcopy_largeobject_plan(SourceSession *session, List *firsts,
									 List *lasts, int64 per_range);

/*
 * Copy one range in the current transaction; the session must have the
 * snapshot.  Throws 42710 if an object exists here already.  copy->oids is
 * allocated in the current memory context.
 */
extern LoadResult pgcopy_largeobject_copy(SourceSession *session,
										  LargeObjectCopy *copy);

/*
 * Fill the objects that a copy has created; return the bytes received.  Throws
 * if the source sends content of any other object.
 */
extern int64 pgcopy_largeobject_copy_content(SourceSession *session,
											 const LargeObjectCopy *copy);

/*
 * Remove those of "oids" that transaction "xid" is known to have created.  Each
 * stays locked until the current transaction ends.  Returns how many others
 * exist, and the first of them in *kept.
 */
extern int	pgcopy_largeobject_remove(const Oid *oids, int count, uint64 xid,
									  Oid *kept);

#endif							/* PGCOPY_LARGEOBJECT_H */
