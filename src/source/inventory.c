/*-------------------------------------------------------------------------
 *
 * inventory.c
 *	  The relations and indexes of the source, in a fixed number of queries.
 *
 * The list holds what pg_dump would dump: no system schemas, temporary tables,
 * and members of extensions other than configuration tables.  This extension, if
 * the source has it, is left out with all that needs it (own.c).
 *
 * All queries run on every version from 10 up, under the settings of
 * session_settings.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"

#include "base/blocker.h"
#include "source/ahead.h"
#include "source/inventory.h"
#include "source/own.h"

/*
 * One row per relation.  Texts to fill in: "AND a.attgenerated = ''" if the catalog
 * has that column; twice what restricts the relations, t and c.
 */
static const char relations_sql[] =
"WITH RECURSIVE " PGCOPY_OWN_CTE ", member AS ("
"  SELECT d.objid, d.refobjid FROM pg_catalog.pg_depend AS d"
"  WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass"
"   AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass"
"   AND d.deptype = 'e'"
" ), config AS ("
"  SELECT u.relid, pg_catalog.min(u.condition) AS condition"
"  FROM pg_catalog.pg_extension AS e,"
"   ROWS FROM (pg_catalog.unnest(e.extconfig), pg_catalog.unnest(e.extcondition))"
"    AS u(relid, condition)"
"  WHERE e.extname <> 'pgcopydb_ext'"
"  GROUP BY u.relid"
" ), type_extension AS ("
"  SELECT d.objid, pg_catalog.format('%%s %%s in %%s', e.extname, e.extversion,"
"    pg_catalog.getdatabaseencoding()) AS name"
"  FROM pg_catalog.pg_depend AS d"
"  JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid"
"  WHERE d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass"
"   AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass"
"   AND d.deptype = 'e'"
" ), columns AS ("
"  SELECT a.attrelid,"
"   pg_catalog.array_agg(a.attname::pg_catalog.text ORDER BY a.attnum) AS names,"
"   pg_catalog.array_agg(pg_catalog.concat(tn.nspname, '.', ty.typname,"
"     ' of ' OPERATOR(pg_catalog.||) te.name) ORDER BY a.attnum) AS types"
"  FROM pg_catalog.pg_attribute AS a"
"  JOIN pg_catalog.pg_class AS t ON t.oid = a.attrelid"
"  JOIN pg_catalog.pg_type AS ty ON ty.oid = a.atttypid"
"  JOIN pg_catalog.pg_namespace AS tn ON tn.oid = ty.typnamespace"
"  LEFT JOIN type_extension AS te ON te.objid ="
"   CASE WHEN ty.typlen = -1 AND ty.typelem <> 0 THEN ty.typelem ELSE ty.oid END"
"  WHERE a.attnum > 0 AND NOT a.attisdropped %s"
"   AND t.relkind IN ('r', 'p', 'm') AND t.relpersistence <> 't' %s"
"  GROUP BY a.attrelid"
" )"
" SELECT c.oid, n.nspname, c.relname, c.relkind,"
"  c.relispartition,"
"  c.relhassubclass,"
"  parent.inhparent,"
"  CASE WHEN c.relkind IN ('r', 'm') THEN pg_catalog.pg_relation_size(c.oid) END,"
"  CASE WHEN c.reltoastrelid <> 0 THEN pg_catalog.pg_relation_size(c.reltoastrelid) END,"
"  pg_catalog.current_setting('block_size'),"
"  columns.names,"
"  columns.types,"
"  member.objid IS NOT NULL,"
"  c.relpersistence = 'u' AND pg_catalog.pg_is_in_recovery(),"
"  CASE WHEN config.relid IS NOT NULL THEN COALESCE(config.condition, '') END,"
"  CASE WHEN config.relid IS NOT NULL THEN ("
"   SELECT pg_catalog.array_agg(DISTINCT k.confrelid::pg_catalog.text)"
"   FROM pg_catalog.pg_constraint AS k"
"   WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.confrelid <> c.oid) END"
" FROM pg_catalog.pg_class AS c"
" JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
" LEFT JOIN own ON own.objid = c.oid"
"  AND own.classid = 'pg_catalog.pg_class'::pg_catalog.regclass"
" LEFT JOIN member ON member.objid = c.oid"
" LEFT JOIN config ON config.relid = c.oid"
" LEFT JOIN columns ON columns.attrelid = c.oid"
" LEFT JOIN pg_catalog.pg_inherits AS parent"
"  ON parent.inhrelid = c.oid AND c.relispartition"
" WHERE c.relkind IN ('r', 'p', 'm', 'v', 'S')"
"  AND c.relpersistence <> 't'"
"  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
"  AND own.objid IS NULL"
"  AND (member.objid IS NULL OR config.relid IS NOT NULL) %s"
" ORDER BY c.oid";

