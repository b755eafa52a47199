/*-------------------------------------------------------------------------
 *
 * properties.c
 *	  Tell which properties of the source database this one has not.
 *
 * They are in no dump of a database: its settings and those of roles in it, its
 * owner, privileges, connection limit, comment, labels and locale.  Both sides are
 * asked by the same query.  One notice per kind, whose hint has the statements that
 * make it alike; for a locale there is none.  If the job clones them (database.c),
 * only the locale is told.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/dbcommands.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "base/properties.h"
#include "catalog/notice.h"
#include "run/leader.h"
#include "run/properties.h"
#include "schema/shared.h"
#include "source/preflight.h"

/* Bytes of a value in a message; of all statements in a hint. */
#define VALUE_SHOWN 60
#define STATEMENTS_SHOWN 8000

/* What differs, of one kind. */
typedef struct Difference
{
	StringInfoData names;		/* for the notice's object */
	StringInfoData values;		/* for its message */
	StringInfoData statements;	/* for its hint */
	int			count;
	int			unshown;		/* statements that had no room */
} Difference;

const DatabaseProperty *
pgcopy_properties_find(List *properties, const DatabaseProperty *like)
{
	ListCell   *lc;

	foreach(lc, properties)
	{
		const DatabaseProperty *property = lfirst(lc);

		if (strcmp(property->kind, like->kind) == 0 &&
			strcmp(property->role, like->role) == 0 &&
			strcmp(property->name, like->name) == 0)
			return property;
	}
	return NULL;
}

static void
append_separated(StringInfo text, const char *separator, const char *words)
{
	if (text->len > 0)
		appendStringInfoString(text, separator);
	appendStringInfoString(text, words);
}

static const char *
clip(const char *value)
{
	int			length = strlen(value);

	if (length <= VALUE_SHOWN)
		return value;
	return psprintf("%.*s...", pg_mbcliplen(value, length, VALUE_SHOWN), value);
}

static const char *
this_database(void)
{
	return quote_identifier(get_database_name(MyDatabaseId));
}

static const char *
role_name(const char *role)
{
	return role[0] == '\0' ? "PUBLIC" : quote_identifier(role);
}

char *
pgcopy_properties_statement(const DatabaseProperty *property)
{
	bool		is_of_role = property->role[0] != '\0';

	if (strcmp(property->kind, PROPERTY_COMMENT) == 0)
		return psprintf("COMMENT ON DATABASE %s IS %s;", this_database(),
						quote_literal_cstr(property->value));
	if (strcmp(property->kind, PROPERTY_PRIVILEGE) == 0)
		return psprintf("GRANT %s ON DATABASE %s TO %s%s;", property->name,
						this_database(), role_name(property->role),
						strcmp(property->value, "true") == 0 ? " WITH GRANT OPTION" : "");
	if (strcmp(property->kind, PROPERTY_LABEL) == 0)
		return psprintf("SECURITY LABEL FOR %s ON DATABASE %s IS %s;",
						quote_identifier(property->name), this_database(),
						quote_literal_cstr(property->value));
	if (strcmp(property->kind, PROPERTY_OWNER) == 0)
		return psprintf("ALTER DATABASE %s OWNER TO %s;", this_database(),
						quote_identifier(property->value));
	if (strcmp(property->kind, PROPERTY_LIMIT) == 0)
		return psprintf("ALTER DATABASE %s CONNECTION LIMIT %d;", this_database(),
						atoi(property->value));
	return psprintf("ALTER %s%s%sDATABASE %s SET %s TO %s;",
					is_of_role ? "ROLE " : "",
					is_of_role ? quote_identifier(property->role) : "",
					is_of_role ? " IN " : "",
					this_database(), quote_identifier(property->name),
					pgcopy_shared_quote_setting(property->name, property->value));
}

char *
pgcopy_properties_revoke(const DatabaseProperty *property)
{
	return psprintf("REVOKE %s ON DATABASE %s FROM %s;", property->name, this_database(),
					role_name(property->role));
}

static void
add_statement(Difference *difference, const char *statement)
{
	if (difference->statements.len + strlen(statement) > STATEMENTS_SHOWN)
		difference->unshown++;
	else
		append_separated(&difference->statements, " ", statement);
}

static void
add_difference(Difference *difference, const DatabaseProperty *property,
			   const DatabaseProperty *here)
{
	const char *of_role = "";

	difference->count++;
	if (strcmp(property->kind, PROPERTY_LOCALE) == 0)
	{
		append_separated(&difference->values, ", ",
						 psprintf("%s %s there and %s here", property->name, clip(property->value),
								  here ? clip(here->value) : "none"));
		return;
	}
	if (strcmp(property->kind, PROPERTY_OWNER) == 0 || strcmp(property->kind, PROPERTY_LIMIT) == 0)
		append_separated(&difference->values, ", ", clip(property->value));
	if (strcmp(property->kind, PROPERTY_LABEL) == 0)
		append_separated(&difference->values, ", ", property->name);
	if (strcmp(property->kind, PROPERTY_PRIVILEGE) == 0)
		append_separated(&difference->values, ", ",
						 psprintf("%s to %s", property->name, role_name(property->role)));
	if (strcmp(property->kind, PROPERTY_SETTING) == 0)
	{
		if (property->role[0] != '\0')
			of_role = psprintf(" (role %s)", quote_identifier(property->role));
		append_separated(&difference->names, ", ", psprintf("%s%s", property->name, of_role));
		append_separated(&difference->values, ", ",
						 psprintf("%s = %s%s", property->name, clip(property->value), of_role));
	}
	add_statement(difference, pgcopy_properties_statement(property));
}

