/*-------------------------------------------------------------------------
 *
 * subset_read.c
 *	  Read what a subset needs to know of the source's catalogs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"

#include "select/subset_private.h"
#include "source/names.h"

/* What has rows, and what users may take for it. */
static const char tables_sql[] =
"SELECT c.oid, n.nspname, c.relname, c.relkind, i.inhparent"
" FROM pg_catalog.pg_class AS c"
" JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
" LEFT JOIN pg_catalog.pg_inherits AS i ON i.inhrelid = c.oid AND c.relispartition"
" WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f', 'S') AND c.relpersistence <> 't'"
"  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
" ORDER BY c.oid";

void
pgcopy_subset_read_tables(Subset *subset)
{
	SourceRows *rows = pgcopy_session_query(subset->session, tables_sql, 5, 0, NULL);

	for (int i = 0; i < pgcopy_rows_count(rows); i++)
	{
		SubsetTable *table = palloc0(sizeof(SubsetTable));

		table->oid = pgcopy_rows_get_oid(rows, i, 0);
		table->schema = pstrdup(pgcopy_rows_get(rows, i, 1));
		table->name = pstrdup(pgcopy_rows_get(rows, i, 2));
		table->relkind = pgcopy_rows_get_char(rows, i, 3, "rpmvfS");
		table->parent = pgcopy_rows_is_null(rows, i, 4) ? InvalidOid :
			pgcopy_rows_get_oid(rows, i, 4);
		if (subset->tables != NIL &&
			table->oid <= ((SubsetTable *) llast(subset->tables))->oid)
			pgcopy_rows_throw(rows, "Its tables are not in the requested order.");
		subset->tables = lappend(subset->tables, table);
		CHECK_FOR_INTERRUPTS();
	}
	pgcopy_rows_free(rows);
}

static char *
make_oids_literal(List *tables)
{
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	appendStringInfoChar(&text, '{');
	foreach(lc, tables)
		appendStringInfo(&text, "%s%u", lc == list_head(tables) ? "" : ",",
						 ((SubsetTable *) lfirst(lc))->oid);
	appendStringInfoChar(&text, '}');
	return text.data;
}

/*
 * The columns of tables, with what is under their domains.  %: "is it generated",
 * in words or NULL.
 */
static const char columns_sql[] =
"WITH RECURSIVE part AS ("
"  SELECT a.attrelid, a.attnum, a.attname, a.attnotnull, a.atttypid, %s AS generated"
"  FROM pg_catalog.pg_attribute AS a"
"  WHERE a.attrelid = ANY ($1::pg_catalog.oid[]) AND a.attnum > 0 AND NOT a.attisdropped"
" ), base AS ("
"  SELECT DISTINCT t.oid AS type, t.oid, t.typtype, t.typbasetype, t.typnotnull"
"  FROM part JOIN pg_catalog.pg_type AS t ON t.oid = part.atttypid"
" UNION ALL"
"  SELECT base.type, t.oid, t.typtype, t.typbasetype, base.typnotnull OR t.typnotnull"
"  FROM base JOIN pg_catalog.pg_type AS t ON t.oid = base.typbasetype"
"  WHERE base.typtype = 'd'"
" )"
" SELECT part.attrelid, part.attname, part.generated,"
"  part.attnotnull OR base.typnotnull, t.oid, n.nspname, t.typname"
" FROM part"
" JOIN base ON base.type = part.atttypid AND base.typtype <> 'd'"
" JOIN pg_catalog.pg_type AS t ON t.oid = base.oid"
" JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace"
" ORDER BY part.attrelid, part.attnum";

static SubsetColumn *
read_column(const SourceRows *rows, int row)
{
	SubsetColumn *column = palloc0(sizeof(SubsetColumn));

	column->name = pstrdup(pgcopy_rows_get(rows, row, 1));
	column->generated = pgcopy_rows_is_null(rows, row, 2) ? NULL :
		pstrdup(pgcopy_rows_get(rows, row, 2));
	column->is_not_null = pgcopy_rows_get_bool(rows, row, 3);
	column->type = pgcopy_rows_get_oid(rows, row, 4);
	column->cast = psprintf("%s.%s",
							pgcopy_inventory_quoted(pgcopy_rows_get(rows, row, 5)),
							pgcopy_inventory_quoted(pgcopy_rows_get(rows, row, 6)));
	return column;
}

void
pgcopy_subset_read_columns(Subset *subset)
{
	const char *generated = pgcopy_session_version(subset->session) >= 120000 ?
		"CASE WHEN a.attgenerated <> '' THEN 'a generated column' END" : "NULL";
	const char *params[] = {make_oids_literal(subset->chosen)};
	SourceRows *rows = pgcopy_session_query(subset->session,
											psprintf(columns_sql, generated),
											7, lengthof(params), params);

	for (int i = 0; i < pgcopy_rows_count(rows); i++)
	{
		SubsetTable *table = pgcopy_subset_find(subset, pgcopy_rows_get_oid(rows, i, 0));

		if (table != NULL)
			table->columns = lappend(table->columns, read_column(rows, i));
		CHECK_FOR_INTERRUPTS();
	}
	pgcopy_rows_free(rows);
}