/* Columns of relations_sql. */
enum RelationColumn
{
	COLUMN_OID,
	COLUMN_SCHEMA,
	COLUMN_NAME,
	COLUMN_RELKIND,
	COLUMN_IS_PARTITION,
	COLUMN_HAS_CHILDREN,
	COLUMN_PARENT,
	COLUMN_HEAP_BYTES,
	COLUMN_TOAST_BYTES,
	COLUMN_BLOCK_SIZE,
	COLUMN_COLUMNS,
	COLUMN_TYPES,
	COLUMN_IS_MEMBER,
	COLUMN_IS_UNREADABLE,
	COLUMN_CONDITION,
	COLUMN_REFERENCES,
	RELATION_COLUMNS
};

static char *
copy_value(const SourceRows *rows, int row, int column)
{
	const char *value = pgcopy_rows_get_or_null(rows, row, column);

	return value != NULL ? pstrdup(value) : NULL;
}

/*
 * Read a text[] as a List of strings, NULL as NIL.  array_in() does it: names
 * may hold quotes, commas and braces.
 */
static List *
read_name_array(const SourceRows *rows, int row, int column)
{
	const char *literal = pgcopy_rows_get_or_null(rows, row, column);
	List	   *names = NIL;
	ArrayType  *array;
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	if (literal == NULL)
		return NIL;
	array = DatumGetArrayTypeP(OidInputFunctionCall(F_ARRAY_IN,
													unconstify(char *, literal),
													TEXTOID, -1));
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			pgcopy_rows_throw(rows, "A list of names contains a null.");
		names = lappend(names, TextDatumGetCString(elements[i]));
	}
	pfree(elements);
	pfree(nulls);
	pfree(array);
	return names;
}

static List *
read_oid_array(const SourceRows *rows, int row, int column)
{
	List	   *oids = NIL;
	ListCell   *lc;

	foreach(lc, read_name_array(rows, row, column))
		oids = lappend_oid(oids, atooid(lfirst(lc)));
	return oids;
}

/* Return 0 for NULL: not all kinds of relations have all columns. */
static Oid
get_oid(const SourceRows *rows, int row, int column)
{
	return pgcopy_rows_is_null(rows, row, column) ? InvalidOid :
		pgcopy_rows_get_oid(rows, row, column);
}

static int64
get_bytes(const SourceRows *rows, int row, int column)
{
	return pgcopy_rows_is_null(rows, row, column) ? 0 :
		pgcopy_rows_get_size(rows, row, column);
}

static SourceRelation *
read_relation(const SourceRows *rows, int row)
{
	SourceRelation *relation = palloc0(sizeof(SourceRelation));
	int64		block_size = pgcopy_rows_get_size(rows, row, COLUMN_BLOCK_SIZE);

	relation->oid = pgcopy_rows_get_oid(rows, row, COLUMN_OID);
	relation->schema = pstrdup(pgcopy_rows_get(rows, row, COLUMN_SCHEMA));
	relation->name = pstrdup(pgcopy_rows_get(rows, row, COLUMN_NAME));
	relation->relkind = pgcopy_rows_get_char(rows, row, COLUMN_RELKIND, "rpmvS");
	relation->is_partition = pgcopy_rows_get_bool(rows, row, COLUMN_IS_PARTITION);
	relation->has_children = pgcopy_rows_get_bool(rows, row, COLUMN_HAS_CHILDREN);
	relation->is_unreadable = pgcopy_rows_get_bool(rows, row, COLUMN_IS_UNREADABLE);
	relation->has_data_of_its_own = relation->relkind == RELKIND_RELATION &&
		!relation->is_unreadable;
	relation->parent = get_oid(rows, row, COLUMN_PARENT);
	relation->heap_bytes = get_bytes(rows, row, COLUMN_HEAP_BYTES);
	relation->toast_bytes = get_bytes(rows, row, COLUMN_TOAST_BYTES);
	relation->blocks = Min(relation->heap_bytes / Max(block_size, 1),
						   MaxBlockNumber);
	relation->columns = read_name_array(rows, row, COLUMN_COLUMNS);
	relation->types = read_name_array(rows, row, COLUMN_TYPES);
	if (list_length(relation->types) != list_length(relation->columns))
		pgcopy_rows_throw(rows, "It has columns without a type.");
	relation->is_extension_member = pgcopy_rows_get_bool(rows, row, COLUMN_IS_MEMBER);
	relation->config_condition = copy_value(rows, row, COLUMN_CONDITION);
	relation->config_references = read_oid_array(rows, row, COLUMN_REFERENCES);
	return relation;
}

