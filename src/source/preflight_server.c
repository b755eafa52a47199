/*-------------------------------------------------------------------------
 *
 * preflight_server.c
 *	  What the source's server has but this one has not, and what of this database may
 *	  interfere.
 *
 * pg_dump creates none of it: initdb made it, or a version of PostgreSQL had it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "source/preflight_private.h"

/*
 * What depends on it was recorded: initdb's collations are not pinned.  A default
 * goes with its table.
 */
static const char collations_sql[] =
"SELECT c.collname AS name,"
"  CASE WHEN a.oid IS NULL THEN d.classid"
"   ELSE 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid END AS classid,"
"  COALESCE(a.adrelid, d.objid) AS oid"
" FROM pg_catalog.pg_collation AS c"
" JOIN pg_catalog.pg_depend AS d ON d.refobjid = c.oid AND d.deptype <> 'p'"
"  AND d.refclassid = 'pg_catalog.pg_collation'::pg_catalog.regclass"
" LEFT JOIN pg_catalog.pg_attrdef AS a ON a.oid = d.objid"
"  AND d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass"
" WHERE c.collnamespace = 'pg_catalog'::pg_catalog.regnamespace";

static const char missing_collations_sql[] =
"SELECT pg_catalog.quote_ident(u.name)"
" FROM pg_catalog.unnest($1::pg_catalog.text[]) AS u(name)"
" WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_collation AS c"
"  WHERE c.collname::pg_catalog.text = u.name"
"   AND c.collnamespace = 'pg_catalog'::pg_catalog.regnamespace"
"   AND c.collencoding IN (-1, (SELECT d.encoding FROM pg_catalog.pg_database AS d"
"    WHERE d.datname = pg_catalog.current_database())))"
" ORDER BY u.name COLLATE pg_catalog.\"C\"";

static const char languages_sql[] =
"SELECT l.lanname AS name,"
"  'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid AS classid, p.oid AS oid"
" FROM pg_catalog.pg_language AS l"
" JOIN pg_catalog.pg_proc AS p ON p.prolang = l.oid AND p.oid >= 16384"
" WHERE l.oid < 16384";

static const char missing_languages_sql[] =
"SELECT pg_catalog.quote_ident(u.name)"
" FROM pg_catalog.unnest($1::pg_catalog.text[]) AS u(name)"
" WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_language AS l"
"  WHERE l.lanname::pg_catalog.text = u.name)"
" ORDER BY u.name COLLATE pg_catalog.\"C\"";

/* Types that PostgreSQL 12 has removed.  pg_depend does not know what uses them. */
static const char types_sql[] =
"SELECT t.typname AS name,"
"  'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid AS classid, a.attrelid AS oid"
" FROM pg_catalog.pg_type AS t"
" JOIN pg_catalog.pg_attribute AS a ON a.atttypid IN (t.oid, t.typarray)"
" WHERE t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace"
"  AND t.typname IN ('abstime', 'reltime', 'tinterval')"
"  AND a.attrelid >= 16384 AND a.attnum > 0 AND NOT a.attisdropped";

static const char missing_types_sql[] =
"SELECT pg_catalog.quote_ident(u.name)"
" FROM pg_catalog.unnest($1::pg_catalog.text[]) AS u(name)"
" WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_type AS t"
"  WHERE t.typname::pg_catalog.text = u.name"
"   AND t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace)"
" ORDER BY u.name COLLATE pg_catalog.\"C\"";

/* Tables have had oids before PostgreSQL 12. */
#define VERSION_WITHOUT_OIDS 120000

#define HAS_OIDS(c) c ".relhasoids AND " c ".oid >= 16384 AND " c ".relpersistence <> 't'"

#define TABLES_WITH_OIDS \
"SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name," \
"  'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid AS classid, c.oid AS oid" \
" FROM pg_catalog.pg_class AS c" \
" JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace" \
" WHERE " HAS_OIDS("c")

static const char with_oids_sql[] = TABLES_WITH_OIDS;

/* The column has the number -2. */
static const char with_granted_oids_sql[] =
TABLES_WITH_OIDS " AND EXISTS (SELECT FROM pg_catalog.pg_attribute AS a"
"  WHERE a.attrelid = c.oid AND a.attnum = -2 AND a.attacl IS NOT NULL)";

