/*-------------------------------------------------------------------------
 *
 * standby.c
 *	  What to know about a source that is a standby.
 *
 * A standby has no rows of unlogged tables and no values of unlogged sequences,
 * and reading them is an error there (inventory.c leaves them out).  It also
 * ends our transactions, and so the snapshot, when they keep it from applying
 * what VACUUM and DDL have done on the primary.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "utils/builtins.h"

#include "source/ahead.h"
#include "source/inventory.h"
#include "source/names.h"
#include "source/preflight.h"

/* How many names a notice lists. */
#define MOST_NAMES 50

/* How many of these relations cannot be read: all, unless an answer is wrong. */
static const char unlogged_sql[] =
"SELECT pg_catalog.count(*) FROM pg_catalog.pg_class AS c"
" WHERE c.oid = ANY ($1::pg_catalog.oid[]) AND c.relpersistence = 'u'"
" AND pg_catalog.pg_is_in_recovery()";

/* How long our snapshot may stand in the way, or NULL: for ever. */
static const char delay_sql[] =
"SELECT CASE WHEN pg_catalog.pg_is_in_recovery()"
"  AND pg_catalog.current_setting('hot_standby_feedback') = 'off'"
"  AND pg_catalog.current_setting('max_standby_streaming_delay') <> '-1'"
" THEN pg_catalog.current_setting('max_standby_streaming_delay') END";

/* Throw unless all of these are what the inventory says of them. */
static void
check_unlogged(SourceSession *session, List *unlogged)
{
	const char *params[] = {
		pgcopy_inventory_oids_literal(unlogged, 0, list_length(unlogged))
	};
	SourceRows *rows = pgcopy_session_query_row(session, unlogged_sql, 1,
												lengthof(params), params);

	if (pgcopy_rows_get_size(rows, 0, 0) != list_length(unlogged))
		pgcopy_rows_throw(rows, "It said before that these tables cannot be read, as it is a standby.");
	pgcopy_rows_free(rows);
}

static List *
find_unlogged(SourceSession *session, List *relations)
{
	List	   *unlogged = NIL;
	List	   *names = NIL;
	Finding		finding = {.level = FINDING_NOTICE};
	int			count;
	ListCell   *lc;

	foreach(lc, relations)
	{
		SourceRelation *relation = lfirst(lc);
		const char *kind;
		const char *name;

		if (!relation->is_unreadable ||
			(relation->relkind != RELKIND_RELATION && relation->relkind != RELKIND_SEQUENCE))
			continue;
		unlogged = lappend(unlogged, relation);
		kind = relation->relkind == RELKIND_SEQUENCE ? "sequence" : "table";
		name = quote_qualified_identifier(relation->schema, relation->name);
		names = lappend(names, psprintf("%s %s", kind, name));
	}
	count = list_length(unlogged);
	if (count == 0)
		return NIL;
	check_unlogged(session, unlogged);
	finding.object = pgcopy_names_list(names, MOST_NAMES);
	finding.message = psprintf(count == 1 ?
							   "%d unlogged table or sequence arrives without its content: a standby does not have it" :
							   "%d unlogged tables and sequences arrive without their content: a standby does not have it",
							   count);
	finding.hint = "Clone from the primary if you need it.";
	return pgcopy_finding_list(&finding);
}

static List *
find_short_delay(SourceSession *session)
{
	SourceRows *rows = pgcopy_session_query(session, delay_sql, 1, 0, NULL);
	const char *delay = pgcopy_rows_count(rows) == 1 ?
		pgcopy_rows_get_or_null(rows, 0, 0) : NULL;
	List	   *found = NIL;

	if (delay != NULL)
	{
		Finding		finding = {
			.level = FINDING_NOTICE,
			.message = psprintf("the source is a standby that ends the job's snapshot if that delays it for more than %s",
								delay),
			.hint = "While the job runs, set hot_standby_feedback to on or max_standby_streaming_delay to -1 on the standby."
		};

		found = pgcopy_finding_list(&finding);
	}
	pgcopy_rows_free(rows);
	return found;
}

void
pgcopy_standby_foresee(SourceSession *session)
{
	pgcopy_ahead_foresee(session, delay_sql, 1, 0, NULL);
}

List *
pgcopy_standby_find(SourceSession *session, List *relations)
{
	return list_concat(find_unlogged(session, relations), find_short_delay(session));
}
