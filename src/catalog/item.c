/*-------------------------------------------------------------------------
 *
 * item.c
 *	  pgcopy.item and pgcopy.statement: the items of a job.
 *
 * "running" commits before the work and means dirty; "done" commits with the
 * work.  The process that works on an item writes it, at other times the
 * leader.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "catalog/item.h"
#include "catalog/query.h"
#include "catalog/row.h"

#define ITEM_COLUMNS \
	"no, kind, stage, state, relation, referenced, schema_name, object_name, " \
	"depends, turn, with_path, cost, range_start, range_end, bytes_total, attempts, " \
	"xid::text::bigint AS xid, dirty_from::text::bigint AS dirty_from"

static CatalogQuery insert_item = {
	"INSERT INTO pgcopy.item (job, no, kind, stage, relation, referenced, "
	"schema_name, object_name, depends, cost, range_start, range_end, bytes_total, turn, state) "
	"VALUES ($1, $2, $3, $4, NULLIF($5, 0), NULLIF($6, 0), $7, $8, $9, $10, $11, "
	"NULLIF($12, -1), $13, $14, $15)",
	15, {INT8OID, INT4OID, TEXTOID, INT4OID, INT4OID, INT4OID, TEXTOID, TEXTOID,
	INT4ARRAYOID, INT8OID, INT8OID, INT8OID, INT8OID, INT4OID, TEXTOID}
};

static CatalogQuery select_all = {
	"SELECT " ITEM_COLUMNS " FROM pgcopy.item WHERE job = $1 ORDER BY no",
	1, {INT8OID}
};

static CatalogQuery select_one = {
	"SELECT " ITEM_COLUMNS " FROM pgcopy.item WHERE job = $1 AND no = $2",
	2, {INT8OID, INT4OID}
};

static CatalogQuery select_copy_of = {
	"SELECT " ITEM_COLUMNS " FROM pgcopy.item WHERE job = $1 AND relation = $2 "
	"AND kind = 'table' ORDER BY no LIMIT 1",
	2, {INT8OID, INT4OID}
};

static CatalogQuery select_statement = {
	"SELECT sql, form, has_secret, default_tablespace, "
	"default_table_access_method, session_authorization, check_function_bodies "
	"FROM pgcopy.statement WHERE job = $1 AND no = $2",
	2, {INT8OID, INT4OID}
};

static CatalogQuery select_done_chunks = {
	"SELECT FROM pgcopy.item WHERE job = $1 AND relation = $2 "
	"AND kind = 'table' AND state = 'done'",
	2, {INT8OID, INT4OID}
};

static CatalogQuery sum_rows = {
	"SELECT COALESCE(sum(rows_done), 0)::bigint FROM pgcopy.item WHERE job = $1 "
	"AND relation = $2 AND kind = 'table' AND state = 'done'",
	2, {INT8OID, INT4OID}
};

static CatalogQuery select_loaded = {
	"SELECT xid::text::bigint AS xid FROM pgcopy.item WHERE job = $1 "
	"AND kind = 'table' AND state = 'done'",
	1, {INT8OID}
};

static CatalogQuery mark_running = {
	"UPDATE pgcopy.item SET state = 'running', attempts = attempts + 1, "
	"snapshot = NULLIF($3, 0), pid = $4, started = clock_timestamp(), "
	"dirty_from = COALESCE(dirty_from, pg_catalog.pg_current_xact_id()), "
	"finished = NULL WHERE job = $1 AND no = $2",
	4, {INT8OID, INT4OID, INT4OID, INT4OID}
};

static CatalogQuery mark_done = {
	"UPDATE pgcopy.item SET state = 'done', format = $3, rows_done = $4, "
	"bytes_done = $5, xid = $7::xid8, "
	"dirty_from = NULL, pid = $6, "
	"started = pg_catalog.statement_timestamp(), finished = clock_timestamp() "
	"WHERE job = $1 AND no = $2",
	7, {INT8OID, INT4OID, TEXTOID, INT8OID, INT8OID, INT4OID, TEXTOID}
};

static CatalogQuery mark_built = {
	"UPDATE pgcopy.item SET state = 'done', built_by = $3, built_reason = $4, "
	"xid = pg_catalog.pg_current_xact_id(), dirty_from = NULL, pid = $5, "
	"started = pg_catalog.statement_timestamp(), finished = clock_timestamp() "
	"WHERE job = $1 AND no = $2",
	5, {INT8OID, INT4OID, TEXTOID, TEXTOID, INT4OID}
};

static CatalogQuery mark_state = {
	"UPDATE pgcopy.item SET state = $3, pid = NULL, "
	"finished = CASE WHEN $3 = 'pending' THEN NULL ELSE clock_timestamp() END "
	"WHERE job = $1 AND no = $2",
	3, {INT8OID, INT4OID, TEXTOID}
};

static CatalogQuery set_with_path = {
	"UPDATE pgcopy.item SET with_path = $3 WHERE job = $1 AND no = $2",
	3, {INT8OID, INT4OID, BOOLOID}
};

static CatalogQuery give_back = {
	"UPDATE pgcopy.item SET state = 'pending', attempts = attempts - 1, "
	"pid = NULL, started = NULL WHERE job = $1 AND no = $2",
	2, {INT8OID, INT4OID}
};

#define SET_UNTRIED \
	"attempts = 0, snapshot = NULL, xid = NULL, pid = NULL, rows_done = 0, " \
	"bytes_done = 0, built_by = NULL, built_reason = NULL, started = NULL, finished = NULL "

static CatalogQuery reset_item = {
	"UPDATE pgcopy.item SET state = 'pending', dirty_from = NULL, " SET_UNTRIED
	"WHERE job = $1 AND no = $2",
	2, {INT8OID, INT4OID}
};

static CatalogQuery plan_again = {
	"UPDATE pgcopy.item SET state = 'pending', object_name = $3, cost = $4, "
	"range_start = $5, range_end = $6, bytes_total = $7, " SET_UNTRIED
	"WHERE job = $1 AND no = $2",
	7, {INT8OID, INT4OID, TEXTOID, INT8OID, INT8OID, INT8OID, INT8OID}
};

static CatalogQuery mark_empty = {
	"UPDATE pgcopy.item SET state = 'done', object_name = 'none', cost = 1, "
	"range_start = NULL, range_end = NULL, bytes_total = 0, " SET_UNTRIED
	"WHERE job = $1 AND no = $2",
	2, {INT8OID, INT4OID}
};

static List *
read_int_array(int row, const char *column)
{
	ArrayType  *array = pgcopy_query_array(row, column);
	int32	   *elements = (int32 *) ARR_DATA_PTR(array);
	int			n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	List	   *integers = NIL;

	for (int i = 0; i < n; i++)
		integers = lappend_int(integers, elements[i]);
	return integers;
}

void
pgcopy_item_insert(int64 job, const JobItem *item)
{
	Datum		values[] = {
		Int64GetDatum(job),
		Int32GetDatum(item->no),
		CStringGetTextDatum(pgcopy_item_kind_traits(item->kind)->name),
		Int32GetDatum(item->stage),
		Int32GetDatum(item->relation),
		Int32GetDatum(item->referenced),
		pgcopy_query_text_arg(item->schema),
		pgcopy_query_text_arg(item->name),
		pgcopy_query_array_arg(item->depends, INT4OID),
		Int64GetDatum(Max(item->cost, 1)),
		Int64GetDatum(item->range_start),
		Int64GetDatum(item->range_end),
		Int64GetDatum(item->bytes_total),
		Int32GetDatum(item->turn),
		CStringGetTextDatum(pgcopy_words_of_item_state(item->state))
	};

	pgcopy_query_run(&insert_item, values);
}

/* Not by SQL: a definition may hold a secret (row.c). */
void
pgcopy_item_insert_statement(int64 job, int no, const ItemStatement *statement)
{
	Relation	table = pgcopy_row_open("statement");
	Datum		values[] = {
		Int64GetDatum(job),
		Int32GetDatum(no),
		pgcopy_row_text(statement->sql, statement->length),
		Int32GetDatum(statement->form),
		BoolGetDatum(statement->has_secret),
		CStringGetTextDatum(statement->default_tablespace),
		CStringGetTextDatum(statement->default_table_access_method),
		pgcopy_query_text_arg(statement->session_authorization),
		BoolGetDatum(statement->check_function_bodies)
	};
	bool		nulls[lengthof(values)] = {false};

	Assert(InLocalUserIdChange());	/* between begin() and end() */
	if (RelationGetDescr(table)->natts != lengthof(values))
		elog(ERROR, "pgcopy.statement has %d columns", RelationGetDescr(table)->natts);
	nulls[7] = statement->session_authorization == NULL;
	pgcopy_row_insert(table, values, nulls);
	pgcopy_row_close(table);
}

