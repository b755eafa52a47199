/*-------------------------------------------------------------------------
 *
 * existing_private.h
 *	  Shared by the files existing*.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_EXISTING_PRIVATE_H
#define PGCOPY_EXISTING_PRIVATE_H

#include "nodes/nodes.h"
#include "utils/hsearch.h"

#include "schema/here.h"

typedef enum ObjectKind
{
	OBJECT_KIND_NONE,			/* nothing that is compared */
	OBJECT_KIND_INDEX = 'i',	/* without those of constraints */
	OBJECT_KIND_CONSTRAINT = 'c',
	OBJECT_KIND_DOMAIN_CONSTRAINT = 'd',
	OBJECT_KIND_TRIGGER = 't',
	OBJECT_KIND_RULE = 'r',
	OBJECT_KIND_POLICY = 'p',
	OBJECT_KIND_STATISTICS = 's',
	OBJECT_KIND_MATVIEW = 'v',
	OBJECT_KIND_EVENT_TRIGGER = 'e',
	OBJECT_KIND_PUBLICATION = 'b',
	OBJECT_KIND_MEMBER = 'm',	/* a table of a publication */
	OBJECT_KIND_SUBSCRIPTION = 'u'
} ObjectKind;

/* What a statement makes: where, its name, and its definition without the name. */
typedef struct ObjectDefinition
{
	ObjectKind	kind;
	const char *schema;			/* of the relation, "" if there is none */
	const char *relation;		/* that it is on, "" if there is none */
	const char *name;
	Node	   *definition;		/* compare with equal(); NULL: the name says all */
} ObjectDefinition;

/* An object of this database. */
typedef struct ObjectHere
{
	ObjectDefinition object;
	bool		is_valid;
	bool		is_taken;		/* found for a statement */
} ObjectHere;

/*
 * existing_parse.c: say what a statement makes.  Text need not be terminated.
 * Throws if it is not one statement.
 */
extern ObjectDefinition pgcopy_existing_parse(const char *text, size_t length);

/* Say what index a constraint with one makes, before it is the constraint's. */
extern ObjectDefinition pgcopy_existing_parse_index(const char *text, size_t length);

/* What a definition says in words: "index public.i on public.t". */
extern char *pgcopy_existing_parse_words(const ObjectDefinition *object);

/* existing_read.c: read the objects of this database; by kind and relation. */
extern HTAB *pgcopy_existing_read(void);

/* List of ObjectHere * on the relation that "object" is on. */
extern List *pgcopy_existing_read_find(HTAB *here, const ObjectDefinition *object);

#endif							/* PGCOPY_EXISTING_PRIVATE_H */
