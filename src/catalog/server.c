/*-------------------------------------------------------------------------
 *
 * server.c
 *	  pgcopy.server_clone and pgcopy.server_database: orders to clone whole
 *	  servers.
 *
 * They are in the database where the order was given.  Only its coordinator
 * writes them, and pgcopy_drop_server() deletes them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "catalog/query.h"
#include "catalog/row.h"
#include "catalog/server.h"

static CatalogQuery insert_clone = {
	"INSERT INTO pgcopy.server_clone (state, owner, source, options, properties_of_new) "
	"VALUES ('running', $1, $2, $3::jsonb, $4) RETURNING id, ctid",
	4, {OIDOID, TEXTOID, TEXTOID, BOOLOID}
};

static CatalogQuery insert_databases = {
	"INSERT INTO pgcopy.server_database (server_clone, no, name, state, encoding, provider, "
	"\"collate\", ctype, locale, icu_rules, owner, tablespace, bytes, message) "
	"SELECT $1, d.no, d.name, d.state, d.encoding, d.provider, "
	"d.\"collate\", d.ctype, d.locale, d.icu_rules, d.owner, d.tablespace, d.bytes, d.message "
	"FROM jsonb_to_recordset($2::jsonb) AS d(no integer, name text, state text, encoding text, "
	"provider text, \"collate\" text, ctype text, locale text, icu_rules text, owner text, "
	"tablespace text, bytes bigint, message text)",
	2, {INT8OID, TEXTOID}
};

static CatalogQuery select_clone = {
	"SELECT id, state, owner, source, conninfo, options, properties_of_new, has_roles, "
	"(extract(epoch FROM created) * 1000000)::bigint AS created_us "
	"FROM pgcopy.server_clone WHERE id = $1",
	1, {INT8OID}
};

static CatalogQuery select_latest = {
	"SELECT max(id) FROM pgcopy.server_clone WHERE pg_has_role($1, owner, 'MEMBER')",
	1, {OIDOID}
};

static CatalogQuery select_databases = {
	"SELECT no, name, state, is_new, job, encoding, provider, \"collate\", ctype, locale, "
	"icu_rules, owner, tablespace, bytes FROM pgcopy.server_database "
	"WHERE server_clone = $1 ORDER BY no",
	1, {INT8OID}
};

static CatalogQuery move_clone = {
	"UPDATE pgcopy.server_clone SET state = $2, message = $3, "
	"ended = CASE WHEN $2 <> 'running' THEN clock_timestamp() END, "
	"control = CASE WHEN $2 = 'running' THEN control END, "
	"conninfo = CASE WHEN $2 <> 'done' THEN conninfo END WHERE id = $1",
	3, {INT8OID, TEXTOID, TEXTOID}
};

static CatalogQuery set_control = {
	"UPDATE pgcopy.server_clone SET control = $2 WHERE id = $1",
	2, {INT8OID, INT8OID}
};

static CatalogQuery set_roles = {
	"UPDATE pgcopy.server_clone SET has_roles = true WHERE id = $1",
	1, {INT8OID}
};

#define SET_STATE \
	"UPDATE pgcopy.server_database SET state = $3, message = $4, " \
	"started = CASE WHEN $3 = 'running' AND state <> 'running' THEN clock_timestamp() ELSE started END, " \
	"ended = CASE WHEN $3 IN ('done', 'failed', 'cancelled') THEN clock_timestamp() END"

static CatalogQuery move_database = {
	SET_STATE " WHERE server_clone = $1 AND no = $2",
	4, {INT8OID, INT4OID, TEXTOID, TEXTOID}
};

static CatalogQuery store_database = {
	SET_STATE ", job = nullif($5, 0), percent = $6, tables_done = $7, tables_total = $8, "
	"rows_done = $9, bytes_done = $10, bytes_total = $11 "
	"WHERE server_clone = $1 AND no = $2",
	11, {INT8OID, INT4OID, TEXTOID, TEXTOID, INT8OID, INT4OID, INT4OID, INT4OID, INT8OID,
	INT8OID, INT8OID}
};

static CatalogQuery cancel_rest = {
	"UPDATE pgcopy.server_database SET state = 'cancelled', ended = clock_timestamp() "
	"WHERE server_clone = $1 AND state IN ('pending', 'creating', 'queued', 'running')",
	1, {INT8OID}
};

static CatalogQuery mark_new = {
	"UPDATE pgcopy.server_database SET state = 'creating', is_new = true "
	"WHERE server_clone = $1 AND no = $2",
	2, {INT8OID, INT4OID}
};

static CatalogQuery select_control = {
	"SELECT control FROM pgcopy.server_clone WHERE id = $1 AND ended IS NULL "
	"AND pg_has_role($2, owner, 'MEMBER')",
	2, {INT8OID, OIDOID}
};

static CatalogQuery select_unended = {
	"SELECT id, state, owner, source, conninfo, options, properties_of_new, has_roles, "
	"(extract(epoch FROM created) * 1000000)::bigint AS created_us "
	"FROM pgcopy.server_clone WHERE ended IS NULL ORDER BY id"
};

static CatalogQuery select_schema = {
	"SELECT n.nspname FROM pg_extension AS e "
	"JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'pgcopydb_ext'"
};

/* All kinds of processes that are not background workers, of any version. */
static CatalogQuery count_others = {
	"SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
	"AND backend_type NOT IN ('client backend', 'autovacuum launcher', 'autovacuum worker', "
	"'checkpointer', 'background writer', 'walwriter', 'archiver', 'startup', 'logger', "
	"'walsender', 'walreceiver', 'slotsync worker', 'walsummarizer', 'io worker', "
	"'standalone backend') "
	"AND NOT (backend_type = 'pgcopydb_ext' AND datid = ANY ($1::bigint[]::oid[]))",
	1, {INT8ARRAYOID}
};