const char *
pgcopy_inventory_restriction(const char *column, const char *only)
{
	return only == NULL ? "" :
		psprintf("AND %s IN (SELECT pg_catalog.unnest($1::pg_catalog.oid[]))", column);
}

static char *
make_relations_sql(SourceSession *session, const char *only)
{
	const char *generated = pgcopy_session_version(session) >= 120000 ?
		"AND a.attgenerated = ''" : "";

	return psprintf(relations_sql, generated,
					pgcopy_inventory_restriction("t.oid", only),
					pgcopy_inventory_restriction("c.oid", only));
}

void
pgcopy_inventory_foresee_relations(SourceSession *session, const char *only)
{
	pgcopy_ahead_foresee(session, make_relations_sql(session, only), RELATION_COLUMNS,
						 only != NULL ? 1 : 0, &only);
}

List *
pgcopy_inventory_relations(SourceSession *session, const char *only)
{
	const char *sql = make_relations_sql(session, only);
	SourceRows *rows = pgcopy_session_query(session, sql, RELATION_COLUMNS,
											only != NULL ? 1 : 0, &only);
	List	   *relations = NIL;

	for (int i = 0; i < pgcopy_rows_count(rows); i++)
	{
		SourceRelation *relation = read_relation(rows, i);

		if (relations != NIL &&
			relation->oid <= ((SourceRelation *) llast(relations))->oid)
			pgcopy_rows_throw(rows, "Its relations are not in the requested order.");
		relations = lappend(relations, relation);
		CHECK_FOR_INTERRUPTS();
	}
	pgcopy_rows_free(rows);
	return relations;
}

SourceRelation *
pgcopy_inventory_find(List *relations, Oid oid)
{
	int			first = 0;
	int			end = list_length(relations);

	while (first < end)
	{
		int			middle = first + (end - first) / 2;
		SourceRelation *relation = list_nth(relations, middle);

		if (relation->oid == oid)
			return relation;
		if (relation->oid < oid)
			first = middle + 1;
		else
			end = middle;
	}
	return NULL;
}

/*
 * An index of a constraint has the constraint's OID, as in the dump.  %s restricts
 * both.
 */
static const char indexes_sql[] =
"SELECT COALESCE(k.oid, c.oid), pg_catalog.pg_relation_size(c.oid)"
" FROM pg_catalog.pg_class AS c"
" LEFT JOIN pg_catalog.pg_constraint AS k"
"  ON k.conindid = c.oid AND k.contype IN ('p', 'u', 'x')"
" WHERE c.relkind = 'i' AND c.oid >= 16384 %s"
" ORDER BY 1";

void
pgcopy_inventory_foresee_indexes(SourceSession *session)
{
	pgcopy_ahead_foresee(session, psprintf(indexes_sql, ""), 2, 0, NULL);
}

int
pgcopy_inventory_indexes(SourceSession *session, const char *only, SourceIndex **indexes)
{
	const char *sql = psprintf(indexes_sql,
							   pgcopy_inventory_restriction("COALESCE(k.oid, c.oid)", only));
	SourceRows *rows = pgcopy_session_query(session, sql, 2, only != NULL ? 1 : 0, &only);
	int			n = pgcopy_rows_count(rows);

	*indexes = palloc_extended(sizeof(SourceIndex) * (Size) Max(n, 1),
							   MCXT_ALLOC_HUGE);
	for (int i = 0; i < n; i++)
	{
		(*indexes)[i].oid = pgcopy_rows_get_oid(rows, i, 0);
		(*indexes)[i].bytes = pgcopy_rows_get_size(rows, i, 1);
	}
	pgcopy_rows_free(rows);
	return n;
}

