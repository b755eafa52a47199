/*-------------------------------------------------------------------------
 *
 * dump_filter.h
 *	  Tell pg_dump by name which schemas and relations to leave out.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_DUMP_FILTER_H
#define PGCOPY_DUMP_FILTER_H

#include "nodes/pg_list.h"

/* A schema, or a relation in one. */
typedef struct DumpName
{
	const char *schema;
	const char *name;			/* NULL: the schema itself */
	bool		is_kept;
} DumpName;

/*
 * Make pg_dump's switches that leave out exactly the names that are not kept: List
 * of char *.  "names" has all schemas and relations of the source but the system's;
 * a schema that is not kept takes all in it along.  is_exact: the source divides
 * names into the same characters as this database's encoding.
 */
extern List *pgcopy_dump_filter_make(List *names, bool is_exact);

#endif							/* PGCOPY_DUMP_FILTER_H */
