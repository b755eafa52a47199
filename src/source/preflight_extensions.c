/*-------------------------------------------------------------------------
 *
 * preflight_extensions.c
 *	  Compare the extensions that are here already with those of the source.
 *
 * pg_dump writes CREATE EXTENSION IF NOT EXISTS without a version, and names the
 * members of an extension with the schema that they have on the source.  So one
 * that is here already is used as it is.  It must be in the same schema and have
 * what the source's own objects use; its version may be another.
 *
 * An object counts as the extension's if it is a member, or belongs to one: its
 * index, sequence, row type, rule ...  pg_dump leaves all of these to the extension.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "base/sqltext.h"
#include "source/ahead.h"
#include "source/names.h"
#include "source/preflight.h"

#define SHOWN_NAMES 10
#define MOST_PARAMS 4

static const char source_sql[] =
"SELECT e.extname, n.nspname, e.extversion,"
" COALESCE(pg_catalog.obj_description(e.oid, 'pg_extension'), ''),"
" 'pg_catalog.pg_extension'::pg_catalog.regclass::pg_catalog.oid, e.oid"
" FROM pg_catalog.pg_extension AS e"
" JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace"
" WHERE e.extname <> 'pgcopydb_ext'";

/* What differs, given the answer to source_sql: kind, name, there, here. */
static const char differences_sql[] =
"WITH source AS ("
"  SELECT * FROM ROWS FROM ("
"   pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[]),"
"   pg_catalog.unnest($3::pg_catalog.text[]), pg_catalog.unnest($4::pg_catalog.text[])) AS u(name, schema, version, comment)"
" ), pairs AS ("
"  SELECT s.*, n.nspname::pg_catalog.text AS here_schema, e.extversion AS here_version,"
"   pg_catalog.obj_description(e.oid, 'pg_extension') AS here_comment,"
"   pg_catalog.pg_has_role(e.extowner, 'USAGE') AS is_owner"
"  FROM source AS s JOIN pg_catalog.pg_extension AS e ON e.extname::pg_catalog.text = s.name"
"  JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace"
"  WHERE e.oid >= 16384"
" )"
" SELECT d.kind, d.name, d.there, d.here FROM ("
"  SELECT 's', b.name, b.schema, b.here_schema FROM pairs AS b WHERE b.schema <> b.here_schema"
"  UNION ALL"
"  SELECT 'h', b.name, '', '' FROM pairs AS b WHERE b.schema = b.here_schema"
"  UNION ALL"
"  SELECT 'v', b.name, b.version, b.here_version FROM pairs AS b WHERE b.version <> b.here_version"
"  UNION ALL"
"  SELECT 'c', b.name, '', '' FROM pairs AS b"
"  WHERE NOT b.is_owner AND b.comment <> '' AND b.comment IS DISTINCT FROM b.here_comment"
"  UNION ALL"
"  SELECT 'd', s.name, s.version, a.default_version FROM source AS s"
"  JOIN pg_catalog.pg_available_extensions AS a ON a.name::pg_catalog.text = s.name"
"  WHERE a.installed_version IS NULL AND a.default_version <> s.version"
" ) AS d(kind, name, there, here)"
" ORDER BY d.name COLLATE pg_catalog.\"C\", d.kind";

#define OWNED_SQL \
"WITH RECURSIVE owned(extension, classid, objid) AS (" \
"  SELECT d.refobjid, d.classid, d.objid FROM pg_catalog.pg_depend AS d" \
"  WHERE d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e'" \
"  UNION" \
"  SELECT o.extension, d.classid, d.objid FROM owned AS o" \
"  JOIN pg_catalog.pg_depend AS d ON d.refclassid = o.classid AND d.refobjid = o.objid" \
"  WHERE d.deptype IN ('i', 'a', 'P', 'S', 'I')" \
")"

/*
 * What objects that are no extension's use of the extensions $1, and which tables'
 * rows are dumped; for whom: a default goes with its table.
 */
