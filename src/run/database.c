/*-------------------------------------------------------------------------
 *
 * database.c
 *	  Clone what belongs to the source database but is not in it.
 *
 * One item for each property that differs, at the end of the job: a connection
 * limit or default_transaction_read_only must not meet the job itself.  The owner
 * comes after what only an owner may change, and before privileges, which go from
 * the old owner to the new one.  What this database has in excess stays, but for
 * what PUBLIC may do with it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "catalog/notice.h"
#include "run/leader.h"
#include "run/properties.h"
#include "run/shared.h"
#include "schema/shared.h"
#include "source/names.h"
#include "source/preflight.h"

/* How many names a notice lists. */
#define SHOWN_NAMES 200

/* The order in which they are made. */
static const char *const kinds[] = {
	PROPERTY_SETTING, PROPERTY_COMMENT, PROPERTY_LABEL, PROPERTY_LIMIT, PROPERTY_OWNER,
	PROPERTY_PRIVILEGE
};

static bool
is_wanted(const JobOptions *options, const char *kind)
{
	if (strcmp(kind, PROPERTY_COMMENT) == 0)
		return !options->no_comments && (options->exclude & EXCLUDE_COMMENTS) == 0;
	if (strcmp(kind, PROPERTY_LABEL) == 0)
		return (options->exclude & EXCLUDE_SECURITY_LABELS) == 0;
	if (strcmp(kind, PROPERTY_OWNER) == 0)
		return !options->no_owner;
	if (strcmp(kind, PROPERTY_PRIVILEGE) == 0)
		return !options->no_privileges;
	return strcmp(kind, PROPERTY_LOCALE) != 0;
}

static bool
is_of_public(const DatabaseProperty *property)
{
	return strcmp(property->kind, PROPERTY_PRIVILEGE) == 0 && property->role[0] == '\0';
}

/* "setting work_mem of role a" */
static char *
describe(const DatabaseProperty *property)
{
	return psprintf("%s%s%s%s%s", property->kind,
					property->name[0] != '\0' ? " " : "", property->name,
					property->role[0] != '\0' ? " of role " :
					is_of_public(property) ? " of PUBLIC" : "",
					property->role[0] != '\0' ? quote_identifier(property->role) : "");
}

static List *
add_statement(List *statements, const DatabaseProperty *property, char *sql)
{
	return lappend(statements,
				   pgcopy_shared_statement(pstrdup("ALTER DATABASE"), describe(property), sql));
}

/* Take from PUBLIC what it may not do on the source. */
static List *
plan_revokes(List *there, List *here)
{
	List	   *statements = NIL;
	ListCell   *lc;

	foreach(lc, here)
	{
		const DatabaseProperty *property = lfirst(lc);

		if (is_of_public(property) && pgcopy_properties_find(there, property) == NULL)
			statements = add_statement(statements, property,
									   pgcopy_properties_revoke(property));
	}
	return statements;
}

static List *
plan_kind(const char *kind, List *there, List *here)
{
	List	   *statements = NIL;
	ListCell   *lc;

	foreach(lc, there)
	{
		const DatabaseProperty *property = lfirst(lc);

		if (strcmp(property->kind, kind) == 0 &&
			!pgcopy_properties_is_here(property, pgcopy_properties_find(here, property)))
			statements = add_statement(statements, property,
									   pgcopy_properties_statement(property));
	}
	return statements;
}

/* Tell what only this database has. */
static void
tell_excess(Leader *leader, List *there, List *here)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, here)
	{
		const DatabaseProperty *property = lfirst(lc);

		if (is_wanted(&leader->job->options, property->kind) && !is_of_public(property) &&
			pgcopy_properties_find(there, property) == NULL)
			names = lappend(names, describe(property));
	}
	if (names != NIL)
		pgcopy_notice_tell(leader->job->id, pgcopy_names_list(names, SHOWN_NAMES),
						   "this database has what the source database has not, and keeps it",
						   NULL);
}

List *
pgcopy_database_plan(Leader *leader)
{
	const JobOptions *options = &leader->job->options;
	List	   *statements = NIL;
	List	   *there;
	List	   *here;

	if (!options->database_properties)
		return NIL;
	there = pgcopy_properties_read(pgcopy_link_session(leader->link));
	here = pgcopy_notice_properties();
	for (int i = 0; i < lengthof(kinds); i++)
	{
		if (!is_wanted(options, kinds[i]))
			continue;
		statements = list_concat(statements, plan_kind(kinds[i], there, here));
		if (strcmp(kinds[i], PROPERTY_PRIVILEGE) == 0)
			statements = list_concat(statements, plan_revokes(there, here));
	}
	tell_excess(leader, there, here);
	return statements;
}

List *
pgcopy_database_roles(Leader *leader, bool with_settings)
{
	const JobOptions *options = &leader->job->options;
	List	   *names = NIL;
	ListCell   *lc;

	if (!options->database_properties)
		return NIL;
	foreach(lc, pgcopy_properties_read(pgcopy_link_session(leader->link)))
	{
		const DatabaseProperty *property = lfirst(lc);

		if (!is_wanted(options, property->kind) ||
			(strcmp(property->kind, PROPERTY_SETTING) == 0 && !with_settings))
			continue;
		if (strcmp(property->kind, PROPERTY_OWNER) == 0)
			names = lappend(names, property->value);
		else if (property->role[0] != '\0')
			names = lappend(names, property->role);
	}
	return names;
}
