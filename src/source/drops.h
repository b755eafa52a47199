/*-------------------------------------------------------------------------
 *
 * drops.h
 *	  What drop_if_exists drops here.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_DROPS_H
#define PGCOPY_DROPS_H

#include "base/finding.h"
#include "nodes/pg_list.h"

/* An object of this database. */
typedef struct DropObject
{
	Oid			class_oid;
	Oid			object_oid;
	char	   *type;			/* as pg_identify_object() has it */
	char	   *identity;
} DropObject;

/*
 * Objects, by a query "what, classid, oid, extension" and a List of the values of
 * "what" that the job creates again: what must be dropped before.  Schemas with other
 * objects stay.
 *
 * Returns findings: notices tell what is dropped and what goes with it as a part.
 * Errors name what depends on it and is not dropped, what is an extension's, and
 * what belongs to another role; and say if the lock table has no room.
 */
extern List *pgcopy_drops_find(const char *objects_sql, List *names, List **dropped);

/* Leave out what is not in the way: large objects, unless they are cloned. */
extern List *pgcopy_drops_choose(List *names, bool with_large_objects);

/*
 * A query for what objects_sql of preflight.c lacks: objects that are in nobody's way,
 * but depend on what is dropped.
 */
extern const char *pgcopy_drops_more_objects(void);

#endif							/* PGCOPY_DROPS_H */
