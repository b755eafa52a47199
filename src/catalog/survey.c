/*-------------------------------------------------------------------------
 *
 * survey.c
 *	  How far a job has come: what a resume has to know.
 *
 * The catalog can be trusted: "done" has committed with the work of the item.
 * Each query reads all items of a job.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"

#include "catalog/query.h"
#include "catalog/survey.h"

#define IS_COPY "i.kind IN ('table', 'large objects')"

/* Unlogged tables that are empty though items have loaded rows. */
#define SELECT_EMPTIED \
	"SELECT r.no FROM pgcopy.relation AS r " \
	"JOIN pg_catalog.pg_class AS c ON c.oid = r.target_oid " \
	"WHERE r.job = $1 AND (r.is_ours OR r.was_here) AND NOT r.through_root " \
	"AND c.relkind = 'r' AND c.relpersistence = 'u' " \
	"AND pg_catalog.pg_relation_size(c.oid) = 0 " \
	"AND r.no IN (SELECT i.relation FROM pgcopy.item AS i WHERE i.job = $1 " \
	"  AND i.kind = 'table' AND i.state = 'done' AND i.rows_done > 0)"

/* Items that found no large objects are neither done nor left. */
static CatalogQuery select_counts = {
	"WITH emptied AS (" SELECT_EMPTIED "), "
	"copies AS (SELECT i.kind, i.relation, i.snapshot, i.rows_done, i.bytes_done, "
	"  i.state = 'done' AND NOT EXISTS (SELECT FROM emptied AS e WHERE e.no = i.relation) AS is_done "
	"  FROM pgcopy.item AS i WHERE i.job = $1 AND " IS_COPY
	"  AND NOT (i.kind = 'large objects' AND i.state = 'done' AND i.rows_done = 0)), "
	"tables AS (SELECT bool_and(c.is_done) AS is_read, bool_or(c.is_done) AS is_begun "
	"  FROM copies AS c WHERE c.kind = 'table' GROUP BY c.relation), "
	"done AS (SELECT * FROM copies AS c WHERE c.is_done) "
	"SELECT (SELECT count(*) FROM pgcopy.item AS i WHERE i.job = $1) AS items, "
	"(SELECT count(*) FROM copies AS c WHERE NOT c.is_done) AS copies_left, "
	"(SELECT count(*) FROM tables) AS tables, "
	"(SELECT count(*) FROM tables AS t WHERE t.is_read) AS tables_read, "
	"(SELECT count(*) FROM tables AS t WHERE t.is_begun AND NOT t.is_read) AS tables_begun, "
	"count(*) AS copies_done, "
	"COALESCE(sum(d.rows_done) FILTER (WHERE d.kind = 'large objects'), 0)::bigint AS large_objects_read, "
	"count(DISTINCT d.snapshot) AS snapshots, max(d.snapshot) AS snapshot, "
	"COALESCE(sum(d.rows_done), 0)::bigint AS rows_done, "
	"COALESCE(sum(d.bytes_done), 0)::bigint AS bytes_done "
	"FROM done AS d",
	1, {INT8OID}
};

static CatalogQuery select_snapshot = {
	"SELECT no, name, content FROM pgcopy.snapshot WHERE job = $1 "
	"AND ($2 = 0 OR no = $2) ORDER BY no DESC LIMIT 1",
	2, {INT8OID, INT4OID}
};

static CatalogQuery select_unended = {
	"SELECT id FROM pgcopy.job WHERE ended IS NULL ORDER BY id", 0
};

static CatalogQuery count_stopped = {
	"SELECT count(*) FROM pgcopy.job WHERE state <> 'done'", 0
};

static CatalogQuery reopen[] = {
	{"UPDATE pgcopy.item SET state = 'pending', pid = NULL, started = NULL, "
		"finished = NULL, rows_done = 0, bytes_done = 0, "
		"attempts = CASE WHEN kind = 'table' THEN LEAST(attempts, 1) ELSE 0 END "
		"WHERE job = $1 AND state <> 'done' AND (state <> 'pending' OR attempts > 0)",
	1, {INT8OID}},

	/*
	 * Extending a relation is not WAL-logged: after a crash it may have pages
	 * of zeros while "running" is lost.
	 */
	{"UPDATE pgcopy.item AS i SET attempts = 1 FROM pgcopy.relation AS r "
		"WHERE r.job = $1 AND i.job = $1 AND i.relation = r.no "
		"AND i.kind = 'table' AND i.state = 'pending' AND i.attempts = 0 "
		"AND i.range_start = 0 AND i.range_end IS NULL "
		"AND r.is_ours AND NOT r.through_root "
		"AND pg_catalog.pg_relation_size(r.target_oid) > 0",
	1, {INT8OID}},
	{"UPDATE pgcopy.error SET is_final = false WHERE job = $1 AND is_final",
	1, {INT8OID}},
};

