/*-------------------------------------------------------------------------
 *
 * relation.c
 *	  pgcopy.relation: the relations of the source in a job's snapshot.
 *
 * The leader writes it while it plans, and again after pre-data to add the OIDs
 * of the local relations, and when a tree turns out to need routing.  Workers only read it.
 * While a job follows, tables may be added (run/add.c), under a lock on its pgcopy.follow.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "catalog/follow.h"
#include "catalog/item.h"
#include "catalog/query.h"
#include "catalog/relation.h"
#include "catalog/row.h"

#define SELECT_RELATIONS \
	"SELECT no, source_oid, schema_name, local_schema, table_name, relkind, target_oid, is_ours, " \
	"carry, updates_before, " \
	"was_here, through_root, heap_bytes, toast_bytes, columns, types, condition, split_key, " \
	"split_bounds::text[] AS split_bounds, row_condition, column_expressions, " \
	"expression_path, row_with, row_join, statistics_rows " \
	"FROM pgcopy.relation WHERE job = $1 "

static CatalogQuery select_relations = {
	SELECT_RELATIONS "AND no BETWEEN $2 AND $3 ORDER BY no",
	3, {INT8OID, INT4OID, INT4OID}
};

static CatalogQuery select_of_target = {
	SELECT_RELATIONS "AND target_oid = $2",
	2, {INT8OID, OIDOID}
};

static CatalogQuery set_statistics = {
	"UPDATE pgcopy.relation AS r SET statistics_rows = s.rows::bigint "
	"FROM unnest($2, $3) AS s(no, rows) WHERE r.job = $1 AND r.no = s.no",
	3, {INT8OID, INT4ARRAYOID, TEXTARRAYOID}
};

static CatalogQuery select_of_kind = {
	SELECT_RELATIONS "AND relkind = $2 ORDER BY no",
	2, {INT8OID, CHAROID}
};

static CatalogQuery select_carried = {
	SELECT_RELATIONS "AND carry = $2 AND relkind = 'r' ORDER BY no",
	2, {INT8OID, CHAROID}
};

static CatalogQuery select_ours = {
	"SELECT target_oid FROM pgcopy.relation "
	"WHERE job = $1 AND is_ours AND target_oid IS NOT NULL ORDER BY target_oid",
	1, {INT8OID}
};

static CatalogQuery resolve_targets = {
	"UPDATE pgcopy.relation AS r SET target_oid = c.oid "
	"FROM pg_catalog.pg_class AS c "
	"JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace "
	"WHERE r.job = $1 AND r.target_oid IS NULL "
	"AND n.nspname = r.local_schema::name "
	"AND c.relname = r.table_name::name",
	1, {INT8OID}
};

static CatalogQuery select_root = {
	"SELECT t.no FROM pgcopy.relation AS r "
	"JOIN pgcopy.relation AS t ON t.job = r.job AND t.is_ours "
	"AND t.target_oid = pg_catalog.pg_partition_root(r.target_oid::regclass)::oid "
	"WHERE r.job = $1 AND r.no = $2 AND r.is_ours AND t.no <> r.no",
	2, {INT8OID, INT4OID}
};

static CatalogQuery insert_added = {
	"INSERT INTO pgcopy.relation (job, no, source_oid, target_oid, schema_name, table_name, "
	"local_schema, relkind, is_ours, carry) "
	"SELECT $1, COALESCE(max(no), 0) + 1, $2, $3, $4, $5, $4, $6, $7, $8 "
	"FROM pgcopy.relation WHERE job = $1 "
	"HAVING count(*) FILTER (WHERE source_oid = $2) = 0",
	8, {INT8OID, OIDOID, OIDOID, TEXTOID, TEXTOID, CHAROID, BOOLOID, CHAROID}
};

#define TREE_OF_ROOT \
	"(SELECT l.no FROM pgcopy.relation AS t, " \
	" pg_catalog.pg_partition_tree(t.target_oid::regclass) AS p " \
	" JOIN pgcopy.relation AS l ON l.job = $1 AND l.target_oid = p.relid " \
	" WHERE t.job = $1 AND t.no = $2 AND l.is_ours "

#define LEAVES_OF_ROOT TREE_OF_ROOT "AND l.relkind = 'r')"

/*
 * In this order.  An error is not final if its item starts over.  A stream cannot route:
 * what it would have carried (CARRY_STREAM, CARRY_INSERTS) is copied again (CARRY_AGAIN),
 * and only then do foreign keys hold: they are validated once the target is open
 * (STAGE_OPEN, not STAGE_LATE).
 */
