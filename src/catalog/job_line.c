/*-------------------------------------------------------------------------
 *
 * job_line.c
 *	  How far a job is, and what ended it, in words.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "catalog/job.h"
#include "catalog/query.h"

/*
 * "copying: 36 %, 21/22 tables, 23/24 indexes, 159/291 MB, 89 MB/s, 3s left",
 * with the figures of the row where there are no live ones ($2 is false).
 */
static CatalogQuery describe = {
	"SELECT f.state || CASE WHEN f.ended IS NULL AND f.phase <> f.state "
	"THEN ' (' || f.phase || ')' ELSE '' END || ': ' "
	"|| f.percent_now || ' %' "
	"|| CASE WHEN f.tables_total IS NULL THEN '' ELSE "
	"', ' || f.tables || '/' || f.tables_total || ' tables, ' "
	"|| f.indexes || '/' || f.indexes_total || ' indexes, ' "
	"|| CASE WHEN f.ended IS NULL THEN pgcopy.size_of(f.bytes, greatest(f.bytes, f.bytes_total)) "
	"ELSE pgcopy.size(f.bytes) END END "
	"|| CASE WHEN $6 > 0 THEN ', ' || pgcopy.size($6) || '/s' ELSE '' END "
	"|| CASE WHEN $7 >= 0 THEN ', ' || pgcopy.duration(make_interval(secs => $7)) || ' left' ELSE '' END "
	"|| CASE WHEN f.ended IS NOT NULL AND f.started IS NOT NULL "
	"THEN ', took ' || pgcopy.duration(f.ended - f.started) ELSE '' END "
	"|| CASE WHEN $8 <> '' THEN '; ' || $8 ELSE '' END "
	"FROM (SELECT j.*, CASE "
	"WHEN j.state IN ('following', 'cutover', 'done') THEN 100 ELSE greatest($2, j.percent) END AS percent_now, "
	"greatest($3, j.tables_done) AS tables, greatest($4, j.indexes_done) AS indexes, "
	"greatest($5, j.bytes_done) AS bytes FROM pgcopy.job AS j WHERE j.id = $1) AS f",
	8, {INT8OID, INT4OID, INT4OID, INT4OID, INT8OID, INT8OID, INT8OID, TEXTOID}
};

static CatalogQuery select_error = {
	"SELECT message, detail, hint FROM pgcopy.error WHERE job = $1 AND is_final "
	"ORDER BY no LIMIT 1",
	1, {INT8OID}
};

/* QueryReadRow. */
static void *
decode_failure(int row)
{
	JobFailure *failure = palloc(sizeof(JobFailure));

	failure->message = pgcopy_query_text(row, "message");
	failure->detail = pgcopy_query_text(row, "detail");
	failure->hint = pgcopy_query_text(row, "hint");
	return failure;
}

char *
pgcopy_job_line(int64 id, const JobFigures *live)
{
	static const JobFigures none = {.bytes_per_second = -1,.eta_seconds = -1,.message = ""};

	if (live == NULL)
		live = &none;
	return pgcopy_query_fetch_one(&describe,
								  QUERY_ARGS(Int64GetDatum(id),
											 Int32GetDatum(live->percent),
											 Int32GetDatum(live->tables_done),
											 Int32GetDatum(live->indexes_done),
											 Int64GetDatum(live->bytes_done),
											 Int64GetDatum(live->bytes_per_second),
											 Int64GetDatum(live->eta_seconds),
											 CStringGetTextDatum(live->message)),
								  pgcopy_query_read_text);
}

JobFailure *
pgcopy_job_line_failure(int64 id)
{
	return pgcopy_query_fetch_one(&select_error, QUERY_JOB(id), decode_failure);
}