static CatalogQuery select_emptied = {
	SELECT_EMPTIED " ORDER BY r.no",
	1, {INT8OID}
};

static CatalogQuery select_attached = {
	"SELECT DISTINCT r.no FROM pgcopy.relation AS r "
	"JOIN pg_catalog.pg_index AS x ON x.indrelid = r.target_oid "
	"JOIN pg_catalog.pg_inherits AS h ON h.inhrelid = x.indexrelid "
	"WHERE r.job = $1 ORDER BY r.no",
	1, {INT8OID}
};

static CatalogQuery select_split_by = {
	"SELECT i.relation AS no FROM pgcopy.item AS i "
	"WHERE i.job = $1 AND i.kind = 'table' GROUP BY i.relation "
	"HAVING bool_or(i.state <> 'done') "
	"AND bool_or(i.state = 'done' AND i.snapshot IS DISTINCT FROM $2) "
	"ORDER BY 1",
	2, {INT8OID, INT4OID}
};

static CatalogQuery select_read = {
	"SELECT DISTINCT i.relation AS no FROM pgcopy.item AS i "
	"WHERE i.job = $1 AND i.kind = 'table' AND i.state = 'done' ORDER BY 1",
	1, {INT8OID}
};

static CatalogQuery select_gone = {
	"SELECT format('%I.%I', r.local_schema, r.table_name) AS name "
	"FROM pgcopy.relation AS r "
	"WHERE r.job = $1 AND r.is_ours AND r.relkind = 'r' "
	"AND r.target_oid IS NOT NULL "
	"AND NOT EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = r.target_oid) "
	"AND r.no IN (SELECT i.relation FROM pgcopy.item AS i WHERE i.job = $1 "
	"  AND i.kind = 'table' AND i.state <> 'done') "
	"ORDER BY 1",
	1, {INT8OID}
};

static CatalogQuery select_large_object_gaps = {
	"WITH ranges AS (SELECT i.range_start AS first, i.range_end AS last "
	"  FROM pgcopy.item AS i WHERE i.job = $1 AND i.kind = 'large objects' "
	"  AND i.state = 'done' AND i.rows_done > 0 "
	"  UNION ALL SELECT 4294967296, 4294967296), "
	"gaps AS (SELECT COALESCE(max(r.last) OVER w + 1, 0) AS first, r.first - 1 AS last "
	"  FROM ranges AS r WINDOW w AS (ORDER BY r.first "
	"  ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) "
	"SELECT g.first, g.last FROM gaps AS g WHERE g.first <= g.last ORDER BY g.first",
	1, {INT8OID}
};

static CatalogQuery select_large_object_items_left = {
	"SELECT i.no FROM pgcopy.item AS i WHERE i.job = $1 "
	"AND i.kind = 'large objects' AND (i.state <> 'done' OR i.rows_done = 0) "
	"ORDER BY i.no",
	1, {INT8OID}
};

static CatalogQuery reopen_large_objects = {
	"UPDATE pgcopy.item SET state = 'pending', attempts = 0, snapshot = NULL, "
	"xid = NULL, pid = NULL, rows_done = 0, bytes_done = 0, started = NULL, "
	"finished = NULL WHERE job = $1 AND kind = 'large objects'",
	1, {INT8OID}
};

static CatalogQuery select_statements = {
	"SELECT pg_catalog.hashtextextended(s.sql COLLATE \"C\", 0) AS hash, "
	"format('%s %s', i.kind, concat_ws('.', i.schema_name, i.object_name)) AS name "
	"FROM pgcopy.statement AS s JOIN pgcopy.item AS i USING (job, no) "
	"WHERE s.job = $1 AND i.kind NOT IN ('role', 'truncate', 'database') "
	"AND s.sql !~ '^VALUES'",	/* that is what drop_if_exists drops */
	1, {INT8OID}
};

static void
read_counts(Survey *survey)
{
	survey->items = (int) pgcopy_query_int64(0, "items");
	survey->copies_done = (int) pgcopy_query_int64(0, "copies_done");
	survey->copies_left = (int) pgcopy_query_int64(0, "copies_left");
	survey->tables = (int) pgcopy_query_int64(0, "tables");
	survey->tables_read = (int) pgcopy_query_int64(0, "tables_read");
	survey->tables_begun = (int) pgcopy_query_int64(0, "tables_begun");
	survey->large_objects_read = pgcopy_query_int64(0, "large_objects_read");
	survey->snapshots = (int) pgcopy_query_int64(0, "snapshots");
	survey->snapshot_no = (int) pgcopy_query_int64(0, "snapshot");
	survey->rows_done = pgcopy_query_int64(0, "rows_done");
	survey->bytes_done = pgcopy_query_int64(0, "bytes_done");
}

