/*-------------------------------------------------------------------------
 *
 * job.c
 *	  pgcopy.job: one row per order to clone.
 *
 * Only this file and row.c write the table.  While a job has a leader only the
 * leader writes its row; before and after, the SQL functions and the launcher
 * do.  pgcopy_job_move() locks the row.
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

#include "catalog/job.h"
#include "catalog/query.h"
#include "catalog/row.h"
#include "catalog/version.h"

#define JOB_COLUMNS \
	"id, state, owner, source, source_search_path, conninfo, attempt, " \
	"auto_resumed_done IS NOT NULL AS is_auto_resumed"

static CatalogQuery insert_job = {
	"INSERT INTO pgcopy.job (state, owner, source, options, server_database, server_clone, version) "
	"VALUES ('queued', $1, $2, '{}', nullif($3, 0), nullif($4, 0), '" PGCOPY_VERSION "') "
	"RETURNING id, ctid",
	4, {OIDOID, TEXTOID, OIDOID, INT8OID}
};

static CatalogQuery select_of_server = {
	"SELECT id FROM pgcopy.job WHERE server_database = $1 AND server_clone = $2 "
	"AND created >= $3 ORDER BY id DESC LIMIT 1",
	3, {OIDOID, INT8OID, TIMESTAMPTZOID}
};

static CatalogQuery select_totals = {
	"SELECT percent, tables_done, tables_total, indexes_done, indexes_total, rows_done, "
	"bytes_done, bytes_total, control FROM pgcopy.job WHERE id = $1",
	1, {INT8OID}
};

static CatalogQuery select_job = {
	"SELECT " JOB_COLUMNS " FROM pgcopy.job WHERE id = $1",
	1, {INT8OID}
};

static CatalogQuery lock_job = {
	"SELECT " JOB_COLUMNS " FROM pgcopy.job WHERE id = $1 FOR UPDATE",
	1, {INT8OID}
};

static CatalogQuery select_options = {
	"SELECT o.key, o.value FROM pgcopy.job AS j, jsonb_each_text(j.options) AS o "
	"WHERE j.id = $1",
	1, {INT8OID}
};

static CatalogQuery move_job = {
	"UPDATE pgcopy.job SET state = $2, "
	"phase = CASE WHEN $3 THEN phase ELSE $2 END, "
	"started = CASE WHEN $2 = 'planning' THEN COALESCE(started, clock_timestamp()) ELSE started END, "
	"queued = CASE WHEN $2 = 'queued' THEN clock_timestamp() ELSE queued END, "
	"attempt = CASE WHEN $2 = 'planning' THEN attempt + 1 ELSE attempt END, "
	"ended = CASE WHEN $3 THEN clock_timestamp() END, "
	"conninfo = CASE WHEN $2 = 'done' THEN NULL ELSE conninfo END, "
	"control = CASE WHEN $3 THEN NULL ELSE control END "
	"WHERE id = $1",
	3, {INT8OID, TEXTOID, BOOLOID}
};

static CatalogQuery forget_large_objects = {
	"DELETE FROM pgcopy.large_object WHERE job = $1",
	1, {INT8OID}
};

static CatalogQuery wipe_statements = {
	"UPDATE pgcopy.statement SET sql = '' "
	"WHERE job = $1 AND has_secret AND sql <> ''",
	1, {INT8OID}
};

static CatalogQuery set_phase = {
	"UPDATE pgcopy.job SET phase = $2 WHERE id = $1",
	2, {INT8OID, TEXTOID}
};

static CatalogQuery set_control = {
	"UPDATE pgcopy.job SET control = $2 WHERE id = $1",
	2, {INT8OID, INT8OID}
};

static CatalogQuery set_search_path = {
	"UPDATE pgcopy.job SET source_search_path = $2 WHERE id = $1",
	2, {INT8OID, TEXTOID}
};

static CatalogQuery set_totals = {
	"UPDATE pgcopy.job SET percent = $2, tables_done = $3, tables_total = $4, "
	"indexes_done = $5, indexes_total = $6, rows_done = $7, bytes_done = $8, "
	"bytes_total = $9 WHERE id = $1",
	9, {INT8OID, INT4OID, INT4OID, INT4OID, INT4OID, INT4OID, INT8OID, INT8OID,
	INT8OID}
};

#define ITEMS_DONE \
	"(SELECT count(*) FROM pgcopy.item WHERE job = $1 AND state = 'done')"

static CatalogQuery note_auto_resume = {
	"UPDATE pgcopy.job SET auto_resumed_done = " ITEMS_DONE ", message = NULL "
	"WHERE id = $1 AND (auto_resumed_done IS NULL "
	"OR auto_resumed_done < " ITEMS_DONE " "
	"OR EXISTS (SELECT FROM pgcopy.auto_resumed WHERE job = $1))",
	1, {INT8OID}
};

static CatalogQuery insert_auto_resumed = {
	"INSERT INTO pgcopy.auto_resumed SELECT $1 "
	"WHERE NOT EXISTS (SELECT FROM pgcopy.auto_resumed WHERE job = $1)",
	1, {INT8OID}
};

static CatalogQuery allow_auto_resume = {
	"UPDATE pgcopy.job SET auto_resumed_done = NULL, message = NULL WHERE id = $1",
	1, {INT8OID}
};

static CatalogQuery set_message = {
	"UPDATE pgcopy.job SET message = $2 WHERE id = $1",
	2, {INT8OID, TEXTOID}
};

static CatalogQuery select_control = {
	"SELECT owner, control FROM pgcopy.job WHERE id = $1",
	1, {INT8OID}
};

static CatalogQuery select_xmin = {
	"SELECT xmin::text::bigint AS xmin FROM pgcopy.job WHERE id = $1",
	1, {INT8OID}
};

/*
 * Store connection string and options in the row that INSERT has returned: options
 * have conditions and expressions, whose constants may be secret too.
 */
