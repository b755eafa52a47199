/*-------------------------------------------------------------------------
 *
 * notice.c
 *	  pgcopy.notice: what users should know about a job besides errors.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "base/properties.h"
#include "catalog/notice.h"
#include "catalog/query.h"

static CatalogQuery delete_notices = {
	"DELETE FROM pgcopy.notice WHERE job = $1 AND setting IS NOT NULL",
	1, {INT8OID}
};

static CatalogQuery insert_notice = {
	"INSERT INTO pgcopy.notice (job, setting, value, suggestion, message, hint) "
	"VALUES ($1, $2, $3, $4, $5, $6)",
	6, {INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}
};

static CatalogQuery tell_notice = {
	"INSERT INTO pgcopy.notice (job, object, message, hint) "
	"SELECT $1, $2, $3, $4 WHERE NOT EXISTS (SELECT FROM pgcopy.notice AS n "
	"  WHERE n.job = $1 AND n.message = $3 AND n.object IS NOT DISTINCT FROM $2)",
	4, {INT8OID, TEXTOID, TEXTOID, TEXTOID}
};

static CatalogQuery select_wal_readers = {
	"SELECT EXISTS (SELECT FROM pg_replication_slots) "
	"OR EXISTS (SELECT FROM pg_stat_replication) AS is_read",
	0, {0}
};

static CatalogQuery select_properties = {PROPERTIES_SQL, 0, {0}};

void
pgcopy_notice_clear(int64 job)
{
	pgcopy_query_do(&delete_notices, QUERY_JOB(job));
}

void
pgcopy_notice_insert(int64 job, const SettingNotice *notice)
{
	const char *value = GetConfigOptionByName(notice->setting, NULL, false);

	pgcopy_query_do(&insert_notice,
					QUERY_ARGS(Int64GetDatum(job),
							   CStringGetTextDatum(notice->setting),
							   CStringGetTextDatum(value),
							   CStringGetTextDatum(notice->suggestion),
							   CStringGetTextDatum(notice->message),
							   CStringGetTextDatum(notice->hint)));
}

void
pgcopy_notice_tell(int64 job, const char *object, const char *message,
				   const char *hint)
{
	if (pgcopy_query_do(&tell_notice,
						QUERY_ARGS(Int64GetDatum(job),
								   pgcopy_query_text_arg(object),
								   CStringGetTextDatum(message),
								   pgcopy_query_text_arg(hint))) > 0)
		ereport(LOG,
				(errmsg("pgcopy job " INT64_FORMAT ": %s", job, message),
				 object ? errdetail_internal("%s", object) : 0,
				 hint ? errhint("%s", hint) : 0));
}

bool
pgcopy_notice_is_wal_read(void)
{
	return pgcopy_query_fetch_int64(&select_wal_readers, NULL) != 0;
}

/* QueryReadRow. */
static void *
read_property(int row)
{
	DatabaseProperty *property = palloc(sizeof(DatabaseProperty));

	property->kind = pgcopy_query_text(row, "kind");
	property->role = pgcopy_query_text(row, "role");
	property->name = pgcopy_query_text(row, "name");
	property->value = pgcopy_query_text(row, "value");
	return property;
}

List *
pgcopy_notice_properties(void)
{
	return pgcopy_query_fetch(&select_properties, NULL, read_property);
}