static void *
decode_item(int row)
{
	JobItem	   *item = palloc(sizeof(JobItem));

	item->no = (int) pgcopy_query_int64(row, "no");
	item->kind = pgcopy_item_kind_parse(pgcopy_query_text(row, "kind"));
	item->stage = (ItemStage) pgcopy_query_int64(row, "stage");
	item->state = pgcopy_words_parse_item_state(pgcopy_query_text(row, "state"));
	item->relation = (int) pgcopy_query_int64(row, "relation");
	item->referenced = (int) pgcopy_query_int64(row, "referenced");
	item->schema = pgcopy_query_text(row, "schema_name");
	item->name = pgcopy_query_text(row, "object_name");
	item->depends = read_int_array(row, "depends");
	item->turn = (ItemTurn) pgcopy_query_int64(row, "turn");
	item->with_path = pgcopy_query_bool(row, "with_path");
	item->cost = pgcopy_query_int64(row, "cost");
	item->range_start = pgcopy_query_int64(row, "range_start");
	item->range_end = pgcopy_query_is_null(row, "range_end") ? -1 :
		pgcopy_query_int64(row, "range_end");
	item->bytes_total = pgcopy_query_int64(row, "bytes_total");
	item->attempts = (int) pgcopy_query_int64(row, "attempts");
	item->xid = pgcopy_query_int64(row, "xid");
	item->dirty_from = pgcopy_query_int64(row, "dirty_from");
	item->is_vacuumed = false;
	return item;
}

