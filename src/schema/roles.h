/*-------------------------------------------------------------------------
 *
 * roles.h
 *	  Make the roles of the source here that are missing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SCHEMA_ROLES_H
#define PGCOPY_SCHEMA_ROLES_H

#include "base/role_facts.h"
#include "schema/shared.h"
#include "source/session.h"

/* Which roles, by their names: lists of char *. */
typedef struct RolesRequest
{
	bool		all;			/* all of the source's server, else those named and
								 * what they are members of */
	List	   *names;
	List	   *owners;			/* what the job's role must be a member of, if it
								 * makes them and is no superuser */
	bool		no_comments;
	bool		no_labels;
} RolesRequest;

typedef struct RolesPlan
{
	List	   *statements;		/* DumpStatement *: a role each, then memberships */
	List	   *created;		/* char *: roles that they make */
	List	   *findings;		/* Finding *: what differs, what is left out and why; an
								 * error if the current user may not make roles */
} RolesPlan;

/*
 * Read the roles of the source and compare them with those of this server; change
 * nothing.  In the current memory context; secret.  Needs a transaction.
 */
extern RolesPlan *pgcopy_roles_plan(SourceSession *session, const RolesRequest *request);

/*
 * The rest is shared by the files of roles.
 */
typedef struct Role
{
	char		name[NAMEDATALEN];	/* hash key */
	List	   *facts;			/* RoleFact * */
	bool		is_kept;
	bool		is_created;
} Role;

/* roles_facts.c: the roles of a server, by name, and as a list in order. */
typedef struct RoleSet
{
	struct HTAB *by_name;
	List	   *roles;			/* Role * */
	List	   *too_long;		/* char *: names that do not fit */
} RoleSet;

extern RoleSet *pgcopy_roles_collect(List *facts);
extern RoleSet *pgcopy_roles_here(void);
extern Role *pgcopy_roles_find(const RoleSet *set, const char *name);

/* The role's fact of a kind and name; NULL: none. */
extern const RoleFact *pgcopy_roles_fact(const Role *role, const char *kind, const char *name);

/* roles_text.c: an attribute as CREATE ROLE takes it, with the value it is to have. */
extern char *pgcopy_roles_attribute(const RoleFact *fact, const char *value);

/* The statement that gives a role this fact.  grantor: of a membership, or NULL. */
extern char *pgcopy_roles_statement(const RoleFact *fact, const char *grantor);

/*
 * roles_compare.c: tell how a role that is here differs from the same in a set: a
 * List of Finding.  Memberships in roles that are to be made are none: they come with
 * these.
 */
extern List *pgcopy_roles_compare(const RoleSet *set, const Role *there,
								  const Role *here, const RolesRequest *request);

#endif							/* PGCOPY_SCHEMA_ROLES_H */