/*
 * What uses it: indexes, constraints, views, rules, triggers, policies.  A view's rule
 * is the view.
 */
static const char oid_users_sql[] =
"SELECT pg_catalog.pg_describe_object(u.classid, u.oid, 0) AS name, u.classid, u.oid"
" FROM (SELECT DISTINCT CASE WHEN r.oid IS NULL THEN d.classid"
"   ELSE 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid END AS classid,"
"   COALESCE(r.ev_class, d.objid) AS oid"
"  FROM pg_catalog.pg_class AS c"
"  JOIN pg_catalog.pg_depend AS d ON d.refobjid = c.oid AND d.refobjsubid = -2"
"   AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass"
"  LEFT JOIN pg_catalog.pg_rewrite AS r ON r.oid = d.objid AND r.rulename = '_RETURN'"
"   AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass"
"  WHERE " HAS_OIDS("c") ") AS u";

/* PostgreSQL 14 has removed postfix operators, and gave functions of arrays other types. */
#define VERSION_OF_COMPATIBLE_ARRAYS 140000

#define IS_OF_NO_EXTENSION(catalog, oid) \
" NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS x WHERE x.deptype = 'e'" \
"  AND x.classid = 'pg_catalog." catalog "'::pg_catalog.regclass AND x.objid = " oid ")"

static const char postfix_sql[] =
"SELECT pg_catalog.pg_describe_object(o.tableoid, o.oid, 0) AS name, o.tableoid AS classid, o.oid"
" FROM pg_catalog.pg_operator AS o"
" WHERE o.oid >= 16384 AND o.oprright = 0 AND o.oprleft <> 0 AND" IS_OF_NO_EXTENSION("pg_operator", "o.oid");

/* The functions that took anyarray and anyelement, and take anycompatiblearray now. */
#define ARRAY_FUNCTIONS \
"(SELECT f.oid FROM pg_catalog.pg_proc AS f WHERE f.oid < 16384" \
" AND f.pronamespace = 'pg_catalog'::pg_catalog.regnamespace" \
" AND f.proname IN ('array_append', 'array_cat', 'array_prepend', 'array_remove'," \
"  'array_replace', 'array_position', 'array_positions')" \
" OR f.oid = 'pg_catalog.width_bucket(anyelement, anyarray)'::pg_catalog.regprocedure)"

#define IS_POLYMORPHIC(type) \
" " type " IN ('pg_catalog.anyarray'::pg_catalog.regtype, 'pg_catalog.anyelement'::pg_catalog.regtype)"

static const char polymorphic_sql[] =
"SELECT pg_catalog.pg_describe_object(p.tableoid, p.oid, 0) AS name, p.tableoid AS classid, p.oid"
" FROM pg_catalog.pg_aggregate AS a JOIN pg_catalog.pg_proc AS p ON p.oid = a.aggfnoid"
" WHERE p.oid >= 16384 AND" IS_POLYMORPHIC("a.aggtranstype")
" AND (a.aggtransfn::pg_catalog.oid IN " ARRAY_FUNCTIONS
"  OR a.aggfinalfn::pg_catalog.oid IN " ARRAY_FUNCTIONS ") AND" IS_OF_NO_EXTENSION("pg_proc", "p.oid")
" UNION ALL "
"SELECT pg_catalog.pg_describe_object(o.tableoid, o.oid, 0), o.tableoid, o.oid"
" FROM pg_catalog.pg_operator AS o"
" WHERE o.oid >= 16384 AND o.oprcode::pg_catalog.oid IN " ARRAY_FUNCTIONS
" AND (" IS_POLYMORPHIC("o.oprleft") " OR" IS_POLYMORPHIC("o.oprright") ") AND" IS_OF_NO_EXTENSION("pg_operator", "o.oid");

/* None of these is here: the source's version is older. */
static const char all_names_sql[] =
"SELECT u.name FROM pg_catalog.unnest($1::pg_catalog.text[]) AS u(name)"
" ORDER BY u.name COLLATE pg_catalog.\"C\"";

/* Ours looks at DROP only. */
static const char event_triggers_sql[] =
"SELECT pg_catalog.quote_ident(t.evtname) FROM pg_catalog.pg_event_trigger AS t"
" WHERE t.evtenabled IN ('O', 'A')"
"  AND t.evtevent IN ('ddl_command_start', 'ddl_command_end')"
"  AND t.evtname <> 'pgcopy_guard'"
" ORDER BY t.evtname";

