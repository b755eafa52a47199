/*-------------------------------------------------------------------------
 *
 * roles.c
 *	  Which roles a job makes.
 *
 * Those that its statements name, as needs_roles.c has found them, and large objects
 * and, if it is cloned, the database itself; or all.  schema/roles.c does the rest.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "run/shared.h"
#include "schema/roles.h"

void
pgcopy_roles_expect(Leader *leader, Needs *needs)
{
	bool		makes_roles = leader->job->options.roles != ROLES_NONE;

	if (makes_roles)
		pgcopy_needs_expect_roles(needs);
	pgcopy_needs_note_roles(needs, pgcopy_database_roles(leader, makes_roles));
}

List *
pgcopy_roles_prepare(Leader *leader, Needs *needs, List **findings)
{
	const JobOptions *options = &leader->job->options;
	RolesRequest request = {
		.all = options->roles == ROLES_ALL,
		.names = pgcopy_needs_named_roles(needs),
		.owners = pgcopy_needs_owners(needs),
		.no_comments = options->no_comments || (options->exclude & EXCLUDE_COMMENTS) != 0,
		.no_labels = (options->exclude & EXCLUDE_SECURITY_LABELS) != 0
	};
	RolesPlan  *plan;

	if (options->roles == ROLES_NONE)
		return NIL;
	plan = pgcopy_roles_plan(pgcopy_link_session(leader->link), &request);
	pgcopy_needs_roles_made(needs, plan->created);
	*findings = list_concat(*findings, plan->findings);
	return plan->statements;
}