static CatalogQuery route_tree[] = {
	{"UPDATE pgcopy.relation SET carry = 'a', updates_before = NULL "
		"WHERE job = $1 AND carry IN ('s', 'i') AND no IN " TREE_OF_ROOT ")",
	2, {INT8OID, INT4OID}},
	{"UPDATE pgcopy.item SET stage = 6 "
		"WHERE job = $1 AND kind = 'validate' AND stage = 3 "
		"AND EXISTS (SELECT FROM pgcopy.follow AS f WHERE f.job = $1) "
		"AND (relation IN " TREE_OF_ROOT ") OR referenced IN " TREE_OF_ROOT "))",
	2, {INT8OID, INT4OID}},
	{"UPDATE pgcopy.relation SET through_root = true "
		"WHERE job = $1 AND no IN " LEAVES_OF_ROOT,
	2, {INT8OID, INT4OID}},
	{"UPDATE pgcopy.item SET referenced = $2 "
		"WHERE job = $1 AND kind = 'table' AND relation IN " LEAVES_OF_ROOT,
	2, {INT8OID, INT4OID}},
	{"WITH copies AS (SELECT array_agg(c.no) AS numbers FROM pgcopy.item AS c "
		"  WHERE c.job = $1 AND c.kind = 'table' AND c.referenced = $2) "
		"UPDATE pgcopy.item AS i SET depends = "
		"ARRAY(SELECT n FROM unnest(i.depends) AS n UNION "
		"  SELECT n FROM copies, unnest(copies.numbers) AS n ORDER BY 1) "
		"FROM copies WHERE i.job = $1 AND i.kind <> 'table' AND i.depends && copies.numbers",
	2, {INT8OID, INT4OID}},
	{"UPDATE pgcopy.error SET is_final = false WHERE job = $1 AND is_final "
		"AND item IN (SELECT i.no FROM pgcopy.item AS i WHERE i.job = $1 "
		"  AND i.relation IN " LEAVES_OF_ROOT ")",
	2, {INT8OID, INT4OID}},
};

StaticAssertDecl(STAGE_LATE == 3 && STAGE_OPEN == 6, "route_tree has their numbers");