static const PreflightComparison comparisons[] = {
	{
		.source_sql = collations_sql,
		.local_sql = missing_collations_sql,
		.report = {
			ERRCODE_UNDEFINED_OBJECT,
			"%d collation that the source uses does not exist here",
			"%d collations that the source uses do not exist here",
			"Missing",
			"Install the locales on this server's operating system, and run SELECT pg_import_system_collations('pg_catalog') here."
		}
	},
	{
		.source_sql = languages_sql,
		.local_sql = missing_languages_sql,
		.report = {
			ERRCODE_UNDEFINED_OBJECT,
			"%d language that the source uses does not exist here",
			"%d languages that the source uses do not exist here",
			"Missing",
			"Create it here: CREATE EXTENSION plpgsql"
		}
	},
	{
		.source_sql = types_sql,
		.local_sql = missing_types_sql,
		.report = {
			ERRCODE_UNDEFINED_OBJECT,
			"%d type of the source's columns has been removed from PostgreSQL",
			"%d types of the source's columns have been removed from PostgreSQL",
			"Removed",
			"On the source, ALTER TABLE ... ALTER COLUMN ... TYPE to timestamptz, interval or tstzrange."
		}
	},
	{
		.before_version = VERSION_WITHOUT_OIDS,
		.source_sql = with_oids_sql,
		.local_sql = all_names_sql,
		.is_notice = true,
		.report = {
			ERRCODE_FEATURE_NOT_SUPPORTED,
			"%d table of the source is WITH OIDS: its column oid is not cloned",
			"%d tables of the source are WITH OIDS: their columns oid are not cloned",
			"Tables",
			"PostgreSQL 12 has removed them. If the values are needed: on the source, add an ordinary column, and set it to oid."
		}
	},
	{
		.before_version = VERSION_WITHOUT_OIDS,
		.source_sql = oid_users_sql,
		.local_sql = all_names_sql,
		.report = {
			ERRCODE_UNDEFINED_COLUMN,
			"%d definition of the source uses the column oid of a table WITH OIDS",
			"%d definitions of the source use the column oid of a table WITH OIDS",
			"Definitions",
			"PostgreSQL 12 has removed such columns: on the source, drop what uses them, or let it use an ordinary column; or leave it out: on_error => 'continue'."
		}
	},
	{
		.before_version = VERSION_WITHOUT_OIDS,
		.source_sql = with_granted_oids_sql,
		.local_sql = all_names_sql,
		.is_of_privileges = true,
		.report = {
			ERRCODE_UNDEFINED_COLUMN,
			"%d table of the source has privileges on its column oid",
			"%d tables of the source have privileges on their columns oid",
			"Tables",
			"PostgreSQL 12 has removed such columns: REVOKE these privileges on the source, or use no_privileges."
		}
	},
	{
		.before_version = VERSION_OF_COMPATIBLE_ARRAYS,
		.source_sql = postfix_sql,
		.local_sql = all_names_sql,
		.report = {
			ERRCODE_FEATURE_NOT_SUPPORTED,
			"%d operator of the source is a postfix operator",
			"%d operators of the source are postfix operators",
			"Operators",
			"PostgreSQL 14 has removed them: on the source, drop them, and let what uses them call their functions."
		}
	},
	{
		.before_version = VERSION_OF_COMPATIBLE_ARRAYS,
		.source_sql = polymorphic_sql,
		.local_sql = all_names_sql,
		.report = {
			ERRCODE_UNDEFINED_FUNCTION,
			"%d definition of the source uses a function of arrays that has other types here",
			"%d definitions of the source use functions of arrays that have other types here",
			"Definitions",
			"From PostgreSQL 14 on functions such as array_append take anycompatiblearray, and no longer anyarray: on the source, drop what uses them, and create it here after the clone."
		}
	},
	{
		.local_sql = event_triggers_sql,
		.is_notice = true,
		.report = {
			ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			"%d event trigger of this database will fire for statements of the job",
			"%d event triggers of this database will fire for statements of the job",
			"Event triggers",
			"If they must not, or raise errors: ALTER EVENT TRIGGER ... DISABLE until the job is done."
		}
	}
};

const PreflightComparison *
pgcopy_preflight_server_comparisons(int *n)
{
	*n = lengthof(comparisons);
	return comparisons;
}
