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

#include "source/preflight.h"

/* How many names a notice lists. */
#define MOST_NAMES "10"

/* One row: their number, some of their names. */
static const char unlogged_sql[] =
"SELECT pg_catalog.count(*),"
" COALESCE(pg_catalog.string_agg(u.name, ', ' ORDER BY u.name)"
"  FILTER (WHERE u.no <= " MOST_NAMES "), '')"
" FROM (SELECT o.name, pg_catalog.row_number() OVER (ORDER BY o.name) AS no FROM ("
"  SELECT pg_catalog.format('%s %I.%I',"
"   CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END,"
"   n.nspname, c.relname) AS name"
"  FROM pg_catalog.pg_class AS c"
"  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
"  WHERE pg_catalog.pg_is_in_recovery()"
"   AND c.relpersistence = 'u' AND c.relkind IN ('r', 'S')"
"   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
"   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d"
"    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass"
"     AND d.objid = c.oid AND d.deptype = 'e')"
"  ) AS o) AS u";

/* How long our snapshot may stand in the way, or NULL: for ever. */
static const char delay_sql[] =
"SELECT CASE WHEN pg_catalog.pg_is_in_recovery()"
"  AND pg_catalog.current_setting('hot_standby_feedback') = 'off'"
"  AND pg_catalog.current_setting('max_standby_streaming_delay') <> '-1'"
" THEN pg_catalog.current_setting('max_standby_streaming_delay') END";

static List *
find_unlogged(SourceSession *session)
{
	SourceRows *rows = pgcopy_session_query_row(session, unlogged_sql, 2, 0, NULL);
	int			count = (int) Min(pgcopy_rows_get_size(rows, 0, 0), PG_INT32_MAX);
	Finding		finding = {.level = FINDING_NOTICE};

	if (count > 0)
	{
		finding.object = pstrdup(pgcopy_rows_get(rows, 0, 1));
		finding.message = psprintf(count == 1 ?
								   "%d unlogged table or sequence arrives without its content: a standby does not have it" :
								   "%d unlogged tables and sequences arrive without their content: a standby does not have it",
								   count);
		finding.hint = "Clone from the primary if you need it.";
	}
	pgcopy_rows_free(rows);
	return count > 0 ? pgcopy_finding_list(&finding) : NIL;
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

List *
pgcopy_standby_find(SourceSession *session)
{
	return list_concat(find_unlogged(session), find_short_delay(session));
}
