/*-------------------------------------------------------------------------
 *
 * roles.h
 *	  The roles of the source's server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SOURCE_ROLES_H
#define PGCOPY_SOURCE_ROLES_H

#include "nodes/pg_list.h"

#include "source/session.h"

/*
 * Read what is known of all roles but the predefined ones: a List of RoleFact
 * (base/role_facts.h) by role, in the current memory context.  Passwords are among
 * them if the source shows them: secret.
 */
extern List *pgcopy_source_roles_read(SourceSession *session, bool *has_passwords);

#endif							/* PGCOPY_SOURCE_ROLES_H */
