/*-------------------------------------------------------------------------
 *
 * needs_extension.c
 *	  CREATE EXTENSION.
 *
 * pg_dump writes no version: the default version of this server is created.  The
 * comment that it writes for each is left out where it cannot be (needless.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "schema/needs_private.h"

/* The version that CREATE EXTENSION would create, unless it is here. */
#define FROM_DEFAULT_VERSION \
	" FROM pg_catalog.pg_available_extensions AS a" \
	" JOIN pg_catalog.pg_available_extension_versions AS v" \
	"  ON v.name = a.name AND v.version = a.default_version" \
	" WHERE a.name::pg_catalog.text = $1"

static const char is_here_sql[] =
"SELECT true FROM pg_catalog.pg_extension AS e WHERE e.extname::pg_catalog.text = $1";

static const char is_available_sql[] =
"SELECT true FROM pg_catalog.pg_available_extensions AS a WHERE a.name::pg_catalog.text = $1";

static const char needs_superuser_sql[] =
"SELECT v.superuser AND NOT v.trusted" FROM_DEFAULT_VERSION;

static const char is_trusted_sql[] =
"SELECT v.superuser AND v.trusted" FROM_DEFAULT_VERSION;

/* Lines, each with a name. */
static const char required_sql[] =
"SELECT pg_catalog.string_agg(r.name::pg_catalog.text, E'\\n')"
" FROM (SELECT v.requires" FROM_DEFAULT_VERSION ") AS x(requires),"
" pg_catalog.unnest(x.requires) AS r(name)"
" WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_extension AS e WHERE e.extname = r.name)";

static const char may_create_in_database_sql[] =
"SELECT pg_catalog.has_database_privilege(pg_catalog.current_database()::pg_catalog.text,"
" 'CREATE')";

static void
check_required(Needs *needs, const char *extension)
{
	char	   *lines = pgcopy_needs_here_text(required_sql, extension, NULL);
	char	   *state = NULL;

	if (lines == NULL)
		return;
	for (char *name = strtok_r(lines, "\n", &state); name != NULL;
		 name = strtok_r(NULL, "\n", &state))
	{
		if (pgcopy_needs_created_find(needs, 'e', NULL, name) == NULL)
			pgcopy_needs_report_add(needs, NEED_EXTENSION_REQUIRED,
									psprintf("%s (for %s)", quote_identifier(name),
											 quote_identifier(extension)));
	}
}

static void
check_rights(Needs *needs, const char *extension)
{
	if (pgcopy_needs_here_is(needs_superuser_sql, extension, NULL))
		pgcopy_needs_report_add(needs, NEED_EXTENSION_SUPERUSER, quote_identifier(extension));
	else if (!pgcopy_needs_here_is(is_trusted_sql, extension, NULL))
		needs->owns_members = true;
	else if (!pgcopy_needs_here_is(may_create_in_database_sql, NULL, NULL))
		pgcopy_needs_report_add(needs, NEED_DATABASE_CREATE,
								psprintf("extension %s", quote_identifier(extension)));
}

/*
 * CREATE LANGUAGE without a handler is CREATE EXTENSION to the server; pg_dump
 * writes a schema with those of extensions, which source/preflight.c looks for.
 */
static bool
is_missing_language(CreateExtensionStmt *statement)
{
	return statement->options == NIL &&
		!pgcopy_needs_here_is(is_available_sql, statement->extname, NULL);
}

void
pgcopy_needs_extension_note(Needs *needs, Node *node)
{
	const char *extension;

	if (!IsA(node, CreateExtensionStmt))
		return;
	extension = ((CreateExtensionStmt *) node)->extname;
	if (pgcopy_needs_here_is(is_here_sql, extension, NULL))
		return;
	if (is_missing_language((CreateExtensionStmt *) node))
	{
		pgcopy_needs_report_add(needs, NEED_LANGUAGE, quote_identifier(extension));
		return;
	}
	needs->creates_extension = true;
	check_required(needs, extension);
	if (!needs->is_superuser)
		check_rights(needs, extension);
}
