/*-------------------------------------------------------------------------
 *
 * references.h
 *	  Prove that the rows of a table refer to rows of another one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_REFERENCES_H
#define PGCOPY_REFERENCES_H

#include "access/attnum.h"

/* A column of a table: a smallint, integer or bigint. */
typedef struct ReferenceColumn
{
	Oid			table;
	AttrNumber	number;
} ReferenceColumn;

/*
 * Return NULL if each value of "from" that is not null is one of "to", else why that
 * is not proved.  The caller has locked both tables.  Takes "limit" bytes at most.
 */
extern const char *pgcopy_references_prove(const ReferenceColumn *from,
										   const ReferenceColumn *to, Size limit);

#endif							/* PGCOPY_REFERENCES_H */
