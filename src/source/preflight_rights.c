/*-------------------------------------------------------------------------
 *
 * preflight_rights.c
 *	  What the role of the connection may not read on the source.
 *
 * The source itself would name the first object only, and of rows and large
 * objects after hours.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "source/preflight_private.h"

/* Relations of some kinds that are dumped, with configuration tables. */
#define FROM_RELATIONS(kinds) \
	" FROM pg_catalog.pg_class AS c" \
	" JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace" \
	" WHERE c.relkind IN (" kinds ") AND c.relpersistence <> 't'" \
	"  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'" \
	"  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d" \
	"   JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid" \
	"   WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid" \
	"    AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass" \
	"    AND d.deptype = 'e'" \
	"    AND (e.extname = 'pgcopydb_ext' OR c.oid <> ALL (COALESCE(e.extconfig, '{}'))))"

#define MAY_READ_RELATION \
	" (pg_catalog.has_table_privilege(c.oid, 'SELECT')" \
	"  AND pg_catalog.has_schema_privilege(n.oid, 'USAGE'))"

#define NAME_OF_RELATION "pg_catalog.format('%I.%I', n.nspname, c.relname)"

/* Large objects are pages of a catalog if the role may read that, else objects. */
static const char large_objects_sql[] =
"SELECT m.oid::pg_catalog.text FROM pg_catalog.pg_largeobject_metadata AS m"
" WHERE NOT pg_catalog.has_table_privilege('pg_catalog.pg_largeobject', 'SELECT')"
"  AND pg_catalog.current_setting('lo_compat_privileges') = 'off'"
"  AND NOT pg_catalog.pg_has_role(m.lomowner, 'USAGE')"
"  AND NOT EXISTS (SELECT FROM pg_catalog.aclexplode(m.lomacl) AS a"
"   WHERE a.privilege_type = 'SELECT'"
"    AND (a.grantee = 0 OR pg_catalog.pg_has_role(a.grantee, 'USAGE')))"
" ORDER BY m.oid";

/* $1: owners, $2: privileges.  Grantors need not be acted as (preflight.c). */
static const char roles_sql[] =
"SELECT u.is_owner, r.rolname FROM ("
"  SELECT true, m.lomowner FROM pg_catalog.pg_largeobject_metadata AS m"
"  WHERE $1::pg_catalog.bool"
"  UNION"
"  SELECT false, a.grantor FROM pg_catalog.pg_largeobject_metadata AS m,"
"   pg_catalog.aclexplode(m.lomacl) AS a"
"  WHERE $2::pg_catalog.bool AND a.grantor <> m.lomowner"
"  UNION"
"  SELECT false, a.grantee FROM pg_catalog.pg_largeobject_metadata AS m,"
"   pg_catalog.aclexplode(m.lomacl) AS a"
"  WHERE $2::pg_catalog.bool AND a.grantee <> 0 AND a.grantee <> m.lomowner"
" ) AS u(is_owner, role)"
" JOIN pg_catalog.pg_roles AS r ON r.oid = u.role"
" ORDER BY r.rolname, u.is_owner";

static const PreflightComparison comparisons[] = {
	{
		.objects = COMPARE_RELATIONS,
		.source_sql = "SELECT " NAME_OF_RELATION FROM_RELATIONS("'r', 'p'")
		" AND NOT" MAY_READ_RELATION,
		.stops_always = true,
		.report = {
			ERRCODE_INSUFFICIENT_PRIVILEGE,
			"the source's role may not read %d table",
			"the source's role may not read %d tables",
			"Not readable",
			"On the source, grant SELECT on them, and USAGE on their schemas, to the role of the connection (from PostgreSQL 14 on: GRANT pg_read_all_data)."
		}
	},
	{
		/* rows are read from partitions: their parents' policies hide none */
		.objects = COMPARE_ROWS,
		.source_sql = "SELECT " NAME_OF_RELATION FROM_RELATIONS("'r'")
		" AND" MAY_READ_RELATION
		" AND pg_catalog.row_security_active(c.oid)",
		.report = {
			ERRCODE_INSUFFICIENT_PRIVILEGE,
			"row-level security hides rows of %d table from the source's role",
			"row-level security hides rows of %d tables from the source's role",
			"Tables",
			"Connect to the source as a role with BYPASSRLS."
		}
	},
	{
		.objects = COMPARE_RELATIONS,
		.source_sql = "SELECT " NAME_OF_RELATION FROM_RELATIONS("'S'")
		" AND NOT" MAY_READ_RELATION,
		.report = {
			ERRCODE_INSUFFICIENT_PRIVILEGE,
			"the source's role may not read %d of its sequences",
			"the source's role may not read %d of its sequences",
			"Not readable",
			"On the source, grant SELECT on them, and USAGE on their schemas, to the role of the connection."
		}
	},
	{
		.objects = COMPARE_LARGE_OBJECTS,
		.source_sql = large_objects_sql,
		.report = {
			ERRCODE_INSUFFICIENT_PRIVILEGE,
			"the source's role may not read %d large object",
			"the source's role may not read %d large objects",
			"Not readable",
			"On the source, grant SELECT on them to the role of the connection, or connect as a superuser."
		}
	}
};

const PreflightComparison *
pgcopy_preflight_rights_comparisons(int *n)
{
	*n = lengthof(comparisons);
	return comparisons;
}

const char *
pgcopy_preflight_rights_roles_sql(void)
{
	return roles_sql;
}
