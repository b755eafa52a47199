/*-------------------------------------------------------------------------
 *
 * own.c
 *	  This extension on the source, and all that needs it there.
 *
 * A source may have this extension too, with jobs, servers and grants.  All of
 * it stays there, and so does what depends on it: here it would refer to the
 * jobs and secrets of another server, or to a schema that the extension does not
 * have here.
 *
 * A source without it may use the names of our schema, views and functions.
 * These cannot be cloned beside ours, so preflight says so.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/hsearch.h"

#include "source/ahead.h"
#include "source/names.h"
#include "source/own.h"

/* How many names a notice or a finding lists. */
#define SHOWN_NAMES 50

typedef struct OwnKey
{
	Oid			class_oid;
	Oid			object_oid;
} OwnKey;

struct SourceOwn
{
	HTAB	   *objects;		/* OwnKey; NULL if there are none */
	List	   *names;			/* char *: schema and name in turns */
	List	   *of_user;		/* char *: descriptions */
};

/*
 * Schema and name are for what pg_dump's entries know by name only: grants on
 * members, and user mappings.  The last column describes what is the user's, but
 * not the parts of other objects.
 */
static const char own_sql[] =
"WITH RECURSIVE " PGCOPY_OWN_CTE ", object AS ("
"  SELECT o.classid, o.objid, k.relname AS kind, EXISTS (SELECT FROM pg_catalog.pg_depend AS d"
"    WHERE d.classid = o.classid AND d.objid = o.objid AND d.deptype = 'e') AS is_member"
"  FROM own AS o JOIN pg_catalog.pg_class AS k ON k.oid = o.classid"
" )"
" SELECT o.classid, o.objid, COALESCE(n.nspname, ''),"
"  COALESCE(c.relname, p.proname, t.typname, s.nspname, f.fdwname, v.srvname, ''),"
"  CASE WHEN NOT o.is_member AND (p.oid IS NOT NULL OR v.oid IS NOT NULL"
"    OR c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')"
"    OR (o.kind = 'pg_trigger' AND NOT g.tgisinternal AND NOT EXISTS (SELECT FROM own AS x"
"     WHERE x.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND x.objid = g.tgrelid))"
"    OR (o.kind = 'pg_constraint' AND r.contype = 'f' AND NOT EXISTS (SELECT FROM own AS x"
"     WHERE x.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND x.objid = r.conrelid))"
"    OR o.kind IN ('pg_publication_rel', 'pg_publication_namespace', 'pg_event_trigger',"
"     'pg_default_acl'))"
"   THEN pg_catalog.pg_describe_object(o.classid, o.objid, 0) END"
" FROM object AS o"
" LEFT JOIN pg_catalog.pg_class AS c ON o.kind = 'pg_class' AND c.oid = o.objid"
" LEFT JOIN pg_catalog.pg_proc AS p ON o.kind = 'pg_proc' AND p.oid = o.objid"
" LEFT JOIN pg_catalog.pg_type AS t ON o.kind = 'pg_type' AND t.oid = o.objid"
" LEFT JOIN pg_catalog.pg_namespace AS s ON o.kind = 'pg_namespace' AND s.oid = o.objid"
" LEFT JOIN pg_catalog.pg_foreign_data_wrapper AS f"
"  ON o.kind = 'pg_foreign_data_wrapper' AND f.oid = o.objid"
" LEFT JOIN pg_catalog.pg_foreign_server AS v ON o.kind = 'pg_foreign_server' AND v.oid = o.objid"
" LEFT JOIN pg_catalog.pg_trigger AS g ON o.kind = 'pg_trigger' AND g.oid = o.objid"
" LEFT JOIN pg_catalog.pg_constraint AS r ON o.kind = 'pg_constraint' AND r.oid = o.objid"
" LEFT JOIN pg_catalog.pg_namespace AS n"
"  ON n.oid = COALESCE(c.relnamespace, p.pronamespace, t.typnamespace)"
" ORDER BY 5, 1, 2";

/*
 * Objects that could have a name of ours, a relation's type counting as the
 * relation; %s: "" for ours, "NOT" for all others.
 */
#define NAMED_OBJECTS \
"SELECT o.what, o.classid::pg_catalog.oid AS classid, o.oid FROM (" \
" SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass AS classid, n.oid," \
"  'schema ' || pg_catalog.quote_ident(n.nspname) AS what" \
" FROM pg_catalog.pg_namespace AS n WHERE n.nspname = 'pgcopy'" \
" UNION ALL" \
" SELECT 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass, f.oid," \
"  'foreign-data wrapper ' || pg_catalog.quote_ident(f.fdwname)" \
" FROM pg_catalog.pg_foreign_data_wrapper AS f WHERE f.fdwname = 'pgcopydb_fdw'" \
" UNION ALL" \
" SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid," \
"  'relation ' || pg_catalog.format('%%I.%%I', n.nspname, c.relname)" \
" FROM pg_catalog.pg_class AS c" \
" JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace" \
" WHERE c.relname ~ '^pgcopy_' AND c.relpersistence <> 't' AND n.nspname <> 'pgcopy'" \
" UNION ALL" \
" SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid," \
"  'relation ' || pg_catalog.format('%%I.%%I', n.nspname, t.typname)" \
" FROM pg_catalog.pg_type AS t" \
" JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace" \
" WHERE t.typname ~ '^pgcopy_' AND t.typrelid = 0 AND n.nspname <> 'pgcopy'" \
" UNION ALL" \
" SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid," \
"  'function ' || pg_catalog.format('%%I.%%I(%%s)', n.nspname, p.proname," \
"   pg_catalog.oidvectortypes(p.proargtypes))" \
" FROM pg_catalog.pg_proc AS p" \
" JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace" \
" WHERE p.proname ~ '^pgcopy' AND n.nspname <> 'pgcopy'" \
" ) AS o" \
" WHERE %s EXISTS (SELECT FROM pg_catalog.pg_depend AS x" \
"  JOIN pg_catalog.pg_extension AS e ON e.oid = x.refobjid" \
"  WHERE x.classid = o.classid AND x.objid = o.oid AND x.deptype = 'e'" \
"  AND x.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass" \
"  AND e.extname = 'pgcopydb_ext')"

