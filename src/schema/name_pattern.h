/*-------------------------------------------------------------------------
 *
 * name_pattern.h
 *	  Patterns of pg_dump that stand for many names.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_NAME_PATTERN_H
#define PGCOPY_NAME_PATTERN_H

#include "nodes/pg_list.h"

/* Make patterns for these names, or for all but these: List of char *. */
extern List *pgcopy_name_pattern_make(List *names, bool is_complement);

/*
 * Make patterns for the names left out, in the shorter way.  is_exact: the source
 * divides names into the same characters; else only ASCII is certain.
 */
extern List *pgcopy_name_pattern_make_shorter(List *kept, List *left, bool is_exact);

#endif							/* PGCOPY_NAME_PATTERN_H */
