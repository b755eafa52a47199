/*-------------------------------------------------------------------------
 *
 * here.h
 *	  Tables of this database that a job loads or builds on, but does not create.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_HERE_H
#define PGCOPY_HERE_H

#include "nodes/pg_list.h"

typedef struct HereRequest
{
	List	   *relations;		/* SourceRelation, in the order of their OIDs */
	const List *schema_map;		/* OptionPair *: where they are here */
	bool		with_data;		/* rows are loaded */
	bool		truncates;
	bool		appends;
} HereRequest;

/* Tables to empty by one statement, since foreign keys are between them. */
typedef struct HereTree
{
	char	   *schema;			/* of the first one */
	char	   *name;
	char	   *sql;			/* TRUNCATE, without CASCADE */
} HereTree;

/*
 * Find the local namesakes of the source's relations, by name and the schema they
 * have here, and with data the local tables that take their rows.  Sets what
 * inventory.h says.  With
 * truncates, *trees becomes a List of HereTree.
 *
 * Returns what stands in the way, as a List of Finding in the current memory
 * context: tables and columns that are missing, rights, row security, rows, foreign
 * keys.  Changes nothing.  Needs a transaction and a snapshot.
 */
extern List *pgcopy_here_match(const HereRequest *request, List **trees);

/*
 * existing.c: set "presence" of each DumpStatement of post-data.  Returns what stands
 * in the way, as a List of Finding in the current memory context: names that are here
 * with another definition, relations that are not here; and notices about what is here
 * under another name.  Needs a transaction and a snapshot.
 */
extern List *pgcopy_existing_mark(List *statements);

#endif							/* PGCOPY_HERE_H */
