/*-------------------------------------------------------------------------
 *
 * properties.h
 *	  The query for what belongs to a database but is not in it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_PROPERTIES_H
#define PGCOPY_PROPERTIES_H

/* Kinds of properties, in the order of the query. */
#define PROPERTY_COMMENT	"comment"	/* value */
#define PROPERTY_LIMIT		"connection limit"	/* value; -1: none */
#define PROPERTY_LABEL		"label"		/* name: provider; value */
#define PROPERTY_LOCALE		"locale"	/* name: "encoding" ...; value */
#define PROPERTY_OWNER		"owner"		/* value */
#define PROPERTY_PRIVILEGE	"privilege" /* role: "" is PUBLIC; name; value:
										 * whether with grant option */
#define PROPERTY_SETTING	"setting"	/* role: "" is the database's; name; value */

typedef struct DatabaseProperty
{
	char	   *kind;
	char	   *role;
	char	   *name;
	char	   *value;
} DatabaseProperty;

/*
 * One row per property of the current database: kind, role, name, value, all
 * text.  It runs on any server from 10 up, with pg_catalog as search_path.
 * to_jsonb(): the columns of pg_database differ by version.
 */
#define PROPERTIES_SQL \
"WITH db AS (" \
"  SELECT d.oid, d.datdba, d.datacl, d.datconnlimit, pg_catalog.to_jsonb(d) AS all_columns," \
"   pg_catalog.pg_encoding_to_char(d.encoding) AS encoding," \
"   d.datcollate::pg_catalog.text AS datcollate, d.datctype::pg_catalog.text AS datctype" \
"  FROM pg_catalog.pg_database AS d" \
"  WHERE d.datname = pg_catalog.current_database()" \
" )" \
" SELECT p.kind AS kind, p.role AS role, p.name AS name, p.value AS value FROM (" \
"  SELECT 'comment' AS kind, '' AS role, '' AS name," \
"   pg_catalog.shobj_description(db.oid, 'pg_database') AS value FROM db" \
"  UNION ALL" \
"  SELECT 'connection limit', '', '', db.datconnlimit::pg_catalog.text FROM db" \
"  UNION ALL" \
"  SELECT 'label', '', l.provider, l.label FROM db JOIN pg_catalog.pg_shseclabel AS l" \
"   ON l.objoid = db.oid AND l.classoid = 'pg_catalog.pg_database'::pg_catalog.regclass" \
"  UNION ALL" \
"  SELECT 'locale', '', l.name, l.value FROM db, LATERAL (VALUES" \
"   ('encoding', db.encoding), ('collation', db.datcollate), ('character type', db.datctype)," \
"   ('locale provider', CASE db.all_columns ->> 'datlocprovider'" \
"     WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END)," \
"   ('locale', COALESCE(db.all_columns ->> 'datlocale', db.all_columns ->> 'daticulocale'))," \
"   ('ICU rules', db.all_columns ->> 'daticurules')," \
"   ('version of the collation', db.all_columns ->> 'datcollversion')" \
"   ) AS l(name, value)" \
"  UNION ALL" \
"  SELECT 'owner', '', '', pg_catalog.pg_get_userbyid(db.datdba)::pg_catalog.text FROM db" \
"  UNION ALL" \
"  SELECT 'privilege'," \
"   CASE WHEN a.grantee = 0 THEN '' ELSE pg_catalog.pg_get_userbyid(a.grantee)::pg_catalog.text END," \
"   a.privilege_type, pg_catalog.bool_or(a.is_grantable)::pg_catalog.text" \
"  FROM db, LATERAL pg_catalog.aclexplode(" \
"   COALESCE(db.datacl, pg_catalog.acldefault('d', db.datdba))) AS a" \
"  WHERE a.grantee <> db.datdba GROUP BY 2, 3" \
"  UNION ALL" \
"  SELECT 'setting', COALESCE(r.rolname::pg_catalog.text, '')," \
"   pg_catalog.split_part(c.setting, '=', 1)," \
"   pg_catalog.substr(c.setting, pg_catalog.strpos(c.setting, '=') + 1)" \
"  FROM db JOIN pg_catalog.pg_db_role_setting AS s ON s.setdatabase = db.oid" \
"  CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c(setting)" \
"  LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = s.setrole" \
"  WHERE s.setrole = 0 OR r.rolname IS NOT NULL" \
" ) AS p WHERE p.value IS NOT NULL ORDER BY 1, 2, 3"

#endif							/* PGCOPY_PROPERTIES_H */
