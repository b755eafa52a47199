/*-------------------------------------------------------------------------
 *
 * job_snapshot.c
 *	  pgcopy.snapshot: the snapshots of the source that a job has read under.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/pg_lsn.h"

#include "catalog/job.h"
#include "catalog/query.h"

static CatalogQuery insert_snapshot = {
	"INSERT INTO pgcopy.snapshot (job, no, name, content) "
	"SELECT $1, COALESCE(max(s.no), 0) + 1, $2, $3 "
	"FROM pgcopy.snapshot AS s WHERE s.job = $1 RETURNING no",
	3, {INT8OID, TEXTOID, TEXTOID}
};

static CatalogQuery select_content = {
	"SELECT content FROM pgcopy.snapshot WHERE job = $1 AND no = $2",
	2, {INT8OID, INT4OID}
};

static CatalogQuery select_oldest = {
	"SELECT min(split_part(content, ':', 1)::bigint) FROM pgcopy.snapshot WHERE job = $1",
	1, {INT8OID}
};

static CatalogQuery set_lsn = {
	"UPDATE pgcopy.snapshot SET lsn = $3 WHERE job = $1 AND no = $2",
	3, {INT8OID, INT4OID, LSNOID}
};

static CatalogQuery rename_snapshot = {
	"UPDATE pgcopy.snapshot SET name = $3, released = NULL "
	"WHERE job = $1 AND no = $2",
	3, {INT8OID, INT4OID, TEXTOID}
};

static CatalogQuery release_snapshot = {
	"UPDATE pgcopy.snapshot SET released = clock_timestamp() "
	"WHERE job = $1 AND released IS NULL",
	1, {INT8OID}
};

int
pgcopy_job_snapshot_insert(int64 job, const char *name, const char *content)
{
	return (int) pgcopy_query_fetch_int64(&insert_snapshot,
										  QUERY_ARGS(Int64GetDatum(job),
													 CStringGetTextDatum(name),
													 CStringGetTextDatum(content)));
}

void
pgcopy_job_snapshot_set_lsn(int64 job, int no, XLogRecPtr lsn)
{
	pgcopy_query_do(&set_lsn, QUERY_ARGS(Int64GetDatum(job), Int32GetDatum(no),
										 LSNGetDatum(lsn)));
}

char *
pgcopy_job_snapshot_fetch_content(int64 job, int no)
{
	char	   *content =
		pgcopy_query_fetch_one(&select_content, QUERY_ITEM(job, no), pgcopy_query_read_text);

	if (content == NULL)
		elog(ERROR, "job " INT64_FORMAT " has no snapshot %d", job, no);
	return content;
}

int64
pgcopy_job_snapshot_oldest(int64 job)
{
	return pgcopy_query_fetch_int64(&select_oldest, QUERY_JOB(job));
}

void
pgcopy_job_snapshot_rename(int64 job, int no, const char *name)
{
	pgcopy_query_do(&rename_snapshot,
					QUERY_ARGS(Int64GetDatum(job), Int32GetDatum(no),
							   CStringGetTextDatum(name)));
}

void
pgcopy_job_snapshot_mark_released(int64 job)
{
	pgcopy_query_do(&release_snapshot, QUERY_JOB(job));
}
