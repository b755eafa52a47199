/*-------------------------------------------------------------------------
 *
 * role_facts.h
 *	  The query for the roles of a server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_ROLE_FACTS_H
#define PGCOPY_ROLE_FACTS_H

/* Kinds of facts. */
#define ROLE_ATTRIBUTE	"attribute" /* name: "SUPERUSER" ...; value: true, false;
									 * or a number, or a time */
#define ROLE_COMMENT	"comment"	/* value */
#define ROLE_LABEL		"label"		/* name: provider; value */
#define ROLE_MEMBERSHIP "membership"	/* name: the role it is a member of; value:
										 * grantor, "" is the bootstrap superuser */
#define ROLE_SETTING	"setting"	/* name; value */
#define ROLE_PASSWORD	"password"	/* value: verifier; not in the query */

/* Attributes that are no yes or no. */
#define ROLE_CONNECTION_LIMIT	"CONNECTION LIMIT"
#define ROLE_VALID_UNTIL		"VALID UNTIL"

typedef struct RoleFact
{
	const char *kind;
	const char *role;
	const char *name;
	const char *value;
	const char *options;		/* of a membership: admin, inherit, set, each t, f
								 * or - (a server before 16); else "" */
	bool		is_placed;		/* of a membership with admin: it is in the plan */
} RoleFact;

#define ROLE_IS_PREDEFINED_PREFIX "pg_"

/*
 * One row per fact of each role but the predefined ones: kind, role, name, value,
 * options, all text.  It runs on any server from 10 up, with an empty search_path.
 * to_jsonb(): the columns of pg_auth_members differ by version.
 */
#define ROLE_FACTS_SQL \
"SELECT f.kind, f.role, f.name, f.value, f.options FROM (" \
"  SELECT 'attribute' AS kind, r.rolname::pg_catalog.text AS role, a.name AS name," \
"   a.value AS value, '' AS options" \
"  FROM pg_catalog.pg_roles AS r CROSS JOIN LATERAL (VALUES" \
"   ('SUPERUSER', r.rolsuper::pg_catalog.text), ('INHERIT', r.rolinherit::pg_catalog.text)," \
"   ('CREATEROLE', r.rolcreaterole::pg_catalog.text)," \
"   ('CREATEDB', r.rolcreatedb::pg_catalog.text), ('LOGIN', r.rolcanlogin::pg_catalog.text)," \
"   ('REPLICATION', r.rolreplication::pg_catalog.text)," \
"   ('BYPASSRLS', r.rolbypassrls::pg_catalog.text)," \
"   ('CONNECTION LIMIT', r.rolconnlimit::pg_catalog.text)," \
"   ('VALID UNTIL', CASE WHEN pg_catalog.isfinite(r.rolvaliduntil)" \
"     THEN pg_catalog.to_char(r.rolvaliduntil AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US\"+00\" BC')" \
"     ELSE r.rolvaliduntil::pg_catalog.text END)" \
"   ) AS a(name, value)" \
"  UNION ALL" \
"  SELECT 'comment', r.rolname::pg_catalog.text, ''," \
"   pg_catalog.shobj_description(r.oid, 'pg_authid'), '' FROM pg_catalog.pg_roles AS r" \
"  UNION ALL" \
"  SELECT 'label', r.rolname::pg_catalog.text, l.provider, l.label, ''" \
"  FROM pg_catalog.pg_shseclabel AS l JOIN pg_catalog.pg_roles AS r ON r.oid = l.objoid" \
"  WHERE l.classoid = 'pg_catalog.pg_authid'::pg_catalog.regclass" \
"  UNION ALL" \
"  SELECT 'membership', r.rolname::pg_catalog.text, g.rolname::pg_catalog.text," \
"   CASE WHEN m.grantor = 10 THEN '' ELSE COALESCE(w.rolname::pg_catalog.text, '') END," \
"   CASE WHEN m.admin_option THEN 't' ELSE 'f' END" \
"    || COALESCE(pg_catalog.left(pg_catalog.to_jsonb(m) ->> 'inherit_option', 1), '-')" \
"    || COALESCE(pg_catalog.left(pg_catalog.to_jsonb(m) ->> 'set_option', 1), '-')" \
"  FROM pg_catalog.pg_auth_members AS m" \
"  JOIN pg_catalog.pg_roles AS r ON r.oid = m.member" \
"  JOIN pg_catalog.pg_roles AS g ON g.oid = m.roleid" \
"  LEFT JOIN pg_catalog.pg_roles AS w ON w.oid = m.grantor" \
"  UNION ALL" \
"  SELECT 'setting', r.rolname::pg_catalog.text, pg_catalog.split_part(c.setting, '=', 1)," \
"   pg_catalog.substr(c.setting, pg_catalog.strpos(c.setting, '=') + 1), ''" \
"  FROM pg_catalog.pg_db_role_setting AS s" \
"  JOIN pg_catalog.pg_roles AS r ON r.oid = s.setrole" \
"  CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c(setting)" \
"  WHERE s.setdatabase = 0" \
" ) AS f WHERE f.value IS NOT NULL AND f.role !~ '^pg_'" \
" ORDER BY f.role COLLATE pg_catalog.\"C\", f.kind COLLATE pg_catalog.\"C\", f.name COLLATE pg_catalog.\"C\", f.value COLLATE pg_catalog.\"C\""

#endif							/* PGCOPY_ROLE_FACTS_H */
