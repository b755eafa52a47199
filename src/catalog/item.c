/*-------------------------------------------------------------------------
 *
 * item.c
 *	  pgcopy.item and pgcopy.statement: the units of work of a job.
 *
 * "running" is committed before the work and means dirty until cleaned;
 * "done" commits in the same transaction as the work.  An item is written by
 * the process that works on it, and by the leader while nobody does.
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
	"depends, cost, range_start, range_end, bytes_total, attempts, " \
	"xid::text::bigint AS xid, dirty_from::text::bigint AS dirty_from"

static CatalogQuery insert_item = {
	"INSERT INTO pgcopy.item (job, no, kind, stage, relation, referenced, "
	"schema_name, object_name, depends, cost, range_start, range_end, bytes_total) "
	"VALUES ($1, $2, $3, $4, NULLIF($5, 0), NULLIF($6, 0), $7, $8, $9, $10, $11, "
	"NULLIF($12, -1), $13)",
	13, {INT8OID, INT4OID, TEXTOID, INT4OID, INT4OID, INT4OID, TEXTOID, TEXTOID,
	INT4ARRAYOID, INT8OID, INT8OID, INT8OID, INT8OID}
};

static CatalogQuery select_all = {
	"SELECT " ITEM_COLUMNS " FROM pgcopy.item WHERE job = $1 ORDER BY no",
	1, {INT8OID}
};

static CatalogQuery select_one = {
	"SELECT " ITEM_COLUMNS " FROM pgcopy.item WHERE job = $1 AND no = $2",
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
	"bytes_done = $5, xid = pg_catalog.pg_current_xact_id(), "
	"dirty_from = NULL, pid = $6, "
	"started = pg_catalog.statement_timestamp(), finished = clock_timestamp() "
	"WHERE job = $1 AND no = $2",
	6, {INT8OID, INT4OID, TEXTOID, INT8OID, INT8OID, INT4OID}
};

static CatalogQuery mark_state = {
	"UPDATE pgcopy.item SET state = $3, pid = NULL, "
	"finished = CASE WHEN $3 = 'pending' THEN NULL ELSE clock_timestamp() END "
	"WHERE job = $1 AND no = $2",
	3, {INT8OID, INT4OID, TEXTOID}
};

static CatalogQuery give_back = {
	"UPDATE pgcopy.item SET state = 'pending', attempts = attempts - 1, "
	"pid = NULL, started = NULL WHERE job = $1 AND no = $2",
	2, {INT8OID, INT4OID}
};

static CatalogQuery reset_item = {
	"UPDATE pgcopy.item SET state = 'pending', attempts = 0, snapshot = NULL, "
	"xid = NULL, dirty_from = NULL, pid = NULL, rows_done = 0, bytes_done = 0, started = NULL, "
	"finished = NULL WHERE job = $1 AND no = $2",
	2, {INT8OID, INT4OID}
};

static CatalogQuery plan_again = {
	"UPDATE pgcopy.item SET state = 'pending', object_name = $3, cost = $4, "
	"range_start = $5, range_end = $6, bytes_total = $7, attempts = 0, "
	"snapshot = NULL, xid = NULL, pid = NULL, rows_done = 0, bytes_done = 0, "
	"started = NULL, finished = NULL WHERE job = $1 AND no = $2",
	7, {INT8OID, INT4OID, TEXTOID, INT8OID, INT8OID, INT8OID, INT8OID}
};

static CatalogQuery mark_empty = {
	"UPDATE pgcopy.item SET state = 'done', object_name = 'none', cost = 1, "
	"range_start = NULL, range_end = NULL, bytes_total = 0, attempts = 0, "
	"snapshot = NULL, xid = NULL, pid = NULL, rows_done = 0, bytes_done = 0, "
	"started = NULL, finished = NULL WHERE job = $1 AND no = $2",
	2, {INT8OID, INT4OID}
};

static Datum
make_int_array(List *integers)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(list_length(integers), 1));
	int			n = 0;
	ListCell   *lc;

	foreach(lc, integers)
		elements[n++] = Int32GetDatum(lfirst_int(lc));
	return PointerGetDatum(construct_array(elements, n, INT4OID, 4, true,
										   TYPALIGN_INT));
}

static List *
read_int_array(int row, const char *column)
{
	bool		isnull;
	int			attno = SPI_fnumber(SPI_tuptable->tupdesc, column);
	ArrayType  *array = DatumGetArrayTypeP(SPI_getbinval(SPI_tuptable->vals[row],
														 SPI_tuptable->tupdesc,
														 attno, &isnull));
	int32	   *elements = (int32 *) ARR_DATA_PTR(array);
	int			n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	List	   *integers = NIL;

	for (int i = 0; i < n; i++)
		integers = lappend_int(integers, elements[i]);
	return integers;
}

/* Text or NULL, for an argument array and its nulls. */
static Datum
text_or_null(const char *text, char *null)
{
	*null = text ? ' ' : 'n';
	return text ? CStringGetTextDatum(text) : (Datum) 0;
}

