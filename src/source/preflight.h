/*-------------------------------------------------------------------------
 *
 * preflight.h
 *	  Compare source and target before a job changes anything.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_PREFLIGHT_H
#define PGCOPY_PREFLIGHT_H

#include "base/finding.h"
#include "base/object_filter.h"
#include "base/options.h"
#include "source/session.h"

/* Options of the job that change a check. */
typedef struct PreflightRequest
{
	bool		with_owners;
	bool		with_privileges;
	bool		goes_on;		/* after errors */
	int			sections;		/* SECTION_* */
	const List *schema_map;		/* OptionPair * */
	const List *tablespace_map;
	bool		drops;			/* what is here already; see drops.h */
	List	  **dropped;		/* gets it: DropObject * */

	/* What is cloned.  The last two are an oid[] of relations; NULL: all. */
	bool		with_large_objects;
	const ObjectFilter *filter;
	const char *only;
	const char *only_with_rows;
} PreflightRequest;

/*
 * Say what the checks of rights, all other checks and the look for roles will ask, as
 * far as that is known (ahead.h).
 */
extern void pgcopy_preflight_foresee(SourceSession *session, const PreflightRequest *request);
extern void pgcopy_preflight_foresee_extensions(SourceSession *session);

/*
 * Run all checks that need no dump, but for the next two.  Returns a List of
 * Finding in the current memory context, NIL if all is well.  Needs a transaction.
 */
extern List *pgcopy_preflight_run(SourceSession *session,
								  const PreflightRequest *request);

/*
 * preflight_extensions.c: compare the extensions that are here already with those
 * of the source.
 */
extern List *pgcopy_preflight_check_extensions(SourceSession *session,
											   const PreflightRequest *request);

/* preflight_maps.c: check schema_map and tablespace_map. */
extern List *pgcopy_preflight_check_maps(SourceSession *session,
										 const PreflightRequest *request);

/* Check that the source is another database (55000). */
extern List *pgcopy_preflight_check_database(SourceSession *session);

/* Check that its server is another one (55000). */
extern List *pgcopy_preflight_check_server(SourceSession *session);

/*
 * Check that the source's role may read what is there.  *can_dump: whether it may
 * lock all tables.
 */
extern List *pgcopy_preflight_check_rights(SourceSession *session,
										   const PreflightRequest *request,
										   bool *can_dump);

/*
 * List the roles of large objects, which pg_dump does not name: owners, as which
 * the job must act, and *others, which must exist.
 */
extern List *pgcopy_preflight_roles(SourceSession *session,
									const PreflightRequest *request,
									List **others);

/*
 * hidden.c: find definitions that the source hides from the job's role.  Returns
 * a List of Finding, one notice per kind of object, in the current memory context.
 * Counts what is cloned: not the kinds of "exclude" (EXCLUDE_*), nor what the filter
 * has not.
 */
extern List *pgcopy_hidden_find(SourceSession *session, const ObjectFilter *filter,
								int exclude);
extern void pgcopy_hidden_foresee(SourceSession *session, int exclude);

/*
 * standby.c: find which relations arrive without content because the source is a
 * standby, and whether it may end the snapshot.  Returns a List of Finding, all notices, in
 * the current memory context.
 */
extern List *pgcopy_standby_find(SourceSession *session, List *relations);
extern void pgcopy_standby_foresee(SourceSession *session);

/*
 * properties.c: read the properties of the source database.  Returns a List of
 * DatabaseProperty (base/properties.h) in the current memory context.
 */
extern List *pgcopy_properties_read(SourceSession *session);
extern void pgcopy_properties_foresee(SourceSession *session);

/*
 * roles.c: read what is known of all roles of the source's server but the predefined
 * ones: a List of RoleFact (base/role_facts.h) by role, in the current memory
 * context.  Passwords are among them if the source shows them: secret.
 */
extern List *pgcopy_roles_read(SourceSession *session, bool *has_passwords);

#endif							/* PGCOPY_PREFLIGHT_H */