static const char needed_sql[] =
OWNED_SQL
" SELECT DISTINCT e.extname AS name, i.type || ' ' || i.identity AS what,"
"  CASE WHEN a.oid IS NULL THEN d.classid"
"   ELSE 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid END AS classid,"
"  COALESCE(a.adrelid, d.objid) AS oid"
" FROM pg_catalog.pg_extension AS e"
" JOIN owned AS o ON o.extension = e.oid"
" JOIN pg_catalog.pg_depend AS d ON d.refclassid = o.classid AND d.refobjid = o.objid"
"  AND d.deptype = 'n' AND d.classid <> 'pg_catalog.pg_extension'::pg_catalog.regclass"
" LEFT JOIN pg_catalog.pg_attrdef AS a ON a.oid = d.objid"
"  AND d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass"
" CROSS JOIN LATERAL pg_catalog.pg_identify_object(o.classid, o.objid, 0) AS i"
" WHERE e.extname = ANY ($1::pg_catalog.text[]) AND i.identity IS NOT NULL"
" AND NOT EXISTS (SELECT FROM owned AS x WHERE x.classid = d.classid AND x.objid = d.objid)"
" UNION"
" SELECT e.extname, i.type || ' ' || i.identity,"
"  'pg_catalog.pg_extension'::pg_catalog.regclass::pg_catalog.oid, e.oid"
" FROM pg_catalog.pg_extension AS e, pg_catalog.unnest(e.extconfig) AS c(oid)"
" CROSS JOIN LATERAL pg_catalog.pg_identify_object("
"  'pg_catalog.pg_class'::pg_catalog.regclass, c.oid, 0) AS i"
" WHERE e.extname = ANY ($1::pg_catalog.text[]) AND i.identity IS NOT NULL";

static const char missing_objects_sql[] =
OWNED_SQL
", here AS MATERIALIZED ("
"  SELECT e.extname::pg_catalog.text AS extension, i.type || ' ' || i.identity AS what"
"  FROM pg_catalog.pg_extension AS e JOIN owned AS o ON o.extension = e.oid"
"  CROSS JOIN LATERAL pg_catalog.pg_identify_object(o.classid, o.objid, 0) AS i"
"  WHERE e.extname::pg_catalog.text = ANY ($1::pg_catalog.text[])"
" )"
" SELECT u.extension, u.what"
" FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]),"
"  pg_catalog.unnest($2::pg_catalog.text[])) AS u(extension, what)"
" WHERE NOT EXISTS (SELECT FROM here AS h WHERE h.extension = u.extension AND h.what = u.what)"
" ORDER BY u.extension COLLATE pg_catalog.\"C\", u.what COLLATE pg_catalog.\"C\"";

/* %s is "AND a.attgenerated = ''" if the catalog has that column. */
static const char columns_sql[] =
"SELECT e.extname, n.nspname, c.relname, a.attname"
" FROM pg_catalog.pg_extension AS e, pg_catalog.unnest(e.extconfig) AS x(oid),"
"  pg_catalog.pg_class AS c, pg_catalog.pg_namespace AS n, pg_catalog.pg_attribute AS a"
" WHERE e.extname = ANY ($1::pg_catalog.text[]) AND c.oid = x.oid AND n.oid = c.relnamespace"
" AND c.relkind = 'r' AND a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped %s"
" ORDER BY 1, 2, 3, a.attnum";

/* Columns that are not here, of tables that are. */
static const char missing_columns_sql[] =
"SELECT u.extension, pg_catalog.format('column %I.%I.%I', u.schema, u.name, u.attname)"
" FROM ROWS FROM ("
"  pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[]),"
"  pg_catalog.unnest($3::pg_catalog.text[]), pg_catalog.unnest($4::pg_catalog.text[])) AS u(extension, schema, name, attname)"
" JOIN pg_catalog.pg_namespace AS n ON n.nspname::pg_catalog.text = u.schema"
" JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname::pg_catalog.text = u.name"
" WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_attribute AS a"
"  WHERE a.attrelid = c.oid AND a.attname::pg_catalog.text = u.attname"
"  AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '')"
" ORDER BY 1, 2";

/*
 * Sequences in use that are not dumped, of tables whose rows are.  Of a table under
 * a condition there may be no row to dump: not worth a word.
 */