static void
read_snapshot(int64 job, Survey *survey)
{
	if (pgcopy_query_run(&select_snapshot, QUERY_ITEM(job, survey->snapshot_no)) == 0)
	{
		survey->snapshot_no = 0;
		return;
	}
	survey->snapshot_no = (int) pgcopy_query_int64(0, "no");
	survey->snapshot_name = pgcopy_query_text(0, "name");
	survey->snapshot_content = pgcopy_query_text(0, "content");
}

void
pgcopy_survey_fetch(int64 job, Survey *survey)
{
	CatalogScope scope;

	memset(survey, 0, sizeof(Survey));
	pgcopy_query_begin(&scope);
	pgcopy_query_run(&select_counts, QUERY_JOB(job));
	read_counts(survey);
	read_snapshot(job, survey);
	pgcopy_query_end(&scope);
}

static void *
read_id(int row)
{
	int64	   *id = palloc(sizeof(int64));

	*id = pgcopy_query_int64(row, "id");
	return id;
}

List *
pgcopy_survey_unended(void)
{
	return pgcopy_query_fetch(&select_unended, NULL, read_id);
}

int
pgcopy_survey_stopped(void)
{
	return (int) pgcopy_query_fetch_int64(&count_stopped, NULL);
}

void
pgcopy_survey_reopen(int64 job)
{
	for (int i = 0; i < lengthof(reopen); i++)
		pgcopy_query_do(&reopen[i], QUERY_JOB(job));
}

List *
pgcopy_survey_attached(int64 job)
{
	return pgcopy_query_fetch_ints(&select_attached, QUERY_JOB(job));
}

List *
pgcopy_survey_emptied(int64 job)
{
	return pgcopy_query_fetch_ints(&select_emptied, QUERY_JOB(job));
}

List *
pgcopy_survey_split_by(int64 job, int snapshot)
{
	return pgcopy_query_fetch_ints(&select_split_by, QUERY_ITEM(job, snapshot));
}

List *
pgcopy_survey_read(int64 job)
{
	return pgcopy_query_fetch_ints(&select_read, QUERY_JOB(job));
}

List *
pgcopy_survey_gone(int64 job)
{
	return pgcopy_query_fetch(&select_gone, QUERY_JOB(job), pgcopy_query_read_text);
}

void
pgcopy_survey_large_object_gaps(int64 job, List **firsts, List **lasts)
{
	MemoryContext caller = CurrentMemoryContext;
	CatalogScope scope;
	uint64		n;

	*firsts = *lasts = NIL;
	pgcopy_query_begin(&scope);
	n = pgcopy_query_run(&select_large_object_gaps, QUERY_JOB(job));
	MemoryContextSwitchTo(caller);
	for (uint64 i = 0; i < n; i++)
	{
		*firsts = lappend_oid(*firsts, (Oid) pgcopy_query_int64((int) i, "first"));
		*lasts = lappend_oid(*lasts, (Oid) pgcopy_query_int64((int) i, "last"));
	}
	pgcopy_query_end(&scope);
}

List *
pgcopy_survey_large_object_items_left(int64 job)
{
	return pgcopy_query_fetch_ints(&select_large_object_items_left, QUERY_JOB(job));
}

void
pgcopy_survey_reopen_large_objects(int64 job)
{
	pgcopy_query_do(&reopen_large_objects, QUERY_JOB(job));
}

int
pgcopy_survey_statements(int64 job, uint64 **hashes, char ***names)
{
	MemoryContext caller = CurrentMemoryContext;
	CatalogScope scope;
	int			n;

	pgcopy_query_begin(&scope);
	n = (int) pgcopy_query_run(&select_statements, QUERY_JOB(job));
	MemoryContextSwitchTo(caller);
	*hashes = MemoryContextAllocHuge(caller, sizeof(uint64) * Max(n, 1));
	*names = MemoryContextAllocHuge(caller, sizeof(char *) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		(*hashes)[i] = (uint64) pgcopy_query_int64(i, "hash");
		(*names)[i] = pgcopy_query_text(i, "name");
	}
	pgcopy_query_end(&scope);
	return n;
}

/* As hashtextextended() in collation "C". */
uint64
pgcopy_survey_hash(const char *text, size_t length)
{
	return hash_bytes_extended((const unsigned char *) text, (int) length, 0);
}
