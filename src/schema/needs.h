/*-------------------------------------------------------------------------
 *
 * needs.h
 *	  What the statements of a dump need of this server and of the job's role.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_NEEDS_H
#define PGCOPY_NEEDS_H

#include "nodes/pg_list.h"

typedef struct Needs Needs;

/* Make it, empty, in the current memory context, for the current user. */
extern Needs *pgcopy_needs_make(void);

/*
 * Missing roles will be made: do not report them, until the last of these calls
 * says which will not be.  named, owners: char * of all roles that were noted, and of
 * those that the job's role must be able to act as.
 */
extern void pgcopy_needs_expect_roles(Needs *needs);
extern List *pgcopy_needs_named_roles(const Needs *needs);
extern List *pgcopy_needs_owners(const Needs *needs);
extern void pgcopy_needs_roles_made(Needs *needs, const List *made);

/* Look at the statements of the dump, in its order.  Needs a transaction. */
extern void pgcopy_needs_note(Needs *needs, const List *statements);

/* Look at roles that own large objects, or have privileges on them. */
extern void pgcopy_needs_note_owners(Needs *needs, List *names);
extern void pgcopy_needs_note_roles(Needs *needs, List *names);

/*
 * Return what is not met, as a List of Finding in the current memory context.
 * If the job goes on after errors, only what has another way out is an error.
 */
extern List *pgcopy_needs_find(Needs *needs, bool goes_on);

#endif							/* PGCOPY_NEEDS_H */