static const char sequences_sql[] =
"SELECT e.extname, pg_catalog.format('%I.%I', n.nspname, s.relname),"
"  'pg_catalog.pg_extension'::pg_catalog.regclass::pg_catalog.oid, e.oid"
" FROM pg_catalog.pg_extension AS e,"
"  ROWS FROM (pg_catalog.unnest(e.extconfig), pg_catalog.unnest(e.extcondition)) AS x(oid, condition),"
"  pg_catalog.pg_depend AS d, pg_catalog.pg_class AS s, pg_catalog.pg_namespace AS n"
" WHERE e.extname <> 'pgcopydb_ext' AND x.condition = ''"
" AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = x.oid"
" AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype IN ('a', 'i')"
" AND s.oid = d.objid AND s.relkind = 'S' AND s.relpersistence = 'p' AND n.oid = s.relnamespace"
" AND s.oid <> ALL (e.extconfig)"
" AND EXISTS (SELECT FROM pg_catalog.pg_depend AS m"
"  WHERE m.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND m.objid = s.oid"
"  AND m.deptype = 'e')"
" AND CASE WHEN pg_catalog.has_sequence_privilege(s.oid, 'SELECT')"
"  THEN pg_catalog.pg_sequence_last_value(s.oid) IS NOT NULL ELSE true END"
" ORDER BY 1, 2";

/* A schema, or what has one, as schema_map has it here. */
static const char *
map_value(const List *map, const char *value)
{
	const char *mapped = pgcopy_sqltext_mapped(map, value);

	return mapped != NULL ? mapped : pgcopy_sqltext_rename(map, value);
}

/* Does the filter have the object in the last two columns of a row? */
static bool
is_cloned(const SourceRows *rows, int row, int columns, const ObjectFilter *filter)
{
	return filter == NULL ||
		pgcopy_filter_has(filter, pgcopy_rows_get_oid(rows, row, columns),
						  pgcopy_rows_get_oid(rows, row, columns + 1));
}

/* Copy what is cloned of the source's answer: a List of rows, char *[] each. */
static List *
take_cloned(SourceRows *rows, int columns, const ObjectFilter *filter)
{
	List	   *taken = NIL;

	for (int i = 0; i < pgcopy_rows_count(rows); i++)
	{
		char	  **row;

		if (!is_cloned(rows, i, columns, filter))
			continue;
		row = palloc(sizeof(char *) * columns);
		for (int j = 0; j < columns; j++)
			row[j] = pstrdup(pgcopy_rows_get(rows, i, j));
		taken = lappend(taken, row);
	}
	pgcopy_rows_free(rows);
	return taken;
}

/*
 * Make a text[] of a column of such rows.  The second one has schemas in all queries
 * here.
 */
static Datum
make_array(const List *map, List *rows, int column)
{
	int			count = list_length(rows);
	Datum	   *values = palloc(sizeof(Datum) * Max(count, 1));
	ListCell   *lc;

	foreach(lc, rows)
	{
		const char *value = ((char **) lfirst(lc))[column];

		values[foreach_current_index(lc)] =
			CStringGetTextDatum(column == 1 && map != NIL ? map_value(map, value) : value);
	}
	return PointerGetDatum(construct_array(values, count, TEXTOID, -1, false, TYPALIGN_INT));
}

/*
 * Run local SQL under an empty search_path, with the columns of the rows as text[]
 * parameters.  Returns a List of rows, char *[] each, in the current memory context.
 */
