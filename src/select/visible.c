/*-------------------------------------------------------------------------
 *
 * visible.c
 *	  Relations of the source that are found without their schema.
 *
 * pg_table_is_visible() would answer for our session, whose search_path is empty.
 * So look each name up in the schemas of the path, pg_catalog before them as in
 * every session.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/varlena.h"

#include "select/arrays.h"
#include "select/visible.h"
#include "source/names.h"

struct VisibleRelations
{
	Oid		   *oids;			/* sorted */
	int			n;
};

static const char visible_sql[] =
"WITH path AS ("
"  SELECT n.oid, p.place FROM pg_catalog.unnest($1::pg_catalog.text[])"
"   WITH ORDINALITY AS p(name, place)"
"  JOIN pg_catalog.pg_namespace AS n ON n.nspname = CASE p.name"
"   WHEN '$user' THEN session_user::pg_catalog.text ELSE p.name END"
"  WHERE pg_catalog.has_schema_privilege(n.oid, 'USAGE')"
" ), relation AS ("
"  SELECT DISTINCT ON (c.relname) c.oid, c.relname FROM pg_catalog.pg_class AS c"
"  JOIN path AS p ON p.oid = c.relnamespace"
"  ORDER BY c.relname, p.place"
" )"
" SELECT " ARRAY_OF("r.oid ORDER BY r.oid") " FROM relation AS r WHERE r.oid >= 16384";

/* Return the schemas of a path, as the text of a text[]. */
static char *
make_schemas(char *path)
{
	List	   *names;
	ListCell   *lc;

	if (!SplitIdentifierString(path, ',', &names))
		names = NIL;
	foreach(lc, names)
	{
		if (strcmp(lfirst(lc), "pg_catalog") == 0)
			return pgcopy_names_array_literal(names);
	}
	return pgcopy_names_array_literal(lcons("pg_catalog", names));
}

VisibleRelations *
pgcopy_visible_read(SourceSession *session)
{
	VisibleRelations *visible = palloc(sizeof(VisibleRelations));
	const char *params[] = {make_schemas(pgcopy_session_search_path(session))};
	SourceRows *rows = pgcopy_session_query(session, visible_sql, 1, 1, params);

	if (pgcopy_rows_count(rows) != 1)
		pgcopy_rows_throw(rows, "It does not have one row.");
	visible->oids = pgcopy_arrays_oids(rows, 0, 0, &visible->n);
	for (int i = 1; i < visible->n; i++)
	{
		if (visible->oids[i - 1] >= visible->oids[i])
			pgcopy_rows_throw(rows, "Its relations are not in the requested order.");
	}
	pgcopy_rows_free(rows);
	return visible;
}

static int
compare_oids(const void *a, const void *b)
{
	Oid			x = *(const Oid *) a;
	Oid			y = *(const Oid *) b;

	return x < y ? -1 : x > y;
}

bool
pgcopy_visible_has(const VisibleRelations *visible, Oid relation)
{
	return visible->n > 0 &&
		bsearch(&relation, visible->oids, visible->n, sizeof(Oid), compare_oids) != NULL;
}