static void
set_secrets(const Job *job)
{
	TupleDesc	tupdesc = SPI_tuptable->tupdesc;
	bool		isnull;
	ItemPointerData tid = *(ItemPointer)
		DatumGetPointer(SPI_getbinval(SPI_tuptable->vals[0], tupdesc,
									  SPI_fnumber(tupdesc, "ctid"), &isnull));
	Datum		options = CStringGetDatum(pgcopy_options_to_json(&job->options));
	Relation	table = pgcopy_row_open("job");

	pgcopy_row_set(table, &tid, "conninfo",
				   pgcopy_row_text(job->conninfo, strlen(job->conninfo)));
	pgcopy_row_set(table, &tid, "options", DirectFunctionCall1(jsonb_in, options));
	pgcopy_row_close(table);
}

int64
pgcopy_job_insert(const Job *job)
{
	CatalogScope scope;
	int64		id;
	Datum		values[] = {
		ObjectIdGetDatum(job->owner),
		CStringGetTextDatum(job->source),
		ObjectIdGetDatum(job->server_database),
		Int64GetDatum(job->server_clone)
	};

	pgcopy_query_begin(&scope);
	pgcopy_query_run(&insert_job, values);
	id = pgcopy_query_int64(0, "id");
	CommandCounterIncrement();
	set_secrets(job);
	pgcopy_query_end(&scope);
	return id;
}

static void *
decode_job(int row)
{
	Job		   *job = palloc(sizeof(Job));

	job->id = pgcopy_query_int64(row, "id");
	job->state = pgcopy_words_parse_job_state(pgcopy_query_text(row, "state"));
	job->owner = (Oid) pgcopy_query_int64(row, "owner");
	job->source = pgcopy_query_text(row, "source");
	job->source_search_path = pgcopy_query_text(row, "source_search_path");
	job->conninfo = pgcopy_query_text(row, "conninfo");
	job->attempt = (int) pgcopy_query_int64(row, "attempt");
	job->is_auto_resumed = pgcopy_query_bool(row, "is_auto_resumed");
	return job;
}