void
pgcopy_item_insert(int64 job, const JobItem *item)
{
	Datum		values[] = {
		Int64GetDatum(job),
		Int32GetDatum(item->no),
		CStringGetTextDatum(pgcopy_item_kind_name(item->kind)),
		Int32GetDatum(item->stage),
		Int32GetDatum(item->relation),
		Int32GetDatum(item->referenced),
		(Datum) 0,
		(Datum) 0,
		make_int_array(item->depends),
		Int64GetDatum(Max(item->cost, 1)),
		Int64GetDatum(item->range_start),
		Int64GetDatum(item->range_end),
		Int64GetDatum(item->bytes_total)
	};
	char		nulls[] = "             ";

	StaticAssertStmt(lengthof(values) + 1 == sizeof(nulls), "one char per argument");
	values[6] = text_or_null(item->schema, &nulls[6]);
	values[7] = text_or_null(item->name, &nulls[7]);
	pgcopy_catalog_run(&insert_item, values, nulls);
}

/* A definition may hold a secret: it is never the parameter of a statement. */
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
		(Datum) 0,
		BoolGetDatum(statement->check_function_bodies)
	};
	bool		nulls[lengthof(values)] = {false};

	if (RelationGetDescr(table)->natts != lengthof(values))
		elog(ERROR, "pgcopy.statement has %d columns", RelationGetDescr(table)->natts);
	nulls[7] = statement->session_authorization == NULL;
	if (!nulls[7])
		values[7] = CStringGetTextDatum(statement->session_authorization);
	pgcopy_row_insert(table, values, nulls);
	pgcopy_row_close(table);
}

/* In the current memory context, the strings by pgcopy_catalog_text(). */
static JobItem *
decode_item(int row)
{
	JobItem	   *item = palloc(sizeof(JobItem));

	item->no = (int) pgcopy_catalog_int64(row, "no");
	item->kind = pgcopy_item_kind_parse(pgcopy_catalog_text(row, "kind"));
	item->stage = (ItemStage) pgcopy_catalog_int64(row, "stage");
	item->state = pgcopy_item_state_parse(pgcopy_catalog_text(row, "state"));
	item->relation = (int) pgcopy_catalog_int64(row, "relation");
	item->referenced = (int) pgcopy_catalog_int64(row, "referenced");
	item->schema = pgcopy_catalog_text(row, "schema_name");
	item->name = pgcopy_catalog_text(row, "object_name");
	item->depends = read_int_array(row, "depends");
	item->cost = pgcopy_catalog_int64(row, "cost");
	item->range_start = pgcopy_catalog_int64(row, "range_start");
	item->range_end = pgcopy_catalog_is_null(row, "range_end") ? -1 :
		pgcopy_catalog_int64(row, "range_end");
	item->bytes_total = pgcopy_catalog_int64(row, "bytes_total");
	item->attempts = (int) pgcopy_catalog_int64(row, "attempts");
	item->xid = pgcopy_catalog_int64(row, "xid");
	item->dirty_from = pgcopy_catalog_int64(row, "dirty_from");
	item->is_vacuumed = false;
	return item;
}

static List *
fetch_items(CatalogQuery *query, Datum *values)
{
	MemoryContext caller = CurrentMemoryContext;
	CatalogScope scope;
	List	   *items = NIL;
	uint64		n;

	pgcopy_catalog_begin(&scope);
	n = pgcopy_catalog_run(query, values, NULL);
	MemoryContextSwitchTo(caller);
	for (uint64 i = 0; i < n; i++)
		items = lappend(items, decode_item((int) i));
	pgcopy_catalog_end(&scope);
	return items;
}

List *
pgcopy_item_fetch_all(int64 job)
{
	Datum		values[] = {Int64GetDatum(job)};

	return fetch_items(&select_all, values);
}

JobItem *
pgcopy_item_fetch(int64 job, int no)
{
	Datum		values[] = {Int64GetDatum(job), Int32GetDatum(no)};
	List	   *items = fetch_items(&select_one, values);

	if (items == NIL)
		elog(ERROR, "job " INT64_FORMAT " has no item %d", job, no);
	return linitial(items);
}

