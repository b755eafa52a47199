/*-------------------------------------------------------------------------
 *
 * generated.c
 *	  The generated columns of the source.
 *
 * The inventory has none: a table that a job creates computes them again.  A table
 * that is here may have a plain column of the name.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "source/inventory.h"

/* Sources from this version on have generated columns. */
#define VERSION_WITH_GENERATED 120000

static const char generated_sql[] =
"SELECT a.attrelid, a.attname, pg_catalog.concat(tn.nspname, '.', ty.typname)"
" FROM pg_catalog.pg_attribute AS a"
" JOIN pg_catalog.pg_type AS ty ON ty.oid = a.atttypid"
" JOIN pg_catalog.pg_namespace AS tn ON tn.oid = ty.typnamespace"
" WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> ''"
" AND a.attrelid = ANY ($1::pg_catalog.oid[])"
" ORDER BY a.attrelid, a.attnum";

void
pgcopy_generated_read(SourceSession *session, List *relations)
{
	const char *params[] = {
		pgcopy_inventory_oids_literal(relations, 0, list_length(relations))
	};
	SourceRows *rows;

	if (pgcopy_session_version(session) < VERSION_WITH_GENERATED)
		return;
	rows = pgcopy_session_query(session, generated_sql, 3, lengthof(params), params);
	for (int i = 0; i < pgcopy_rows_count(rows); i++)
	{
		SourceRelation *relation =
			pgcopy_inventory_find(relations, pgcopy_rows_get_oid(rows, i, 0));

		CHECK_FOR_INTERRUPTS();
		if (relation == NULL)
			pgcopy_rows_throw(rows, "It is about another relation.");
		relation->generated = lappend(relation->generated,
									  pstrdup(pgcopy_rows_get(rows, i, 1)));
		relation->generated_types = lappend(relation->generated_types,
											pstrdup(pgcopy_rows_get(rows, i, 2)));
	}
	pgcopy_rows_free(rows);
}