/* Elements may be NULL; NIL for NULL. */
static List *
read_text_array(int row, const char *column)
{
	Datum	   *elements;
	bool	   *nulls;
	int			n;
	List	   *strings = NIL;

	if (pgcopy_query_is_null(row, column))
		return NIL;
	deconstruct_array(pgcopy_query_array(row, column), TEXTOID, -1, false,
					  TYPALIGN_INT, &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
		strings = lappend(strings, nulls[i] ? NULL : TextDatumGetCString(elements[i]));
	return strings;
}

/* Expressions, of which some are NULL; (Datum) 0 for NIL. */
static Datum
make_expressions(const List *expressions)
{
	int			n = list_length(expressions);
	Datum	   *elements = palloc(sizeof(Datum) * (n + 1));
	bool	   *nulls = palloc(sizeof(bool) * (n + 1));
	int			lower_bound = 1;

	for (int i = 0; i < n; i++)
	{
		const char *text = list_nth(expressions, i);

		nulls[i] = text == NULL;
		elements[i] = nulls[i] ? (Datum) 0 : CStringGetTextDatum(text);
	}
	if (n == 0)
		return (Datum) 0;
	return PointerGetDatum(construct_md_array(elements, nulls, 1, &n, &lower_bound,
											  TEXTOID, -1, false, TYPALIGN_INT));
}

static Datum
make_bounds(const List *bounds)
{
	int			n = list_length(bounds);
	Datum	   *elements = palloc(sizeof(Datum) * (n + 1));

	for (int i = 0; i < n; i++)
		elements[i] = DirectFunctionCall1(int8in, CStringGetDatum(list_nth(bounds, i)));
	return PointerGetDatum(construct_array(elements, n, INT8OID, sizeof(int64),
										   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* The values of sequences are set here only if they are the job's own. */
void
pgcopy_relation_add(int64 job, const AddedRelation *relation)
{
	bool		is_sequence = relation->relkind == RELKIND_SEQUENCE;

	pgcopy_query_do(&insert_added,
					QUERY_ARGS(Int64GetDatum(job), ObjectIdGetDatum(relation->source_oid),
							   ObjectIdGetDatum(relation->target_oid),
							   CStringGetTextDatum(relation->schema),
							   CStringGetTextDatum(relation->name),
							   CharGetDatum(relation->relkind),
							   BoolGetDatum(is_sequence),
							   CharGetDatum(is_sequence ? CARRY_NOTHING : CARRY_STREAM)));
}

/* Not by SQL: a condition or an expression may hold a secret (row.c). */
void
pgcopy_relation_insert(int64 job, const JobRelation *relation)
{
	Relation	table = pgcopy_row_open("relation");
	Datum		values[] = {
		Int64GetDatum(job),
		Int32GetDatum(relation->no),
		ObjectIdGetDatum(relation->source_oid),
		CStringGetTextDatum(relation->schema),
		CStringGetTextDatum(relation->name),
		CStringGetTextDatum(relation->local_schema),
		CharGetDatum(relation->relkind),
		(Datum) 0,				/* target_oid */
		BoolGetDatum(relation->is_ours),
		CharGetDatum(relation->carry),
		Int64GetDatum(relation->updates_before),
		BoolGetDatum(relation->through_root),
		BoolGetDatum(relation->was_here),
		Int64GetDatum(relation->heap_bytes),
		Int64GetDatum(relation->toast_bytes),
		pgcopy_query_array_arg(relation->columns, TEXTOID),
		pgcopy_query_array_arg(relation->types, TEXTOID),
		pgcopy_query_text_arg(relation->condition),
		pgcopy_query_text_arg(relation->split_key),
		make_bounds(relation->split_bounds),
		pgcopy_query_text_arg(relation->row_condition),
		make_expressions(relation->column_expressions),
		pgcopy_query_text_arg(relation->expression_path),
		pgcopy_query_text_arg(relation->row_with),
		pgcopy_query_text_arg(relation->row_join),
		(Datum) 0				/* statistics_rows */
	};
	bool		nulls[lengthof(values)] = {false};

	Assert(InLocalUserIdChange());	/* between begin() and end() */
	if (RelationGetDescr(table)->natts != lengthof(values))
		elog(ERROR, "pgcopy.relation has %d columns", RelationGetDescr(table)->natts);
	nulls[7] = true;
	nulls[10] = relation->carry != CARRY_INSERTS;
	nulls[17] = relation->condition == NULL;
	nulls[18] = relation->split_key == NULL;
	nulls[20] = relation->row_condition == NULL;
	nulls[21] = relation->column_expressions == NIL;
	nulls[22] = relation->expression_path == NULL;
	nulls[23] = relation->row_with == NULL;
	nulls[24] = relation->row_join == NULL;
	nulls[25] = true;
	pgcopy_row_insert(table, values, nulls);
	pgcopy_row_close(table);
}

static void *
decode_relation(int row)
{
	JobRelation *relation = palloc(sizeof(JobRelation));

	relation->no = (int) pgcopy_query_int64(row, "no");
	relation->source_oid = (Oid) pgcopy_query_int64(row, "source_oid");
	relation->schema = pgcopy_query_text(row, "schema_name");
	relation->local_schema = pgcopy_query_text(row, "local_schema");
	relation->name = pgcopy_query_text(row, "table_name");
	relation->relkind = (char) pgcopy_query_int64(row, "relkind");
	relation->target_oid = (Oid) pgcopy_query_int64(row, "target_oid");
	relation->is_ours = pgcopy_query_bool(row, "is_ours");
	relation->was_here = pgcopy_query_bool(row, "was_here");
	relation->carry = (char) pgcopy_query_int64(row, "carry");
	relation->updates_before = pgcopy_query_int64(row, "updates_before");
	relation->through_root = pgcopy_query_bool(row, "through_root");
	relation->heap_bytes = pgcopy_query_int64(row, "heap_bytes");
	relation->toast_bytes = pgcopy_query_int64(row, "toast_bytes");
	relation->columns = read_text_array(row, "columns");
	relation->types = read_text_array(row, "types");
	relation->condition = pgcopy_query_text(row, "condition");
	relation->split_key = pgcopy_query_text(row, "split_key");
	relation->split_bounds = read_text_array(row, "split_bounds");
	relation->row_condition = pgcopy_query_text(row, "row_condition");
	relation->column_expressions = read_text_array(row, "column_expressions");
	relation->expression_path = pgcopy_query_text(row, "expression_path");
	relation->row_with = pgcopy_query_text(row, "row_with");
	relation->row_join = pgcopy_query_text(row, "row_join");
	relation->has_statistics = !pgcopy_query_is_null(row, "statistics_rows");
	relation->statistics_rows = relation->has_statistics ?
		pgcopy_query_int64(row, "statistics_rows") : -1;
	return relation;
}

List *
pgcopy_relation_fetch_range(int64 job, int first, int last)
{
	return pgcopy_query_fetch(&select_relations,
							  QUERY_ARGS(Int64GetDatum(job),
										 Int32GetDatum(first),
										 Int32GetDatum(last)),
							  decode_relation);
}

List *
pgcopy_relation_fetch_kind(int64 job, char relkind)
{
	return pgcopy_query_fetch(&select_of_kind,
							  QUERY_ARGS(Int64GetDatum(job), CharGetDatum(relkind)),
							  decode_relation);
}

List *
pgcopy_relation_fetch_carried(int64 job, char carry)
{
	return pgcopy_query_fetch(&select_carried,
							  QUERY_ARGS(Int64GetDatum(job), CharGetDatum(carry)),
							  decode_relation);
}

JobRelation *
pgcopy_relation_fetch(int64 job, int no)
{
	List	   *relations = pgcopy_relation_fetch_range(job, no, no);

	if (relations == NIL)
		elog(ERROR, "job " INT64_FORMAT " has no relation %d", job, no);
	return linitial(relations);
}

JobRelation *
pgcopy_relation_find_target(int64 job, Oid relid)
{
	return pgcopy_query_fetch_one(&select_of_target,
								  QUERY_ARGS(Int64GetDatum(job), ObjectIdGetDatum(relid)),
								  decode_relation);
}

void
pgcopy_relation_set_statistics(int64 job, const List *numbers, const List *rows)
{
	pgcopy_query_do(&set_statistics,
					QUERY_ARGS(Int64GetDatum(job),
							   pgcopy_query_array_arg(numbers, INT4OID),
							   pgcopy_query_array_arg(rows, TEXTOID)));
}

Oid *
pgcopy_relation_fetch_ours(int64 job, int *count)
{
	return pgcopy_query_fetch_array(&select_ours, QUERY_JOB(job), count);
}

bool
pgcopy_relation_is_set_here(const JobRelation *relation)
{
	return relation->relkind == RELKIND_SEQUENCE &&
		(relation->is_ours || relation->was_here || relation->condition != NULL);
}

void
pgcopy_relation_resolve_targets(int64 job)
{
	pgcopy_query_do(&resolve_targets, QUERY_JOB(job));
}

int
pgcopy_relation_find_root(int64 job, int no)
{
	return (int) pgcopy_query_fetch_int64(&select_root, QUERY_ITEM(job, no));
}

void
pgcopy_relation_route_tree(int64 job, int root)
{
	for (int i = 0; i < lengthof(route_tree); i++)
		pgcopy_query_do(&route_tree[i], QUERY_ITEM(job, root));
}