static Job *
fetch_by(CatalogQuery *query, int64 id)
{
	return pgcopy_query_fetch_one(query, QUERY_JOB(id), decode_job);
}

Job *
pgcopy_job_fetch(int64 id)
{
	return fetch_by(&select_job, id);
}

Job *
pgcopy_job_fetch_locked(int64 id)
{
	return fetch_by(&lock_job, id);
}

void
pgcopy_job_throw_missing(int64 id)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("job " INT64_FORMAT " does not exist", id),
			 errhint("The view pgcopy_jobs lists your jobs.")));
}

/* Report a job of another role as one that does not exist. */
static Job *
check_visible(Job *job, int64 id)
{
	if (job == NULL || !is_member_of_role(GetUserId(), job->owner))
		pgcopy_job_throw_missing(id);
	return job;
}

Job *
pgcopy_job_fetch_own(int64 id)
{
	return check_visible(fetch_by(&select_job, id), id);
}

Job *
pgcopy_job_lock_own(int64 id)
{
	(void) pgcopy_job_fetch_own(id);
	return check_visible(fetch_by(&lock_job, id), id);
}

void
pgcopy_job_read_options(Job *job)
{
	CatalogScope scope;
	MemoryContext caller = CurrentMemoryContext;
	uint64		rows;

	pgcopy_options_set_defaults(&job->options);
	pgcopy_query_begin(&scope);
	rows = pgcopy_query_run(&select_options, QUERY_JOB(job->id));
	MemoryContextSwitchTo(caller);
	for (uint64 i = 0; i < rows; i++)
		pgcopy_options_restore(&job->options, pgcopy_query_text(i, "key"),
							   pgcopy_query_text(i, "value"));
	pgcopy_query_end(&scope);
}

void
pgcopy_job_move(int64 id, JobState to)
{
	Job		   *job = fetch_by(&lock_job, id);
	Datum		values[] = {
		Int64GetDatum(id),
		CStringGetTextDatum(pgcopy_words_of_job_state(to)),
		BoolGetDatum(pgcopy_job_has_ended(to))
	};

	if (job == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("job " INT64_FORMAT " does not exist", id)));
	if (!pgcopy_job_may_move(job->state, to))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("job " INT64_FORMAT " is %s and cannot become %s", id,
						pgcopy_words_of_job_state(job->state),
						pgcopy_words_of_job_state(to))));
	pgcopy_query_do(&move_job, values);
	if (to == JOB_DONE)
	{
		pgcopy_query_do(&forget_large_objects, values);
		pgcopy_query_do(&wipe_statements, values);
	}
}

void
pgcopy_job_set_phase(int64 id, const char *phase)
{
	pgcopy_query_do(&set_phase,
					QUERY_ARGS(Int64GetDatum(id), CStringGetTextDatum(phase)));
}

void
pgcopy_job_set_control(int64 id, uint32 control)
{
	pgcopy_query_do(&set_control,
					QUERY_ARGS(Int64GetDatum(id), Int64GetDatum((int64) control)));
}

void
pgcopy_job_set_search_path(int64 id, const char *search_path)
{
	pgcopy_query_do(&set_search_path,
					QUERY_ARGS(Int64GetDatum(id), CStringGetTextDatum(search_path)));
}

void
pgcopy_job_set_totals(int64 id, const JobTotals *totals)
{
	pgcopy_query_do(&set_totals,
					QUERY_ARGS(Int64GetDatum(id),
							   Int32GetDatum(totals->percent),
							   Int32GetDatum(totals->tables_done),
							   Int32GetDatum(totals->tables_total),
							   Int32GetDatum(totals->indexes_done),
							   Int32GetDatum(totals->indexes_total),
							   Int64GetDatum(totals->rows_done),
							   Int64GetDatum(totals->bytes_done),
							   Int64GetDatum(totals->bytes_total)));
}

int64
pgcopy_job_find_of_server(Oid database, int64 clone, TimestampTz created)
{
	return pgcopy_query_fetch_int64(&select_of_server,
									QUERY_ARGS(ObjectIdGetDatum(database),
											   Int64GetDatum(clone),
											   TimestampTzGetDatum(created)));
}

