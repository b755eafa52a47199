/*-------------------------------------------------------------------------
 *
 * listing.c
 *	  Names of the source's schemas and relations, and of what else pg_dump's
 *	  entries know by name only.
 *
 * pg_dump is told by name what to leave out.  Its entries for grants on members of
 * extensions and for user mappings bear no OID and depend on nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_extension.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_namespace.h"
#include "miscadmin.h"

#include "source/listing.h"

static const char relations_sql[] =
"SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass::pg_catalog.oid, n.oid,"
"  NULL, n.nspname::pg_catalog.text, false, 0 AS place"
" FROM pg_catalog.pg_namespace AS n"
" WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
" UNION ALL"
" SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, c.oid,"
"  n.nspname::pg_catalog.text, c.relname::pg_catalog.text,"
"  EXISTS (SELECT FROM pg_catalog.pg_depend AS d"
"   WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid"
"   AND d.deptype = 'e'), 1"
" FROM pg_catalog.pg_class AS c"
" JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
" WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND c.relpersistence <> 't'"
"  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
" ORDER BY 6, 3, 4";

static const char by_name_sql[] =
"SELECT d.refclassid, d.refobjid,"
"  n.nspname, COALESCE(c.relname, p.proname, t.typname, s.nspname, f.fdwname, v.srvname,"
"   l.lanname, ''), true"
" FROM pg_catalog.pg_depend AS d"
" JOIN pg_catalog.pg_class AS k ON k.oid = d.classid"
" LEFT JOIN pg_catalog.pg_class AS c ON k.relname = 'pg_class' AND c.oid = d.objid"
" LEFT JOIN pg_catalog.pg_proc AS p ON k.relname = 'pg_proc' AND p.oid = d.objid"
" LEFT JOIN pg_catalog.pg_type AS t ON k.relname = 'pg_type' AND t.oid = d.objid"
" LEFT JOIN pg_catalog.pg_namespace AS s ON k.relname = 'pg_namespace' AND s.oid = d.objid"
" LEFT JOIN pg_catalog.pg_foreign_data_wrapper AS f"
"  ON k.relname = 'pg_foreign_data_wrapper' AND f.oid = d.objid"
" LEFT JOIN pg_catalog.pg_foreign_server AS v"
"  ON k.relname = 'pg_foreign_server' AND v.oid = d.objid"
" LEFT JOIN pg_catalog.pg_language AS l ON k.relname = 'pg_language' AND l.oid = d.objid"
" LEFT JOIN pg_catalog.pg_namespace AS n"
"  ON n.oid = COALESCE(c.relnamespace, p.pronamespace, t.typnamespace)"
" WHERE d.deptype = 'e' AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass"
" UNION ALL"
" SELECT 'pg_catalog.pg_foreign_server'::pg_catalog.regclass::pg_catalog.oid, v.oid,"
"  NULL, v.srvname, false"
" FROM pg_catalog.pg_foreign_server AS v";

/* Schemas themselves, members of extensions by these, and foreign servers. */
static bool
may_lack_schema(Oid class_oid)
{
	return class_oid == NamespaceRelationId || class_oid == ExtensionRelationId ||
		class_oid == ForeignServerRelationId;
}

static List *
list_objects(SourceSession *session, const char *sql, int columns)
{
	SourceRows *rows = pgcopy_session_query(session, sql, columns, 0, NULL);
	List	   *objects = NIL;

	for (int i = 0; i < pgcopy_rows_count(rows); i++)
	{
		ListedObject *object = palloc(sizeof(ListedObject));

		CHECK_FOR_INTERRUPTS();
		object->class_oid = pgcopy_rows_get_oid(rows, i, 0);
		object->object_oid = pgcopy_rows_get_oid(rows, i, 1);
		object->schema = pgcopy_rows_is_null(rows, i, 2) && may_lack_schema(object->class_oid) ?
			NULL : pstrdup(pgcopy_rows_get(rows, i, 2));
		object->name = pstrdup(pgcopy_rows_get(rows, i, 3));
		object->is_member = pgcopy_rows_get_bool(rows, i, 4);
		objects = lappend(objects, object);
	}
	pgcopy_rows_free(rows);
	return objects;
}

List *
pgcopy_listing_relations(SourceSession *session)
{
	return list_objects(session, relations_sql, 6);
}

List *
pgcopy_listing_by_name(SourceSession *session)
{
	return list_objects(session, by_name_sql, 5);
}