static void
begin_difference(Difference *difference)
{
	memset(difference, 0, sizeof(*difference));
	initStringInfo(&difference->names);
	initStringInfo(&difference->values);
	initStringInfo(&difference->statements);
}

/* Compare names of locales: de_DE.utf8 is de_DE.UTF-8. */
static bool
is_same_locale(const char *a, const char *b)
{
	for (;;)
	{
		a += strspn(a, "-_");
		b += strspn(b, "-_");
		if (pg_tolower((unsigned char) *a) != pg_tolower((unsigned char) *b))
			return false;
		if (*a == '\0')
			return true;
		a++;
		b++;
	}
}

bool
pgcopy_properties_is_here(const DatabaseProperty *there, const DatabaseProperty *here)
{
	if (here == NULL)
		return false;
	if (strcmp(there->kind, PROPERTY_PRIVILEGE) == 0)
		return strcmp(there->value, "false") == 0 || strcmp(here->value, "true") == 0;
	if (strcmp(there->kind, PROPERTY_LOCALE) == 0)
		return is_same_locale(there->value, here->value);
	return strcmp(there->value, here->value) == 0;
}

/* Find what the source has and this database has not, or differently. */
static void
compare(const char *kind, List *there, List *here, Difference *difference)
{
	ListCell   *lc;

	begin_difference(difference);
	foreach(lc, there)
	{
		const DatabaseProperty *property = lfirst(lc);
		const DatabaseProperty *same = pgcopy_properties_find(here, property);

		if (strcmp(property->kind, kind) == 0 && !pgcopy_properties_is_here(property, same))
			add_difference(difference, property, same);
	}
}

/* Find what PUBLIC may do here and not on the source. */
static void
compare_public(List *there, List *here, Difference *difference)
{
	ListCell   *lc;

	begin_difference(difference);
	foreach(lc, here)
	{
		const DatabaseProperty *property = lfirst(lc);

		if (strcmp(property->kind, PROPERTY_PRIVILEGE) != 0 ||
			property->role[0] != '\0' || pgcopy_properties_find(there, property) != NULL)
			continue;
		difference->count++;
		append_separated(&difference->values, ", ", property->name);
		add_statement(difference, pgcopy_properties_revoke(property));
	}
}

/* message has a %s for the values. */
static void
tell(const Leader *leader, const Difference *difference, const char *message,
	 const char *hint)
{
	if (difference->count == 0)
		return;
	if (hint == NULL)
		hint = psprintf("%s%s -- or clone with database_properties => true",
						difference->statements.data,
						difference->unshown == 0 ? "" :
						psprintf("  (%d more statements are left out.)", difference->unshown));
	pgcopy_notice_tell(leader->job->id,
					   difference->names.len > 0 ? difference->names.data : NULL,
					   psprintf(message, difference->values.data), hint);
}

static void
tell_locale(Leader *leader, List *there, List *here)
{
	Difference	difference;

	compare(PROPERTY_LOCALE, there, here, &difference);
	tell(leader, &difference, "the databases differ in %s: text may sort and compare differently",
		 "ORDER BY and ranges of text (BETWEEN, <, partitions, CHECK) follow the order here. Indexes are built in it, so they are right, and text keys stay unique. To have it as on the source, clone into a database made with CREATE DATABASE ... TEMPLATE template0 and these values.");
}

/* Tell what the source has and this database has not, of one kind. */
static void
tell_kind(Leader *leader, const char *kind, List *there, List *here, const char *message)
{
	Difference	difference;

	compare(kind, there, here, &difference);
	tell(leader, &difference, message, NULL);
}

void
pgcopy_properties_tell(Leader *leader)
{
	const JobOptions *options = &leader->job->options;
	List	   *there = pgcopy_properties_read(pgcopy_link_session(leader->link));
	List	   *here = pgcopy_notice_properties();
	Difference	difference;

	if (options->database_properties)
	{
		tell_locale(leader, there, here);
		return;					/* the rest is cloned: database.c */
	}
	tell_kind(leader, PROPERTY_SETTING, there, here,
			  "settings of the source database are not those of this one: %s");
	tell_locale(leader, there, here);
	if (!options->no_comments)
		tell_kind(leader, PROPERTY_COMMENT, there, here,
				  "the comment on the source database is not that on this one%s");
	tell_kind(leader, PROPERTY_LABEL, there, here,
			  "security labels of the source database are not those of this one: provider %s");
	tell_kind(leader, PROPERTY_LIMIT, there, here,
			  "the connection limit of the source database is not that of this one: %s");
	if (!options->no_owner)
		tell_kind(leader, PROPERTY_OWNER, there, here,
				  "the owner of the source database is not that of this one: %s");
	if (options->no_privileges)
		return;
	tell_kind(leader, PROPERTY_PRIVILEGE, there, here,
			  "privileges on the source database are not granted on this one: %s");
	compare_public(there, here, &difference);
	tell(leader, &difference, "PUBLIC may do more with this database than with the source database: %s", NULL);
}
