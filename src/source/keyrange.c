/*-------------------------------------------------------------------------
 *
 * keyrange.c
 *	  Split tables by ranges of an integer key.
 *
 * For sources before 14, which scan a whole table for a range of ctids.  The key
 * is the first column of a primary key or another unique index, an integer that is
 * NOT NULL.
 *
 * The bounds come from a sample of some hundred blocks, since keys have gaps and
 * outliers.  The first chunk has no lower bound and the last no upper one, so
 * together they hold every row, whatever the sample missed and under any snapshot.
 *
 * A chunk is read by the index.  That is fast if rows lie in about the order of
 * their keys; otherwise each chunk would read nearly all blocks.  Tables in which
 * the sample shows no such order are not split.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "source/keyrange.h"

#define SAMPLE_BLOCKS 500

/* Least correlation of the order of keys with that of blocks. */
#define LEAST_ORDER "0.9"

/* Types int8, int2 and int4 are given by their OIDs. */
static const char keys_sql[] =
"SELECT DISTINCT ON (i.indrelid) i.indrelid, a.attname"
" FROM pg_catalog.pg_index AS i"
" JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid"
" JOIN pg_catalog.pg_am AS m ON m.oid = c.relam"
" JOIN pg_catalog.pg_opclass AS o ON o.oid = i.indclass[0]"
" JOIN pg_catalog.pg_attribute AS a"
"  ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
" WHERE i.indrelid = ANY ($1::pg_catalog.oid[])"
"  AND i.indisunique AND i.indisvalid AND i.indpred IS NULL"
"  AND m.amname = 'btree' AND o.opcdefault"
"  AND a.attnotnull AND a.atttypid IN (20, 21, 23)"
" ORDER BY i.indrelid, i.indisprimary DESC, i.indnatts, i.indexrelid";

/* %: key, table, percent of its blocks, number of chunks, number of bounds. */
static const char bounds_sql[] =
"WITH sample AS ("
"  SELECT %s::pg_catalog.int8 AS key,"
"   (ctid::pg_catalog.text::pg_catalog.point)[0] AS block"
"  FROM ONLY %s TABLESAMPLE SYSTEM (%.6f) REPEATABLE (0)"
" ), ranked AS ("
"  SELECT key, block, pg_catalog.row_number() OVER (ORDER BY key) AS rank"
"  FROM sample"
" ), chosen AS ("
"  SELECT pg_catalog.percentile_disc((SELECT pg_catalog.array_agg(n / %d.0::pg_catalog.float8)"
"    FROM pg_catalog.generate_series(1, %d) AS n)) WITHIN GROUP (ORDER BY key) AS bounds,"
"   pg_catalog.corr(rank, block) AS sorted"
"  FROM ranked"
" )"
" SELECT DISTINCT u.bound FROM chosen AS c, pg_catalog.unnest(c.bounds) AS u(bound)"
" WHERE pg_catalog.abs(c.sorted) >= " LEAST_ORDER
" ORDER BY u.bound";

static void
choose_bounds(SourceSession *session, SourceRelation *relation, const char *key)
{
	double		percent = Min(100.0, 100.0 * SAMPLE_BLOCKS / Max(relation->blocks, 1));
	char	   *sql = psprintf(bounds_sql, pgcopy_inventory_quoted(key),
							   pgcopy_inventory_quoted_name(relation), percent,
							   relation->wanted_chunks, relation->wanted_chunks - 1);
	SourceRows *rows = pgcopy_session_query(session, sql, 1, 0, NULL);

	for (int i = 0; i < pgcopy_rows_count(rows); i++)
		relation->split_bounds = lappend(relation->split_bounds,
										 psprintf(INT64_FORMAT, pgcopy_rows_get_int64(rows, i, 0)));
	if (relation->split_bounds != NIL)
		relation->split_key = pstrdup(key);
	pgcopy_rows_free(rows);
}

/* Is another value copied instead?  Then those of the source stay there. */
static bool
is_replaced(const SourceRelation *relation, const char *key)
{
	ListCell   *column;
	ListCell   *expression;

	forboth(column, relation->columns, expression, relation->column_expressions)
	{
		if (lfirst(expression) != NULL && strcmp(lfirst(column), key) == 0)
			return true;
	}
	return false;
}

void
pgcopy_keyrange_choose(SourceSession *session, List *relations)
{
	const char *params[1];
	SourceRows *rows;

	if (relations == NIL)
		return;
	params[0] = pgcopy_inventory_oids_literal(relations, 0, list_length(relations));
	rows = pgcopy_session_query(session, keys_sql, 2, 1, params);
	for (int i = 0; i < pgcopy_rows_count(rows); i++)
	{
		SourceRelation *relation =
			pgcopy_inventory_find(relations, pgcopy_rows_get_oid(rows, i, 0));

		CHECK_FOR_INTERRUPTS();
		if (relation != NULL && !is_replaced(relation, pgcopy_rows_get(rows, i, 1)))
			choose_bounds(session, relation, pgcopy_rows_get(rows, i, 1));
	}
	pgcopy_rows_free(rows);
}

/*
 * Without statistics the source estimates a range at a part of the table that
 * makes a sequential scan look cheap.
 */
const char *
pgcopy_keyrange_settings(void)
{
	return "SELECT pg_catalog.set_config('enable_seqscan', 'off', true)";
}