static List *
query_here(const List *map, const char *sql, List *rows, int columns)
{
	static Oid	types[MOST_PARAMS] = {TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID};
	MemoryContext context = CurrentMemoryContext;
	Datum		params[MOST_PARAMS];
	List	   *found = NIL;
	int			nest_level = NewGUCNestLevel();

	Assert(columns <= MOST_PARAMS);
	for (int i = 0; i < columns; i++)
		params[i] = make_array(map, rows, i);
	(void) set_config_option("search_path", "", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	SPI_connect();
	if (SPI_execute_with_args(sql, columns, types, params, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the catalogs");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		TupleDesc	desc = SPI_tuptable->tupdesc;
		MemoryContext spi_context = MemoryContextSwitchTo(context);
		char	  **row = palloc(sizeof(char *) * desc->natts);

		for (int j = 0; j < desc->natts; j++)
			row[j] = SPI_getvalue(SPI_tuptable->vals[i], desc, j + 1);
		found = lappend(found, row);
		MemoryContextSwitchTo(spi_context);
	}
	SPI_finish();
	AtEOXact_GUC(true, nest_level);
	return found;
}

/* What the source needs of the extensions that are here: extension, object. */
static List *
ask_needed(SourceSession *session, List *names, const ObjectFilter *filter)
{
	const char *each_sql = "SELECT n.name, n.what, n.classid, n.oid FROM (%s) AS n ORDER BY 1, 2";
	const char *once_sql = "SELECT DISTINCT n.name, n.what FROM (%s) AS n ORDER BY 1, 2";
	const char *params[] = {pgcopy_names_array_literal(names)};
	const char *sql = psprintf(filter != NULL ? each_sql : once_sql, needed_sql);

	return take_cloned(pgcopy_session_query(session, sql, filter != NULL ? 4 : 2,
											lengthof(params), params), 2, filter);
}

static List *
ask_columns(SourceSession *session, List *names)
{
	const char *params[] = {pgcopy_names_array_literal(names)};
	const char *generated = pgcopy_session_version(session) >= 120000 ?
		"AND a.attgenerated = ''" : "";

	return take_cloned(pgcopy_session_query(session, psprintf(columns_sql, generated), 4,
											lengthof(params), params), 4, NULL);
}

/*
 * An extension in another schema is in nobody's way if nothing refers to what is in
 * it (pg_stat_statements, mostly).
 */
static List *
report_schema(char **difference, List *needed)
{
	const char *name = quote_identifier(difference[1]);
	ListCell   *lc;
	Finding		finding = {
		.level = FINDING_NOTICE,
		.sqlerrcode = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		.object = psprintf("extension %s", name),
		.message = psprintf("extension %s is in schema %s on the source, and in schema %s here",
							name, quote_identifier(difference[2]), quote_identifier(difference[3])),
		.detail = "Definitions of the source name its objects with that schema.",
		.hint = psprintf("Move it here (ALTER EXTENSION %s SET SCHEMA %s), or drop it: the clone creates it.",
						 name, quote_identifier(difference[2]))
	};

	foreach(lc, needed)
	{
		if (strcmp(((char **) lfirst(lc))[0], difference[1]) == 0)
			finding.level = FINDING_ERROR;
	}
	return pgcopy_finding_list(&finding);
}

/* Report a difference that does no harm by itself. */
static List *
report_difference(char **difference)
{
	const char *name = quote_identifier(difference[1]);
	Finding		finding = {
		.level = FINDING_NOTICE,
		.object = psprintf("extension %s", name)
	};

	switch (difference[0][0])
	{
		case 'v':
			finding.message = psprintf("extension %s has version %s on the source and version %s here",
									   name, difference[2], difference[3]);
			finding.hint = "It stays as it is here.  What its script makes is that version's.";
			break;
		case 'd':
			finding.message = psprintf("extension %s has version %s on the source and gets version %s here, the default of this server",
									   name, difference[2], difference[3]);
			finding.hint = psprintf("If you need the source's version, run CREATE EXTENSION %s VERSION %s here before the clone.",
									name, quote_literal_cstr(difference[2]));
			break;
		case 'c':
			finding.message = psprintf("the comment of extension %s stays as it is here: the extension belongs to another role",
									   name);
			break;
		default:
			return NIL;
	}
	return pgcopy_finding_list(&finding);
}

/* Report, by extension, what the source needs of it and is not here. */
static List *
report_missing(List *missing)
{
	List	   *findings = NIL;
	ListCell   *lc = list_head(missing);

	while (lc != NULL)
	{
		char	   *extension = ((char **) lfirst(lc))[0];
		List	   *names = NIL;
		Finding		finding = {
			.level = FINDING_ERROR,
			.sqlerrcode = ERRCODE_UNDEFINED_OBJECT,
			.object = psprintf("extension %s", quote_identifier(extension)),
			.message = psprintf("extension %s is here, but without objects that the source needs",
								quote_identifier(extension)),
			.hint = psprintf("Install the source's version here (ALTER EXTENSION %s UPDATE TO ...).",
							 quote_identifier(extension))
		};

		for (; lc != NULL && strcmp(((char **) lfirst(lc))[0], extension) == 0;
			 lc = lnext(missing, lc))
			names = lappend(names, ((char **) lfirst(lc))[1]);
		finding.detail = psprintf("Missing: %s.", pgcopy_names_list(names, SHOWN_NAMES));
		findings = list_concat(findings, pgcopy_finding_list(&finding));
	}
	return findings;
}

/* Return the rows about these extensions, in their order. */
static List *
keep_extensions(List *rows, List *names)
{
	List	   *kept = NIL;
	ListCell   *lc;
	ListCell   *name;

	foreach(name, names)
	{
		foreach(lc, rows)
		{
			if (strcmp(lfirst(name), ((char **) lfirst(lc))[0]) == 0)
				kept = lappend(kept, lfirst(lc));
		}
	}
	return kept;
}

/* List the names of differences of one of these kinds. */
static List *
list_names(List *differences, const char *kinds)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, differences)
	{
		char	  **difference = lfirst(lc);

		if (strchr(kinds, difference[0][0]) != NULL)
			names = lappend(names, difference[1]);
	}
	return names;
}

