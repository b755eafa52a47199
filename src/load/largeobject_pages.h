/*-------------------------------------------------------------------------
 *
 * largeobject_pages.h
 *	  Content of large objects, from the wire into pg_largeobject.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_LARGEOBJECT_PAGES_H
#define PGCOPY_LARGEOBJECT_PAGES_H

#include "load/largeobject.h"

/*
 * Fill the objects that a copy has created.  Returns the bytes that came.
 * Content of any other object is an error.
 */
extern int64 pgcopy_largeobject_copy_content(SourceSession *session,
											 const LargeObjectCopy *copy);

#endif							/* PGCOPY_LARGEOBJECT_PAGES_H */
