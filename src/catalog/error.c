/*-------------------------------------------------------------------------
 *
 * error.c
 *	  pgcopy.error: the errors of jobs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "catalog/job.h"
#include "catalog/query.h"

static CatalogQuery insert_error = {
	"INSERT INTO pgcopy.error (job, attempt, phase, item, is_final, sqlstate, "
	"object, message, detail, hint, context, statement) "
	"SELECT $1, COALESCE((SELECT GREATEST(i.attempts, 1) FROM pgcopy.item AS i "
	"  WHERE i.job = $1 AND i.no = $2), j.attempt), j.phase, NULLIF($2, 0), "
	"$3, $4, $5, $6, $7, $8, $9, $10 FROM pgcopy.job AS j WHERE j.id = $1",
	10, {INT8OID, INT4OID, BOOLOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
	TEXTOID, TEXTOID}
};

static CatalogQuery mark_final = {
	"UPDATE pgcopy.error SET is_final = true WHERE job = $1 AND no = "
	"(SELECT max(no) FROM pgcopy.error WHERE job = $1 AND item = $2)",
	2, {INT8OID, INT4OID}
};

void
pgcopy_error_insert(int64 job, const JobError *record)
{
	const ErrorData *error = record->error;
	const char *texts[] = {
		unpack_sql_state(error->sqlerrcode), record->object,
		error->message ? error->message : "unknown error",
		error->detail, error->hint, error->context, record->statement
	};
	Datum		values[3 + lengthof(texts)] = {
		Int64GetDatum(job), Int32GetDatum(record->item), BoolGetDatum(record->is_final)
	};

	for (int i = 0; i < lengthof(texts); i++)
		values[3 + i] = pgcopy_query_text_arg(texts[i]);
	pgcopy_query_do(&insert_error, values);
}

void
pgcopy_error_mark_final(int64 job, int item)
{
	pgcopy_query_do(&mark_final, QUERY_ITEM(job, item));
}
