/*-------------------------------------------------------------------------
 *
 * object_filter.h
 *	  Which objects of the source count, for code that does not choose them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_OBJECT_FILTER_H
#define PGCOPY_OBJECT_FILTER_H

typedef struct ObjectFilter
{
	/* Does this object count?  And the rows of this relation? */
	bool		(*has) (const void *arg, Oid class_oid, Oid object_oid);
	bool		(*has_rows) (const void *arg, Oid relation);
	const void *arg;
} ObjectFilter;

/* NULL: all objects count. */
static inline bool
pgcopy_filter_has(const ObjectFilter *filter, Oid class_oid, Oid object_oid)
{
	return filter == NULL || filter->has(filter->arg, class_oid, object_oid);
}

static inline bool
pgcopy_filter_has_rows(const ObjectFilter *filter, Oid relation)
{
	return filter == NULL || filter->has_rows(filter->arg, relation);
}

#endif							/* PGCOPY_OBJECT_FILTER_H */
