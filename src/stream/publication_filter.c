/*-------------------------------------------------------------------------
 *
 * publication_filter.c
 *	  Whether the source publishes a part of a table's rows.
 *
 * Only the source knows which conditions it allows, and a condition on columns outside
 * the replica identity makes each UPDATE of the table fail there.  So a publication is
 * made, and what the source says to it is asked for by EXPLAIN, which fires no trigger,
 * in a transaction that is rolled back.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"

#include "source/inventory.h"
#include "stream/publication.h"

/* The condition as it is stored: names have their schemas. */
static const char stored_sql[] =
"SELECT pg_catalog.pg_get_expr(r.prqual, r.prrelid), c.reltoastrelid <> 0"
" FROM pg_catalog.pg_publication AS p"
" JOIN pg_catalog.pg_publication_rel AS r ON r.prpubid = p.oid"
" JOIN pg_catalog.pg_class AS c ON c.oid = r.prrelid"
" WHERE p.pubname = $1";

/* Is the error about what was asked? */
static bool
is_answer(const ErrorData *error)
{
	return pgcopy_session_threw(error) &&
		(ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION ||
		 error->sqlerrcode == ERRCODE_FEATURE_NOT_SUPPORTED);
}

static char *
table_name(const PublishedTable *table)
{
	return psprintf("%s.%s", pgcopy_inventory_quoted(table->schema),
					pgcopy_inventory_quoted(table->name));
}

/* Publish it; returns what the source says against it, or NULL. */
static ErrorData *
publish(SourceSession *session, const char *name, const PublishedTable *table)
{
	MemoryContext caller = CurrentMemoryContext;
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		pgcopy_session_exec(session,
							psprintf("CREATE PUBLICATION %s FOR TABLE ONLY %s WHERE (\n%s\n)",
									 name, table_name(table), table->row_filter));
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		if (!is_answer(error))
			PG_RE_THROW();
		FlushErrorState();
	}
	PG_END_TRY();
	return error;
}

/* Would the source take an UPDATE or DELETE? */
static bool
is_in_identity(SourceSession *session, const PublishedTable *table)
{
	SourceRows *rows =
		pgcopy_session_command(session,
							   psprintf("EXPLAIN (FORMAT JSON) DELETE FROM ONLY %s",
										table_name(table)),
							   1, ERRCODE_INVALID_COLUMN_REFERENCE);

	if (rows != NULL)
		pgcopy_rows_free(rows);
	return rows != NULL;
}

static void
read_stored(SourceSession *session, const char *name, PublishedPart *part)
{
	SourceRows *rows = pgcopy_session_query_row(session, stored_sql, 2, 1, &name);

	part->row_filter = pstrdup(pgcopy_rows_get(rows, 0, 0));
	part->has_large_values = pgcopy_rows_get_bool(rows, 0, 1);
	pgcopy_rows_free(rows);
}

void
pgcopy_publication_try_part(SourceSession *session, const PublishedTable *table,
							const char *search_path, PublishedPart *part)
{
	char	   *name = psprintf("pgcopy_try_%d", MyProcPid);

	memset(part, 0, sizeof(PublishedPart));
	pgcopy_session_exec(session,
						psprintf("BEGIN; SELECT pg_catalog.set_config('search_path', %s, true)",
								 quote_literal_cstr(search_path != NULL ? search_path : "")));
	part->error = publish(session, name, table);
	if (part->error == NULL)
	{
		pgcopy_session_exec(session, "SELECT pg_catalog.set_config('search_path', '', true)");
		read_stored(session, name, part);
		part->is_in_identity = is_in_identity(session, table);
	}
	pgcopy_session_exec(session, "ROLLBACK");
}
