/*-------------------------------------------------------------------------
 *
 * notice.c
 *	  pgcopy.notice: what a setting of this server costs a job.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "catalog/notice.h"
#include "catalog/query.h"

static CatalogQuery delete_notices = {
	"DELETE FROM pgcopy.notice WHERE job = $1",
	1, {INT8OID}
};

static CatalogQuery insert_notice = {
	"INSERT INTO pgcopy.notice (job, setting, value, suggestion, message) "
	"VALUES ($1, $2, $3, $4, $5)",
	5, {INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}
};

static CatalogQuery select_wal_readers = {
	"SELECT EXISTS (SELECT FROM pg_replication_slots) "
	"OR EXISTS (SELECT FROM pg_stat_replication) AS is_read",
	0, {0}
};

void
pgcopy_notice_clear(int64 job)
{
	Datum		values[] = {Int64GetDatum(job)};

	pgcopy_catalog_do(&delete_notices, values, NULL);
}

void
pgcopy_notice_insert(int64 job, const JobNotice *notice)
{
	Datum		values[] = {
		Int64GetDatum(job), CStringGetTextDatum(notice->setting),
		CStringGetTextDatum(GetConfigOptionByName(notice->setting, NULL, false)),
		CStringGetTextDatum(notice->suggestion),
		CStringGetTextDatum(notice->message)
	};

	pgcopy_catalog_do(&insert_notice, values, NULL);
}

bool
pgcopy_notice_is_wal_read(void)
{
	CatalogScope scope;
	bool		is_read;

	pgcopy_catalog_begin(&scope);
	pgcopy_catalog_run(&select_wal_readers, NULL, NULL);
	is_read = pgcopy_catalog_bool(0, "is_read");
	pgcopy_catalog_end(&scope);
	return is_read;
}
