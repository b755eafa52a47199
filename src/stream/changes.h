/*-------------------------------------------------------------------------
 *
 * changes.h
 *	  DDL on the source that a stream does not carry.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_CHANGES_H
#define PGCOPY_CHANGES_H

#include "nodes/pg_list.h"
#include "source/session.h"

/*
 * A picture of the definitions of the source's tables, columns, types, indexes,
 * constraints, sequences, views, functions and triggers, as a sorted List of
 * StreamFact *.  only: the relations that are cloned, an oid[]; NULL: all, and then
 * new ones are seen.
 */
typedef struct StreamFact
{
	char	   *object;			/* "table public.t", "column public.t.c" ... */
	char	   *definition;		/* a hash, or short text */
} StreamFact;

extern List *pgcopy_changes_picture(SourceSession *session, const char *only);

/* Say how two pictures differ, the first few differences; NULL: they do not. */
extern char *pgcopy_changes_describe(List *before, List *after);

#endif							/* PGCOPY_CHANGES_H */
