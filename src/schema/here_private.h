/*-------------------------------------------------------------------------
 *
 * here_private.h
 *	  Shared by the files here*.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_HERE_PRIVATE_H
#define PGCOPY_HERE_PRIVATE_H

#include "base/finding.h"
#include "schema/here.h"
#include "source/inventory.h"

/* A local table that takes rows. */
typedef struct HereTarget
{
	Oid			relid;
	char		relkind;
	Oid			relation;		/* the source's relation of its name */
	List	   *senders;		/* SourceRelation * */
	bool		has_rows_to_come;	/* at least one block of the source */
} HereTarget;

/* Append to a list of names, unless it is there. */
extern void pgcopy_here_note(List **names, char *name);

/* Quoted and qualified name of a local relation. */
extern char *pgcopy_here_name(Oid relid);

/* Make one finding about names; NIL if there are none.  %d is their number. */
extern List *pgcopy_here_report(List *names, const Finding *texts, const char *one);

/* here_names.c: append the most similar names of this database to each. */
extern List *pgcopy_here_names_add_nearest(List *names);

/* here_columns.c: does each target take the columns that are sent to it? */
extern List *pgcopy_here_columns_check(List *targets);

/* here_state.c: rights, row security, rows that are here. */
extern List *pgcopy_here_state_check(const HereRequest *request, List *targets);

/*
 * here_keys.c: order the senders by foreign keys, find cycles and, to truncate, the
 * trees of foreign keys.
 */
extern List *pgcopy_here_keys_check(const HereRequest *request, List *targets,
									List **trees);

#endif							/* PGCOPY_HERE_PRIVATE_H */
