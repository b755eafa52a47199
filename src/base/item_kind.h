/*-------------------------------------------------------------------------
 *
 * item_kind.h
 *	  The kinds of items, and what is true of each.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_ITEM_KIND_H
#define PGCOPY_ITEM_KIND_H

#include "storage/lockdefs.h"

typedef enum ItemKind
{
	ITEM_PRE_DATA,				/* a statement of pre-data, in dump order */
	ITEM_TABLE,					/* the rows of a table or of a chunk */
	ITEM_LARGE_OBJECTS,			/* a range of large objects */
	ITEM_INDEX,					/* CREATE INDEX, or the index of a constraint */
	ITEM_CONSTRAINT,			/* added once the indexes are built */
	ITEM_ANALYZE,
	ITEM_FOREIGN_KEY,			/* ADD FOREIGN KEY ... NOT VALID */
	ITEM_VALIDATE,				/* VALIDATE CONSTRAINT */
	ITEM_SEQUENCE,
	ITEM_POST_DATA,				/* a statement of post-data, in dump order */
	ITEM_REFRESH,				/* REFRESH MATERIALIZED VIEW */
	ITEM_TRUNCATE,				/* empties tables that exist, before rows are copied */
	ITEM_FINAL,					/* event triggers, subscriptions */
	ITEM_ROLE,					/* a role with its settings, or a membership */
	ITEM_DATABASE				/* a property of the database itself */
} ItemKind;

#define ITEM_KINDS (ITEM_DATABASE + 1)

typedef struct ItemTraits
{
	const char *name;			/* in pgcopy.item */
	LOCKMODE	lock;			/* on its relation */
	LOCKMODE	referenced_lock;	/* on the relation it references */
	bool		needs_snapshot; /* reads rows under it: a copy, not a build */
	bool		needs_source;	/* has a session, with or without it */
	bool		is_statement;	/* runs what pgcopy.statement has for it */
	bool		sorts;			/* takes memory of the builds' budget */
	bool		is_batched;		/* small ones are handed out together */
	bool		evaluates;		/* runs functions of the database, without text that
								 * names them, but CREATE INDEX's */
	bool		is_tried;		/* by workers, who mark and record nothing but that it
								 * is done; by the leader if that fails */
	bool		is_of_table;	/* starts over when its table does */
} ItemTraits;

extern const ItemTraits *pgcopy_item_kind_traits(ItemKind kind);

/* Throws an internal error for an unknown name. */
extern ItemKind pgcopy_item_kind_parse(const char *name);

#endif							/* PGCOPY_ITEM_KIND_H */