static const char moment_sql[] =
"SELECT CURRENT_TIMESTAMP::pg_catalog.text, LOCALTIMESTAMP::pg_catalog.text,"
" CURRENT_DATE::pg_catalog.text, CURRENT_TIME::pg_catalog.text,"
" LOCALTIME::pg_catalog.text";

/* A text of the source goes into literals, so it may have no more than a time has. */
static const char *
copy_time(const SourceRows *rows, int column)
{
	const char *value = pgcopy_rows_get(rows, 0, column);

	if (strspn(value, "0123456789:.+- ") != strlen(value))
		pgcopy_rows_throw(rows, "It is not a time.");
	return pstrdup(value);
}

void
pgcopy_subset_read_moment(Subset *subset)
{
	SourceRows *rows = pgcopy_session_query_row(subset->session, moment_sql, 5, 0, NULL);

	subset->moment.timestamptz = copy_time(rows, 0);
	subset->moment.timestamp = copy_time(rows, 1);
	subset->moment.date = copy_time(rows, 2);
	subset->moment.timetz = copy_time(rows, 3);
	subset->moment.time = copy_time(rows, 4);
	pgcopy_rows_free(rows);
}

/* A key with an expression may use any column. */
static const char keys_sql[] =
"SELECT p.partrelid, a.attname"
" FROM pg_catalog.pg_partitioned_table AS p"
" JOIN pg_catalog.pg_attribute AS a ON a.attrelid = p.partrelid"
" WHERE a.attnum > 0 AND NOT a.attisdropped"
"  AND (p.partexprs IS NOT NULL OR a.attnum = ANY (p.partattrs::pg_catalog.int2[]))";

static bool
has_value_for(const SubsetTable *table, const char *name)
{
	ListCell   *lc;

	foreach(lc, table->columns)
	{
		const SubsetColumn *column = lfirst(lc);

		if (column->value != NULL && strcmp(column->name, name) == 0)
			return true;
	}
	return false;
}

/* Note the columns that divide the rows of partitioned tables. */
static void
read_keys(Subset *subset)
{
	SourceRows *rows = pgcopy_session_query(subset->session, keys_sql, 2, 0, NULL);

	for (int i = 0; i < pgcopy_rows_count(rows); i++)
	{
		SubsetTable *table = pgcopy_subset_find(subset, pgcopy_rows_get_oid(rows, i, 0));

		CHECK_FOR_INTERRUPTS();
		if (table != NULL)
			table->key_columns = lappend(table->key_columns,
										 pstrdup(pgcopy_rows_get(rows, i, 1)));
	}
	pgcopy_rows_free(rows);
}

/* Add those above a leaf by whose key its rows may move. */
static List *
add_moving(const Subset *subset, const SubsetTable *leaf, List *moving)
{
	const SubsetTable *table = leaf;
	ListCell   *lc;

	/* a path has no end if the source lies */
	for (int i = 0; i < list_length(subset->tables) && OidIsValid(table->parent); i++)
	{
		table = pgcopy_subset_find(subset, table->parent);
		if (table == NULL)
			break;
		foreach(lc, table->key_columns)
		{
			if (has_value_for(leaf, lfirst(lc)))
				moving = list_append_unique_oid(moving, table->oid);
		}
	}
	return moving;
}

List *
pgcopy_subset_read_moving(Subset *subset)
{
	List	   *moving = NIL;
	ListCell   *lc;

	read_keys(subset);
	foreach(lc, subset->chosen)
	{
		const SubsetTable *table = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (table->has_values)
			moving = add_moving(subset, table, moving);
	}
	return moving;
}

static const char volatile_sql[] =
"SELECT DISTINCT n.nspname, p.proname"
" FROM pg_catalog.pg_proc AS p"
" JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace"
" WHERE p.provolatile = 'v' AND p.proname = ANY ($1::pg_catalog.name[])"
" ORDER BY 1, 2";

static List *
list_function_names(const Subset *subset)
{
	List	   *names = NIL;
	ListCell   *lc;
	ListCell   *called;

	foreach(lc, subset->expressions)
	{
		const SubsetExpression *given = lfirst(lc);

		foreach(called, given->expression->functions)
			names = lappend(names, unconstify(char *,
											  ((CalledFunction *) lfirst(called))->name));
	}
	return names;
}

List *
pgcopy_subset_read_volatile(Subset *subset)
{
	List	   *names = list_function_names(subset);
	const char *params[] = {pgcopy_names_array_literal(names)};
	List	   *functions = NIL;
	SourceRows *rows;

	if (names == NIL)
		return NIL;
	rows = pgcopy_session_query(subset->session, volatile_sql, 2, lengthof(params), params);
	for (int i = 0; i < pgcopy_rows_count(rows); i++)
	{
		CalledFunction *function = palloc(sizeof(CalledFunction));

		function->schema = pstrdup(pgcopy_rows_get(rows, i, 0));
		function->name = pstrdup(pgcopy_rows_get(rows, i, 1));
		functions = lappend(functions, function);
	}
	pgcopy_rows_free(rows);
	return functions;
}
