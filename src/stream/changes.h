/*-------------------------------------------------------------------------
 *
 * changes.h
 *	  DDL on the source that a stream does not carry: how pictures differ.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_CHANGES_H
#define PGCOPY_CHANGES_H

#include "stream/picture.h"

/*
 * The names of the objects in which two pictures differ, and which may be settled by
 * the same change here: List of char *.  What is not published any more, or not all the
 * time, is none of them, nor are values that are others now.
 */
extern List *pgcopy_changes_list(List *before, List *after);

/*
 * Those of the names that two sorted lists of facts, there and here, have alike, or that
 * neither the second picture nor either list has; sorted.
 */
extern List *pgcopy_changes_find_alike(List *objects, List *before, List *after, List *there,
									   List *here);

/*
 * Say how two pictures differ, the first few differences; NULL: they do not.  settled:
 * names of objects that do not count, sorted.
 */
extern char *pgcopy_changes_describe(List *before, List *after, List *settled);

#endif							/* PGCOPY_CHANGES_H */