List *
pgcopy_item_fetch_all(int64 job)
{
	return pgcopy_query_fetch(&select_all, QUERY_JOB(job), decode_item);
}

JobItem *
pgcopy_item_fetch(int64 job, int no)
{
	JobItem    *item = pgcopy_query_fetch_one(&select_one, QUERY_ITEM(job, no), decode_item);

	if (item == NULL)
		elog(ERROR, "job " INT64_FORMAT " has no item %d", job, no);
	return item;
}

JobItem *
pgcopy_item_fetch_copy_of(int64 job, int relation)
{
	return pgcopy_query_fetch_one(&select_copy_of, QUERY_ITEM(job, relation), decode_item);
}

static void *
decode_statement(int row)
{
	ItemStatement *statement = palloc(sizeof(ItemStatement));

	statement->sql = pgcopy_query_text(row, "sql");
	statement->length = strlen(statement->sql);
	statement->form = (int) pgcopy_query_int64(row, "form");
	statement->has_secret = pgcopy_query_bool(row, "has_secret");
	statement->default_tablespace = pgcopy_query_text(row, "default_tablespace");
	statement->default_table_access_method =
		pgcopy_query_text(row, "default_table_access_method");
	statement->session_authorization =
		pgcopy_query_text(row, "session_authorization");
	statement->check_function_bodies =
		pgcopy_query_bool(row, "check_function_bodies");
	return statement;
}