ItemStatement *
pgcopy_item_fetch_statement(int64 job, int no)
{
	CatalogScope scope;
	Datum		values[] = {Int64GetDatum(job), Int32GetDatum(no)};
	ItemStatement *statement = palloc(sizeof(ItemStatement));

	pgcopy_catalog_begin(&scope);
	if (pgcopy_catalog_run(&select_statement, values, NULL) != 1)
		elog(ERROR, "item %d of job " INT64_FORMAT " has no statement", no, job);
	statement->sql = pgcopy_catalog_text(0, "sql");
	statement->length = strlen(statement->sql);
	statement->form = (int) pgcopy_catalog_int64(0, "form");
	statement->has_secret = pgcopy_catalog_bool(0, "has_secret");
	statement->default_tablespace = pgcopy_catalog_text(0, "default_tablespace");
	statement->default_table_access_method =
		pgcopy_catalog_text(0, "default_table_access_method");
	statement->session_authorization =
		pgcopy_catalog_text(0, "session_authorization");
	statement->check_function_bodies =
		pgcopy_catalog_bool(0, "check_function_bodies");
	pgcopy_catalog_end(&scope);
	return statement;
}

bool
pgcopy_item_is_part_of_done(int64 job, int relation)
{
	Datum		values[] = {Int64GetDatum(job), Int32GetDatum(relation)};

	return pgcopy_catalog_do(&select_done_chunks, values, NULL) > 0;
}

TransactionId *
pgcopy_item_fetch_loaded(int64 job, int *count)
{
	MemoryContext caller = CurrentMemoryContext;
	CatalogScope scope;
	Datum		values[] = {Int64GetDatum(job)};
	TransactionId *xids;
	uint64		n;

	pgcopy_catalog_begin(&scope);
	n = pgcopy_catalog_run(&select_loaded, values, NULL);
	xids = MemoryContextAllocHuge(caller, sizeof(TransactionId) * Max(n, 1));
	for (uint64 i = 0; i < n; i++)
		xids[i] = (TransactionId) pgcopy_catalog_int64((int) i, "xid");
	pgcopy_catalog_end(&scope);
	*count = (int) n;
	return xids;
}

/* snapshot: its number in pgcopy.snapshot, 0 for work that reads none. */
void
pgcopy_item_mark_running(int64 job, int no, int snapshot)
{
	Datum		values[] = {
		Int64GetDatum(job), Int32GetDatum(no), Int32GetDatum(snapshot),
		Int32GetDatum(MyProcPid)
	};

	pgcopy_catalog_do(&mark_running, values, NULL);
}

/*
 * format: NULL for what is not read by COPY.  The item's time counts from
 * statement_timestamp(), which the caller has set when it began the item.
 */
void
pgcopy_item_mark_done(int64 job, int no, const char *format, int64 rows,
					  int64 bytes)
{
	char		nulls[] = "      ";
	Datum		values[] = {
		Int64GetDatum(job),
		Int32GetDatum(no),
		text_or_null(format, &nulls[2]),
		Int64GetDatum(rows),
		Int64GetDatum(bytes),
		Int32GetDatum(MyProcPid)
	};

	pgcopy_catalog_do(&mark_done, values, nulls);
}

void
pgcopy_item_mark(int64 job, int no, ItemState state)
{
	Datum		values[] = {
		Int64GetDatum(job),
		Int32GetDatum(no),
		CStringGetTextDatum(pgcopy_item_state_name(state))
	};

	pgcopy_catalog_do(&mark_state, values, NULL);
}

void
pgcopy_item_give_back(int64 job, int no)
{
	Datum		values[] = {Int64GetDatum(job), Int32GetDatum(no)};

	pgcopy_catalog_do(&give_back, values, NULL);
}

void
pgcopy_item_reset(int64 job, int no)
{
	Datum		values[] = {Int64GetDatum(job), Int32GetDatum(no)};

	pgcopy_catalog_do(&reset_item, values, NULL);
}

void
pgcopy_item_plan_again(int64 job, const JobItem *item)
{
	Datum		values[] = {
		Int64GetDatum(job),
		Int32GetDatum(item->no),
		CStringGetTextDatum(item->name),
		Int64GetDatum(Max(item->cost, 1)),
		Int64GetDatum(item->range_start),
		Int64GetDatum(item->range_end),
		Int64GetDatum(item->bytes_total)
	};

	pgcopy_catalog_do(&plan_again, values, NULL);
}

void
pgcopy_item_mark_empty(int64 job, int no)
{
	Datum		values[] = {Int64GetDatum(job), Int32GetDatum(no)};

	pgcopy_catalog_do(&mark_empty, values, NULL);
}