static int
compare_indexes(const void *a, const void *b)
{
	Oid			x = ((const SourceIndex *) a)->oid;
	Oid			y = ((const SourceIndex *) b)->oid;

	return x < y ? -1 : x > y;
}

int64
pgcopy_inventory_index_bytes(const SourceIndex *indexes, int n, Oid oid)
{
	SourceIndex key = {.oid = oid};
	const SourceIndex *found = bsearch(&key, indexes, n, sizeof(SourceIndex),
									   compare_indexes);

	return found != NULL ? found->bytes : 0;
}

/*
 * concat() of a whole row: expressions are in other columns from version to version.
 * money and money[] have the OIDs 790 and 791.
 */
#define HAS_MONEY(catalog) \
"EXISTS (SELECT FROM pg_catalog." catalog " AS t" \
" WHERE pg_catalog.concat(t) ~ ':consttype 79[01] ')"

static const char money_sql[] =
"SELECT CASE WHEN s.reset_val IN ('C', 'POSIX') THEN false"
" ELSE " HAS_MONEY("pg_attrdef")
" OR " HAS_MONEY("pg_class")
" OR " HAS_MONEY("pg_constraint")
" OR " HAS_MONEY("pg_index")
" OR " HAS_MONEY("pg_partitioned_table")
" OR " HAS_MONEY("pg_policy")
" OR " HAS_MONEY("pg_proc")
" OR " HAS_MONEY("pg_publication_rel")
" OR " HAS_MONEY("pg_rewrite")
" OR " HAS_MONEY("pg_statistic_ext")
" OR " HAS_MONEY("pg_trigger")
" OR " HAS_MONEY("pg_type") " END"
" FROM pg_catalog.pg_settings AS s WHERE s.name = 'lc_monetary'";

void
pgcopy_inventory_foresee_money(SourceSession *session)
{
	pgcopy_ahead_foresee(session, money_sql, 1, 0, NULL);
}

bool
pgcopy_inventory_prints_money(SourceSession *session)
{
	SourceRows *rows = pgcopy_session_query_row(session, money_sql, 1, 0, NULL);
	bool		prints = pgcopy_rows_get_bool(rows, 0, 0);

	pgcopy_rows_free(rows);
	return prints;
}

static void
append_quoted(StringInfo buf, const char *name)
{
	appendStringInfoChar(buf, '"');
	for (; *name != '\0'; name++)
	{
		if (*name == '"')
			appendStringInfoChar(buf, '"');
		appendStringInfoChar(buf, *name);
	}
	appendStringInfoChar(buf, '"');
}

char *
pgcopy_inventory_oids_literal(List *relations, int first, int end)
{
	StringInfoData text;

	Assert(first >= 0 && first <= end && end <= list_length(relations));
	initStringInfo(&text);
	for (int i = first; i < end; i++)
		appendStringInfo(&text, "%c%u", i == first ? '{' : ',',
						 ((SourceRelation *) list_nth(relations, i))->oid);
	appendStringInfoString(&text, first < end ? "}" : "{}");
	return text.data;
}

char *
pgcopy_inventory_quoted(const char *name)
{
	StringInfoData buf;

	initStringInfo(&buf);
	append_quoted(&buf, name);
	return buf.data;
}

char *
pgcopy_inventory_quoted_name(const SourceRelation *relation)
{
	StringInfoData buf;

	initStringInfo(&buf);
	append_quoted(&buf, relation->schema);
	appendStringInfoChar(&buf, '.');
	append_quoted(&buf, relation->name);
	return buf.data;
}

char *
pgcopy_inventory_blocker(SourceSession *session, int pid)
{
	const char *params[] = {psprintf("%d", pid)};
	SourceRows *rows = pgcopy_session_query(session, BLOCKER_SQL, 1, 1, params);
	char	   *blocker = NULL;

	if (pgcopy_rows_count(rows) > 0)
		blocker = pstrdup(pgcopy_rows_get(rows, 0, 0));
	pgcopy_rows_free(rows);
	return blocker;
}
