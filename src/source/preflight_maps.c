/*-------------------------------------------------------------------------
 *
 * preflight_maps.c
 *	  Check schema_map and tablespace_map against both sides.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "base/options.h"
#include "base/similar.h"
#include "base/sqltext.h"
#include "source/names.h"
#include "source/preflight.h"

typedef struct SourceSchema
{
	char	   *name;
	bool		has_objects;
	char	   *extension;		/* that it is a member of, or NULL */
} SourceSchema;

static const char schemas_sql[] =
"SELECT n.nspname, EXISTS (SELECT FROM pg_catalog.pg_depend AS d"
"  WHERE d.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.refobjid = n.oid),"
" (SELECT e.extname FROM pg_catalog.pg_depend AS d JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid"
"  WHERE d.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.objid = n.oid"
"  AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e' LIMIT 1)"
" FROM pg_catalog.pg_namespace AS n WHERE n.nspname !~ '^pg_(toast|temp)'";

static const char tablespaces_sql[] =
"SELECT t.spcname FROM pg_catalog.pg_tablespace AS t";

/* Those that can be in one schema only, as this server's control files say. */
static const char fixed_sql[] =
"SELECT u.name FROM pg_catalog.unnest($1::pg_catalog.text[]) AS u(name)"
" WHERE EXISTS (SELECT FROM pg_catalog.pg_available_extensions AS a"
"  JOIN pg_catalog.pg_available_extension_versions AS v"
"  ON v.name = a.name AND v.version = a.default_version"
"  WHERE a.name::pg_catalog.text = u.name AND v.schema IS NOT NULL)"
" AND NOT EXISTS (SELECT FROM pg_catalog.pg_extension AS e WHERE e.extname::pg_catalog.text = u.name)"
" ORDER BY u.name COLLATE pg_catalog.\"C\"";

static List *
add_error(List *findings, int sqlerrcode, const char *message, const char *hint)
{
	Finding		finding = {
		.level = FINDING_ERROR,
		.sqlerrcode = sqlerrcode,
		.message = message,
		.hint = hint
	};

	return list_concat(findings, pgcopy_finding_list(&finding));
}

/* A hint with the nearest of the names, which is a List of char *. */
static const char *
hint_at_nearest(const char *option, const char *name, List *names)
{
	const char *hint = pgcopy_similar_hint(name, names);

	return hint != NULL ? hint :
		psprintf("The keys of %s are names of the source, as its catalogs have them; patterns are not allowed.",
				 option);
}

static bool
is_reserved(const char *name)
{
	return strncmp(name, "pg_", 3) == 0 || strcmp(name, "information_schema") == 0;
}

static const SourceSchema *
find_schema(const List *schemas, const char *name)
{
	ListCell   *lc;

	foreach(lc, schemas)
	{
		const SourceSchema *schema = lfirst(lc);

		if (strcmp(schema->name, name) == 0)
			return schema;
	}
	return NULL;
}

static List *
check_schema_key(const List *schemas, const OptionPair *pair, List *findings)
{
	const SourceSchema *schema = find_schema(schemas, pair->key);
	List	   *names = NIL;
	ListCell   *lc;

	if (is_reserved(pair->key))
		return add_error(findings, ERRCODE_RESERVED_NAME,
						 psprintf("schema_map: schema \"%s\" cannot be mapped", pair->key),
						 "It is a schema of the system.");
	if (schema != NULL && schema->extension != NULL)
		return add_error(findings, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
						 psprintf("schema_map: schema \"%s\" cannot be mapped: extension \"%s\" creates it",
								  pair->key, schema->extension),
						 "Take it out of the map.");
	if (schema != NULL)
		return findings;
	foreach(lc, schemas)
	{
		const SourceSchema *other = lfirst(lc);

		if (!is_reserved(other->name))
			names = lappend(names, other->name);
	}
	return add_error(findings, ERRCODE_UNDEFINED_SCHEMA,
					 psprintf("schema_map: the source has no schema \"%s\"", pair->key),
					 hint_at_nearest("schema_map", pair->key, names));
}

/* Objects of two schemas must not meet in one. */
static List *
check_schema_target(const List *map, const List *schemas, const OptionPair *pair, List *findings)
{
	const SourceSchema *same = find_schema(schemas, pair->value);
	ListCell   *lc;

	if (is_reserved(pair->value) || strcmp(pair->value, "pgcopy") == 0)
		return add_error(findings, ERRCODE_RESERVED_NAME,
						 psprintf("schema_map: \"%s\" cannot be mapped to \"%s\"", pair->key, pair->value),
						 "Names that begin with \"pg_\", \"information_schema\" and \"pgcopy\" are taken.");
	foreach(lc, map)
	{
		const OptionPair *other = lfirst(lc);

		if (other == pair)
			break;
		if (strcmp(other->value, pair->value) == 0)
			findings = add_error(findings, ERRCODE_INVALID_PARAMETER_VALUE,
								 psprintf("schema_map: \"%s\" and \"%s\" are both mapped to \"%s\"",
										  other->key, pair->key, pair->value),
								 "Give each schema a target of its own.");
	}
	if (same != NULL && pgcopy_sqltext_mapped(map, same->name) == NULL &&
		(same->has_objects || strcmp(same->name, "public") != 0))
		findings = add_error(findings, ERRCODE_DUPLICATE_SCHEMA,
							 psprintf("schema_map: \"%s\" is mapped to \"%s\", which the source has too",
									  pair->key, pair->value),
							 psprintf("Map \"%s\" to another name as well, or take another target.", pair->value));
	return findings;
}

