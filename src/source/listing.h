/*-------------------------------------------------------------------------
 *
 * listing.h
 *	  Names of the source's schemas and relations, and of what else pg_dump's
 *	  entries know by name only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_LISTING_H
#define PGCOPY_LISTING_H

#include "nodes/pg_list.h"
#include "source/session.h"

typedef struct ListedObject
{
	Oid			class_oid;		/* that goes, if this object is not cloned */
	Oid			object_oid;
	const char *schema;			/* NULL: it has none */
	const char *name;
	bool		is_member;		/* of an extension */
} ListedObject;

/*
 * List all schemas and all relations that pg_dump can be told to leave out, those
 * of the system apart: List of ListedObject *, schemas first, each in the order of
 * their names.  In the current memory context.
 */
extern List *pgcopy_listing_relations(SourceSession *session);

/*
 * List the members of extensions, each under its extension, then the foreign
 * servers: List of ListedObject *.
 */
extern List *pgcopy_listing_by_name(SourceSession *session);

#endif							/* PGCOPY_LISTING_H */