ItemStatement *
pgcopy_item_fetch_statement(int64 job, int no)
{
	ItemStatement *statement =
		pgcopy_query_fetch_one(&select_statement, QUERY_ITEM(job, no), decode_statement);

	if (statement == NULL)
		elog(ERROR, "item %d of job " INT64_FORMAT " has no statement", no, job);
	return statement;
}

bool
pgcopy_item_is_part_of_done(int64 job, int relation)
{
	return pgcopy_query_do(&select_done_chunks, QUERY_ITEM(job, relation)) > 0;
}

int64
pgcopy_item_sum_rows(int64 job, int relation)
{
	return pgcopy_query_fetch_int64(&sum_rows, QUERY_ITEM(job, relation));
}

TransactionId *
pgcopy_item_fetch_loaded(int64 job, int *count)
{
	return pgcopy_query_fetch_array(&select_loaded, QUERY_JOB(job), count);
}

void
pgcopy_item_mark_running(int64 job, int no, int snapshot)
{
	pgcopy_query_do(&mark_running,
					QUERY_ARGS(Int64GetDatum(job), Int32GetDatum(no),
							   Int32GetDatum(snapshot),
							   Int32GetDatum(MyProcPid)));
}

/* In a subtransaction, that is the one the rows are of. */
static Datum
current_xid(void)
{
	uint64		xid = U64FromFullTransactionId(GetCurrentFullTransactionId());

	return CStringGetTextDatum(psprintf(UINT64_FORMAT, xid));
}

void
pgcopy_item_mark_done(int64 job, int no, const char *format, int64 rows,
					  int64 bytes)
{
	pgcopy_query_do(&mark_done,
					QUERY_ARGS(Int64GetDatum(job), Int32GetDatum(no),
							   pgcopy_query_text_arg(format),
							   Int64GetDatum(rows), Int64GetDatum(bytes),
							   Int32GetDatum(MyProcPid), current_xid()));
}

void
pgcopy_item_mark_built(int64 job, int no, const char *built_by, const char *reason)
{
	pgcopy_query_do(&mark_built,
					QUERY_ARGS(Int64GetDatum(job), Int32GetDatum(no),
							   CStringGetTextDatum(built_by),
							   pgcopy_query_text_arg(reason),
							   Int32GetDatum(MyProcPid)));
}

void
pgcopy_item_mark(int64 job, int no, ItemState state)
{
	pgcopy_query_do(&mark_state,
					QUERY_ARGS(Int64GetDatum(job), Int32GetDatum(no),
							   CStringGetTextDatum(pgcopy_words_of_item_state(state))));
}

void
pgcopy_item_set_with_path(int64 job, int no, bool with_path)
{
	pgcopy_query_do(&set_with_path,
					QUERY_ARGS(Int64GetDatum(job), Int32GetDatum(no), BoolGetDatum(with_path)));
}

void
pgcopy_item_give_back(int64 job, int no)
{
	pgcopy_query_do(&give_back, QUERY_ITEM(job, no));
}

void
pgcopy_item_reset(int64 job, int no)
{
	pgcopy_query_do(&reset_item, QUERY_ITEM(job, no));
}

void
pgcopy_item_plan_again(int64 job, const JobItem *item)
{
	pgcopy_query_do(&plan_again,
					QUERY_ARGS(Int64GetDatum(job), Int32GetDatum(item->no),
							   CStringGetTextDatum(item->name),
							   Int64GetDatum(Max(item->cost, 1)),
							   Int64GetDatum(item->range_start),
							   Int64GetDatum(item->range_end),
							   Int64GetDatum(item->bytes_total)));
}

void
pgcopy_item_mark_empty(int64 job, int no)
{
	pgcopy_query_do(&mark_empty, QUERY_ITEM(job, no));
}
