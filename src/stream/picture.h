/*-------------------------------------------------------------------------
 *
 * picture.h
 *	  The definitions of a database as a stream of changes needs them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_PICTURE_H
#define PGCOPY_PICTURE_H

#include "nodes/pg_list.h"
#include "source/session.h"

/*
 * A picture is a sorted List of StreamFact *: the tables, columns, types, indexes,
 * constraints, sequences, views, functions, triggers ... of the source, and what is
 * published of them.
 */
typedef struct StreamFact
{
	char	   *object;			/* "table public.t", "column c of table public.t" ... */
	char	   *definition;		/* a hash */
} StreamFact;

typedef struct PictureScope
{
	const char *only;			/* the relations that are cloned, an oid[]; NULL: all, and
								 * then new ones are seen */
	const char *publications;	/* a text[] */
} PictureScope;

extern List *pgcopy_picture_read(SourceSession *session, const PictureScope *scope);

/*
 * Facts of some objects (their names, a text[]) to compare with those of this database,
 * which the query gives: with five parameters, NULL::oid[], publications, the OID of the
 * subscription, the job, and the same names.  Versions may write the same differently.
 * An object that is not there has no fact.
 */
extern List *pgcopy_picture_spell(SourceSession *session, const PictureScope *scope,
								  const char *objects);
extern char *pgcopy_picture_write_query_here(void);

#endif							/* PGCOPY_PICTURE_H */
