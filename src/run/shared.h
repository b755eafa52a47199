/*-------------------------------------------------------------------------
 *
 * shared.h
 *	  What a job clones that belongs to the whole server: roles, the database.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_RUN_SHARED_H
#define PGCOPY_RUN_SHARED_H

#include "run/leader.h"
#include "schema/needs.h"

/*
 * roles.c: say before the dump is read whether missing roles will be made, and which
 * roles the database itself needs.
 */
extern void pgcopy_roles_expect(Leader *leader, Needs *needs);

/*
 * Plan the roles that are to be made: statements, a List of DumpStatement.  Call it
 * when "needs" has seen the dump.  Adds to the findings.
 */
extern List *pgcopy_roles_prepare(Leader *leader, Needs *needs, List **findings);

/*
 * database.c: plan the properties of the database that differ, if the job clones
 * them: a List of DumpStatement.  Tells what only this database has.
 */
extern List *pgcopy_database_plan(Leader *leader);

/* The names of roles that these properties need: a List of char *. */
extern List *pgcopy_database_roles(Leader *leader, bool with_settings);

#endif							/* PGCOPY_RUN_SHARED_H */
