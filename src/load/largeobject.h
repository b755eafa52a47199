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
	const char *only;			/* only these of the range, an oid[]; NULL: all */
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

/* SQL for copy->only: " AND column = ANY (...)", or "". */
extern const char *pgcopy_largeobject_restriction(const LargeObjectCopy *copy,
												  const char *column);

/*
 * largeobject_changes.c: the source's large objects, and those that may have changed,
 * ascending.  Changed are those that transactions from "xmin" on have written, if the
 * role may read pg_largeobject; else those whose content here differs.  And those
 * whose comment or label differs.
 */
extern List *pgcopy_largeobject_list(SourceSession *session);
extern List *pgcopy_largeobject_find_written(SourceSession *session, int64 xmin);
extern List *pgcopy_largeobject_find_remarked(SourceSession *session, bool no_comments);

/* Is an OID in such a list? */
extern bool pgcopy_largeobject_is_member(const List *oids, Oid oid);

/*
 * How often large objects were written, as text to compare, with the size of
 * all content; NULL if the source cannot be relied on to count that.
 */
extern char *pgcopy_largeobject_counters(SourceSession *session, int64 *bytes);

/*
 * Remove those of "oids" that transaction "xid" is known to have created.  Each
 * stays locked until the current transaction ends.  Returns how many others
 * exist, and the first of them in *kept.
 */
extern int	pgcopy_largeobject_remove(const Oid *oids, int count, uint64 xid,
									  Oid *kept);

#endif							/* PGCOPY_LARGEOBJECT_H */