/* Store the connection string in the row that INSERT has returned. */
static void
set_conninfo(const char *conninfo)
{
	TupleDesc	tupdesc = SPI_tuptable->tupdesc;
	bool		isnull;
	Datum		tid = SPI_getbinval(SPI_tuptable->vals[0], tupdesc,
									SPI_fnumber(tupdesc, "ctid"), &isnull);
	Relation	table = pgcopy_row_open("server_clone");

	pgcopy_row_set(table, (ItemPointer) DatumGetPointer(tid), "conninfo",
				   pgcopy_row_text(conninfo, strlen(conninfo)));
	pgcopy_row_close(table);
}

int64
pgcopy_server_insert(const ServerClone *clone, const char *databases)
{
	CatalogScope scope;
	int64		id;
	Datum		values[] = {
		ObjectIdGetDatum(clone->owner),
		CStringGetTextDatum(clone->source),
		CStringGetTextDatum(clone->options),
		BoolGetDatum(clone->properties_of_new)
	};

	pgcopy_query_begin(&scope);
	pgcopy_query_run(&insert_clone, values);
	id = pgcopy_query_int64(0, "id");
	CommandCounterIncrement();
	set_conninfo(clone->conninfo);
	pgcopy_query_end(&scope);
	pgcopy_query_do(&insert_databases,
					QUERY_ARGS(Int64GetDatum(id), CStringGetTextDatum(databases)));
	return id;
}

static void *
decode_clone(int row)
{
	ServerClone *clone = palloc(sizeof(ServerClone));

	clone->id = pgcopy_query_int64(row, "id");
	clone->state = pgcopy_query_text(row, "state");
	clone->owner = (Oid) pgcopy_query_int64(row, "owner");
	clone->source = pgcopy_query_text(row, "source");
	clone->conninfo = pgcopy_query_text(row, "conninfo");
	clone->options = pgcopy_query_text(row, "options");
	clone->properties_of_new = pgcopy_query_bool(row, "properties_of_new");
	clone->has_roles = pgcopy_query_bool(row, "has_roles");
	clone->created = pgcopy_query_int64(row, "created_us") -
		(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
	return clone;
}

ServerClone *
pgcopy_server_fetch(int64 id)
{
	return pgcopy_query_fetch_one(&select_clone, QUERY_JOB(id), decode_clone);
}

List *
pgcopy_server_unended(void)
{
	return pgcopy_query_fetch(&select_unended, NULL, decode_clone);
}

int64
pgcopy_server_latest(void)
{
	return pgcopy_query_fetch_int64(&select_latest,
									QUERY_ARGS(ObjectIdGetDatum(GetUserId())));
}

void
pgcopy_server_throw_missing(int64 id)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 id == 0 ? errmsg("there is no server clone") :
			 errmsg("server clone " INT64_FORMAT " does not exist", id),
			 errhint("The view pgcopy_server_progress lists yours.")));
}