static const char schema_here_sql[] =
"SELECT n.nspname::pg_catalog.text FROM pg_catalog.pg_extension AS e"
" JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace"
" WHERE e.extname = 'pgcopydb_ext'";

static HTAB *
make_hash(void)
{
	HASHCTL		ctl = {
		.keysize = sizeof(OwnKey),.entrysize = sizeof(OwnKey),.hcxt = CurrentMemoryContext
	};

	return hash_create("pgcopy own objects", 256, &ctl,
					   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

void
pgcopy_own_foresee(SourceSession *session)
{
	pgcopy_ahead_foresee(session, own_sql, 5, 0, NULL);
}

SourceOwn *
pgcopy_own_read(SourceSession *session)
{
	SourceRows *rows = pgcopy_session_query(session, own_sql, 5, 0, NULL);
	SourceOwn  *own = palloc0(sizeof(SourceOwn));

	if (pgcopy_rows_count(rows) > 0)
		own->objects = make_hash();
	for (int i = 0; i < pgcopy_rows_count(rows); i++)
	{
		OwnKey		key = {pgcopy_rows_get_oid(rows, i, 0), pgcopy_rows_get_oid(rows, i, 1)};

		CHECK_FOR_INTERRUPTS();
		(void) hash_search(own->objects, &key, HASH_ENTER, NULL);
		own->names = lappend(own->names, pstrdup(pgcopy_rows_get(rows, i, 2)));
		own->names = lappend(own->names, pstrdup(pgcopy_rows_get(rows, i, 3)));
		if (!pgcopy_rows_is_null(rows, i, 4))
			own->of_user = lappend(own->of_user, pstrdup(pgcopy_rows_get(rows, i, 4)));
	}
	pgcopy_rows_free(rows);
	return own;
}

bool
pgcopy_own_has(const SourceOwn *own, Oid class_oid, Oid object_oid)
{
	OwnKey		key = {class_oid, object_oid};

	return own->objects != NULL &&
		hash_search(own->objects, &key, HASH_FIND, NULL) != NULL;
}

bool
pgcopy_own_has_name(const SourceOwn *own, const char *schema, const char *name)
{
	for (int i = 0; i < list_length(own->names); i += 2)
	{
		if (strcmp(list_nth(own->names, i), schema) == 0 &&
			strcmp(list_nth(own->names, i + 1), name) == 0)
			return true;
	}
	return false;
}

List *
pgcopy_own_notice(const SourceOwn *own)
{
	int			count = list_length(own->of_user);
	Finding		finding = {.level = FINDING_NOTICE};

	if (count == 0)
		return NIL;
	finding.object = pgcopy_names_list(own->of_user, SHOWN_NAMES);
	finding.message = psprintf(count == 1 ?
							   "%d object is not cloned: it needs the extension pgcopydb_ext of the source, which stays there" :
							   "%d objects are not cloned: they need the extension pgcopydb_ext of the source, which stays there",
							   count);
	finding.hint = "Create here what you want to have for this database's own pgcopydb_ext.";
	return pgcopy_finding_list(&finding);
}

char *
pgcopy_own_schema_here(void)
{
	List	   *names = pgcopy_names_query(schema_here_sql);

	return names != NIL ? linitial(names) : NULL;
}

List *
pgcopy_own_check_names(SourceSession *session, const ObjectFilter *filter)
{
	NamesQuery	there = {.sql = psprintf(NAMED_OBJECTS, "NOT"),.more = ""};
	List	   *here = pgcopy_names_query(psprintf(NAMED_OBJECTS, ""));
	List	   *names = pgcopy_names_shared(session, filter, here, &there);
	Finding		finding = {
		.level = FINDING_ERROR,
		.sqlerrcode = ERRCODE_DUPLICATE_OBJECT,
		.hint = "Create this extension here in a schema that the source does not have: DROP EXTENSION pgcopydb_ext; CREATE SCHEMA ...; CREATE EXTENSION pgcopydb_ext SCHEMA ..."
	};
	int			count = list_length(names);
	ListCell   *lc;

	if (count == 0)
		return NIL;
	foreach(lc, names)
	{
		/* these two have the same name wherever the extension is */
		if (strcmp(lfirst(lc), "schema pgcopy") == 0 ||
			strcmp(lfirst(lc), "foreign-data wrapper pgcopydb_fdw") == 0)
			finding.hint = "The names \"pgcopy\" of a schema and \"pgcopydb_fdw\" of a foreign-data wrapper are taken in each database with this extension: rename those of the source (ALTER ... RENAME TO).";
	}
	finding.message = psprintf(count == 1 ?
							   "%d object of the source has the name of one of this extension" :
							   "%d objects of the source have the names of objects of this extension",
							   count);
	finding.detail = psprintf("In the way: %s.", pgcopy_names_list(names, SHOWN_NAMES));
	return pgcopy_finding_list(&finding);
}