void
pgcopy_job_read_totals(int64 id, JobTotals *totals, uint32 *control)
{
	CatalogScope scope;

	memset(totals, 0, sizeof(*totals));
	*control = 0;
	pgcopy_query_begin(&scope);
	if (pgcopy_query_run(&select_totals, QUERY_JOB(id)) > 0)
	{
		totals->percent = (int) pgcopy_query_int64(0, "percent");
		totals->tables_done = (int) pgcopy_query_int64(0, "tables_done");
		totals->tables_total = (int) pgcopy_query_int64(0, "tables_total");
		totals->indexes_done = (int) pgcopy_query_int64(0, "indexes_done");
		totals->indexes_total = (int) pgcopy_query_int64(0, "indexes_total");
		totals->rows_done = pgcopy_query_int64(0, "rows_done");
		totals->bytes_done = pgcopy_query_int64(0, "bytes_done");
		totals->bytes_total = pgcopy_query_int64(0, "bytes_total");
		*control = (uint32) pgcopy_query_int64(0, "control");
	}
	pgcopy_query_end(&scope);
}

void
pgcopy_job_delete(int64 id)
{
	static CatalogQuery deletes[] = {
		{"DELETE FROM pgcopy.error WHERE job = $1", 1, {INT8OID}},
		{"DELETE FROM pgcopy.notice WHERE job = $1", 1, {INT8OID}},
		{"DELETE FROM pgcopy.statement WHERE job = $1", 1, {INT8OID}},
		{"DELETE FROM pgcopy.large_object WHERE job = $1", 1, {INT8OID}},
		{"DELETE FROM pgcopy.item WHERE job = $1", 1, {INT8OID}},
		{"DELETE FROM pgcopy.relation WHERE job = $1", 1, {INT8OID}},
		{"DELETE FROM pgcopy.snapshot WHERE job = $1", 1, {INT8OID}},
		{"DELETE FROM pgcopy.follow WHERE job = $1", 1, {INT8OID}},
		{"DELETE FROM pgcopy.identity WHERE job = $1", 1, {INT8OID}},
		{"DELETE FROM pgcopy.auto_resumed WHERE job = $1", 1, {INT8OID}},
		{"DELETE FROM pgcopy.job WHERE id = $1", 1, {INT8OID}},
	};

	for (int i = 0; i < lengthof(deletes); i++)
		pgcopy_query_do(&deletes[i], QUERY_JOB(id));
}

bool
pgcopy_job_note_auto_resume(int64 id)
{
	if (pgcopy_query_do(&note_auto_resume, QUERY_JOB(id)) == 0)
		return false;
	pgcopy_query_do(&insert_auto_resumed, QUERY_JOB(id));
	return true;
}

void
pgcopy_job_allow_auto_resume(int64 id)
{
	pgcopy_query_do(&allow_auto_resume, QUERY_JOB(id));
}

void
pgcopy_job_set_message(int64 id, const char *message)
{
	pgcopy_query_do(&set_message,
					QUERY_ARGS(Int64GetDatum(id), pgcopy_query_text_arg(message)));
}

bool
pgcopy_job_find_own(int64 id, uint32 *control)
{
	CatalogScope scope;
	bool		is_found;
	Oid			owner = InvalidOid;

	pgcopy_query_begin(&scope);
	is_found = pgcopy_query_run(&select_control, QUERY_JOB(id)) > 0;
	if (is_found)
	{
		owner = (Oid) pgcopy_query_int64(0, "owner");
		*control = (uint32) pgcopy_query_int64(0, "control");
	}
	pgcopy_query_end(&scope);
	return is_found && is_member_of_role(GetUserId(), owner);
}

bool
pgcopy_job_is_of_this_transaction(int64 id)
{
	int64		xmin = pgcopy_query_fetch_int64(&select_xmin, QUERY_JOB(id));

	return TransactionIdIsCurrentTransactionId((TransactionId) xmin);
}
