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

/* One range to copy, how, and what has come of it. */
typedef struct LargeObjectCopy
{
	Oid			first;
	Oid			last;			/* inclusive */
	bool		no_owner;
	bool		no_privileges;
	bool		no_comments;
	LoadProgress progress;		/* or NULL */
	void	   *progress_arg;

	/* out: the objects created, ascending, and the transaction that did it */
	Oid		   *oids;
	int			count;
	uint64		xid;
} LargeObjectCopy;

/*
 * Cut the source's large objects, as far as they lie in one of the gaps, into
 * ranges of up to "per_range" objects.  The gaps: OID lists of the first and the
 * last number of each, ascending.  No range is empty or reaches over two gaps.
 */
extern List *pgcopy_largeobject_plan(SourceSession *session, List *firsts,
									 List *lasts, int64 per_range);

/*
 * Copy one range in the current transaction; the session must have the
 * snapshot.  An object number that is taken here is an error (42710).  The
 * numbers of what was created are in the current memory context.
 */
extern LoadResult pgcopy_largeobject_copy(SourceSession *session,
										  LargeObjectCopy *copy);

/*
 * Fill the objects that a copy has created (largeobject_content.c).  Returns
 * the bytes that came.  Content of any other object is an error.
 */
extern int64 pgcopy_largeobject_copy_content(SourceSession *session,
											 const LargeObjectCopy *copy);

/*
 * Remove those of "oids" that are known to be the ones that transaction "xid"
 * created; each is locked to the end of the current transaction.  Returns how
 * many others of these numbers are here; *kept: the first of them.
 */
extern int	pgcopy_largeobject_remove(const Oid *oids, int count, uint64 xid,
									  Oid *kept);

#endif							/* PGCOPY_LARGEOBJECT_H */