/* Check what is needed of the extensions that are here, in whatever schema. */
static List *
check_needed(SourceSession *session, const List *map, List *differences,
			 const ObjectFilter *filter)
{
	List	   *needed = ask_needed(session, list_names(differences, "sh"), filter);
	List	   *columns = ask_columns(session, list_names(differences, "h"));
	List	   *missing = list_concat(query_here(map, missing_objects_sql, needed, 2),
									  query_here(map, missing_columns_sql, columns, 4));
	List	   *findings = report_missing(keep_extensions(missing, list_names(differences, "h")));
	ListCell   *lc;

	foreach(lc, differences)
	{
		char	  **difference = lfirst(lc);

		if (difference[0][0] == 's')
			findings = list_concat(findings, report_schema(difference, needed));
	}
	return findings;
}

/* Tell which sequences will hand out numbers that rows already have. */
static List *
find_sequences(SourceSession *session, const ObjectFilter *filter)
{
	List	   *rows = take_cloned(pgcopy_session_query(session, sequences_sql, 4, 0, NULL),
								   2, filter);
	List	   *findings = NIL;
	ListCell   *lc;

	foreach(lc, rows)
	{
		char	  **row = lfirst(lc);
		const char *name = row[1];
		Finding		finding = {
			.level = FINDING_NOTICE,
			.object = psprintf("sequence %s", name),
			.message = psprintf("the value of sequence %s is not copied, but the rows of its table are: extension %s does not mark it as configuration",
								name, quote_identifier(row[0])),
			.hint = psprintf("Set it after the clone, as it is on the source: SELECT setval(%s, ...).",
							 quote_literal_cstr(name))
		};

		findings = list_concat(findings, pgcopy_finding_list(&finding));
	}
	return findings;
}

void
pgcopy_preflight_foresee_extensions(SourceSession *session)
{
	pgcopy_ahead_foresee(session, source_sql, 6, 0, NULL);
	pgcopy_ahead_foresee(session, sequences_sql, 4, 0, NULL);
}

List *
pgcopy_preflight_check_extensions(SourceSession *session, const PreflightRequest *request)
{
	List	   *extensions = take_cloned(pgcopy_session_query(session, source_sql, 6, 0, NULL),
										 4, request->filter);
	List	   *differences = query_here(request->schema_map, differences_sql, extensions, 4);
	List	   *findings = find_sequences(session, request->filter);
	ListCell   *lc;

	foreach(lc, differences)
		findings = list_concat(findings, report_difference(lfirst(lc)));
	if (list_names(differences, "sh") != NIL)
		findings = list_concat(findings, check_needed(session, request->schema_map, differences,
													  request->filter));
	return findings;
}