static List *
read_schemas(SourceSession *session)
{
	SourceRows *rows = pgcopy_session_query(session, schemas_sql, 3, 0, NULL);
	List	   *schemas = NIL;

	for (int i = 0; i < pgcopy_rows_count(rows); i++)
	{
		SourceSchema *schema = palloc(sizeof(SourceSchema));

		schema->name = pstrdup(pgcopy_rows_get(rows, i, 0));
		schema->has_objects = pgcopy_rows_get_bool(rows, i, 1);
		schema->extension = pgcopy_rows_is_null(rows, i, 2) ? NULL :
			pstrdup(pgcopy_rows_get(rows, i, 2));
		schemas = lappend(schemas, schema);
	}
	pgcopy_rows_free(rows);
	return schemas;
}

static List *
check_fixed_extensions(SourceSession *session, const List *map, const ObjectFilter *filter,
					   List *findings)
{
	List	   *keys = NIL;
	List	   *fixed;
	ListCell   *lc;

	foreach(lc, map)
		keys = lappend(keys, ((OptionPair *) lfirst(lc))->key);
	fixed = pgcopy_names_missing(session,
								 psprintf("SELECT e.extname AS name,"
										  " 'pg_catalog.pg_extension'::pg_catalog.regclass::pg_catalog.oid AS classid,"
										  " e.oid FROM pg_catalog.pg_extension AS e"
										  " JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace"
										  " WHERE e.extname <> 'pgcopydb_ext' AND n.nspname = ANY (%s::pg_catalog.text[])",
										  quote_literal_cstr(pgcopy_names_array_literal(keys))),
								 filter, fixed_sql);
	foreach(lc, fixed)
		findings = add_error(findings, ERRCODE_FEATURE_NOT_SUPPORTED,
							 psprintf("schema_map: extension \"%s\" cannot be in another schema than that of its control file",
									  (char *) lfirst(lc)),
							 "Take its schema out of the map, or exclude the extension.");
	return findings;
}

static List *
check_schemas(SourceSession *session, const List *map, const ObjectFilter *filter, List *findings)
{
	List	   *schemas;
	ListCell   *lc;

	if (map == NIL)
		return findings;
	schemas = read_schemas(session);
	foreach(lc, map)
	{
		const OptionPair *pair = lfirst(lc);

		findings = check_schema_key(schemas, pair, findings);
		findings = check_schema_target(map, schemas, pair, findings);
	}
	return check_fixed_extensions(session, map, filter, findings);
}

static List *
read_names(SourceSession *session, const char *sql)
{
	SourceRows *rows = pgcopy_session_query(session, sql, 1, 0, NULL);
	List	   *names = NIL;

	for (int i = 0; i < pgcopy_rows_count(rows); i++)
		names = lappend(names, pstrdup(pgcopy_rows_get(rows, i, 0)));
	pgcopy_rows_free(rows);
	return names;
}

static bool
has_name(List *names, const char *name)
{
	ListCell   *lc;

	foreach(lc, names)
	{
		if (strcmp(lfirst(lc), name) == 0)
			return true;
	}
	return false;
}

/* "" is the database's default tablespace. */
static List *
check_tablespaces(SourceSession *session, const List *map, List *findings)
{
	List	   *there = map != NIL ? read_names(session, tablespaces_sql) : NIL;
	List	   *here = map != NIL ? pgcopy_names_query(tablespaces_sql) : NIL;
	ListCell   *lc;

	foreach(lc, map)
	{
		const OptionPair *pair = lfirst(lc);

		if (!has_name(there, pair->key))
			findings = add_error(findings, ERRCODE_UNDEFINED_OBJECT,
								 psprintf("tablespace_map: the source has no tablespace \"%s\"", pair->key),
								 hint_at_nearest("tablespace_map", pair->key, there));
		if (strcmp(pair->value, "pg_global") == 0)
			findings = add_error(findings, ERRCODE_INVALID_PARAMETER_VALUE,
								 psprintf("tablespace_map: \"%s\" cannot be mapped to \"pg_global\"", pair->key),
								 "Only shared catalogs can be there.");
		else if (pair->value[0] != '\0' && !has_name(here, pair->value))
			findings = add_error(findings, ERRCODE_UNDEFINED_OBJECT,
								 psprintf("tablespace_map: there is no tablespace \"%s\" here", pair->value),
								 psprintf("Create it, or map \"%s\" to \"\", the database's default.", pair->key));
	}
	return findings;
}

List *
pgcopy_preflight_check_maps(SourceSession *session, const PreflightRequest *request)
{
	return check_tablespaces(session, request->tablespace_map,
							 check_schemas(session, request->schema_map, request->filter, NIL));
}