static void *
decode_database(int row)
{
	ServerDatabase *database = palloc(sizeof(ServerDatabase));

	database->no = (int) pgcopy_query_int64(row, "no");
	database->name = pgcopy_query_text(row, "name");
	database->state = pgcopy_query_text(row, "state");
	database->is_new = pgcopy_query_bool(row, "is_new");
	database->job = pgcopy_query_int64(row, "job");
	database->encoding = pgcopy_query_text(row, "encoding");
	database->provider = pgcopy_query_text(row, "provider");
	database->collate = pgcopy_query_text(row, "collate");
	database->ctype = pgcopy_query_text(row, "ctype");
	database->locale = pgcopy_query_text(row, "locale");
	database->icu_rules = pgcopy_query_text(row, "icu_rules");
	database->owner = pgcopy_query_text(row, "owner");
	database->tablespace = pgcopy_query_text(row, "tablespace");
	database->bytes = pgcopy_query_int64(row, "bytes");
	return database;
}

List *
pgcopy_server_databases(int64 id)
{
	return pgcopy_query_fetch(&select_databases, QUERY_JOB(id), decode_database);
}

void
pgcopy_server_move(int64 id, const char *state, const char *message)
{
	pgcopy_query_do(&move_clone,
					QUERY_ARGS(Int64GetDatum(id), CStringGetTextDatum(state),
							   pgcopy_query_text_arg(message)));
}

void
pgcopy_server_set_control(int64 id, uint32 control)
{
	pgcopy_query_do(&set_control,
					QUERY_ARGS(Int64GetDatum(id), Int64GetDatum((int64) control)));
}

void
pgcopy_server_set_roles(int64 id)
{
	pgcopy_query_do(&set_roles, QUERY_JOB(id));
}

void
pgcopy_server_move_database(int64 id, int no, const char *state, const char *message)
{
	pgcopy_query_do(&move_database,
					QUERY_ARGS(Int64GetDatum(id), Int32GetDatum(no),
							   CStringGetTextDatum(state),
							   pgcopy_query_text_arg(message)));
}

void
pgcopy_server_store(int64 id, const ServerDatabase *database, const char *message,
					const JobTotals *totals)
{
	pgcopy_query_do(&store_database,
					QUERY_ARGS(Int64GetDatum(id), Int32GetDatum(database->no),
							   CStringGetTextDatum(database->state),
							   pgcopy_query_text_arg(message),
							   Int64GetDatum(database->job),
							   Int32GetDatum(totals->percent),
							   Int32GetDatum(totals->tables_done),
							   Int32GetDatum(totals->tables_total),
							   Int64GetDatum(totals->rows_done),
							   Int64GetDatum(totals->bytes_done),
							   Int64GetDatum(totals->bytes_total)));
}

void
pgcopy_server_cancel_rest(int64 id)
{
	pgcopy_query_do(&cancel_rest, QUERY_JOB(id));
}

void
pgcopy_server_mark_new(int64 id, int no)
{
	pgcopy_query_do(&mark_new, QUERY_ITEM(id, no));
}

void
pgcopy_server_delete(int64 id)
{
	static CatalogQuery deletes[] = {
		{"DELETE FROM pgcopy.server_database WHERE server_clone = $1", 1, {INT8OID}},
		{"DELETE FROM pgcopy.server_clone WHERE id = $1", 1, {INT8OID}},
	};

	for (int i = 0; i < lengthof(deletes); i++)
		pgcopy_query_do(&deletes[i], QUERY_JOB(id));
}

uint32
pgcopy_server_find_control(int64 id)
{
	return (uint32) pgcopy_query_fetch_int64(&select_control,
											 QUERY_ARGS(Int64GetDatum(id),
														ObjectIdGetDatum(GetUserId())));
}

char *
pgcopy_server_schema(void)
{
	return pgcopy_query_fetch_one(&select_schema, NULL, pgcopy_query_read_text);
}

int
pgcopy_server_count_others(const List *databases)
{
	Datum	   *oids = palloc(sizeof(Datum) * Max(list_length(databases), 1));
	int			n = 0;
	ArrayType  *array;
	ListCell   *lc;

	foreach(lc, databases)
		oids[n++] = Int64GetDatum((int64) lfirst_oid(lc));
	array = construct_array(oids, n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
							TYPALIGN_DOUBLE);
	return (int) pgcopy_query_fetch_int64(&count_others,
										  QUERY_ARGS(PointerGetDatum(array)));
}
