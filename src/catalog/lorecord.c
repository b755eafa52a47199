/*-------------------------------------------------------------------------
 *
 * lorecord.c
 *	  pgcopy.large_object: the large objects that items have created here.
 *
 * One row per item, written in the transaction that creates the objects.  An
 * object that no record names is not ours.  OIDs are stored as runs of
 * consecutive ones, of eight bytes each before compression.
 *
 * The objects of an item that is not done are still to be removed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "catalog/lorecord.h"
#include "catalog/query.h"

static CatalogQuery delete_record = {
	"DELETE FROM pgcopy.large_object WHERE job = $1 AND item = $2",
	2, {INT8OID, INT4OID}
};

static CatalogQuery insert_record = {
	"INSERT INTO pgcopy.large_object (job, item, xid, first, count) "
	"VALUES ($1, $2, $3::text::xid8, $4, $5)",
	5, {INT8OID, INT4OID, TEXTOID, OIDARRAYOID, INT4ARRAYOID}
};

static CatalogQuery select_left = {
	"SELECT r.item, r.xid::text AS xid, r.first, r.count "
	"FROM pgcopy.large_object AS r WHERE r.job = $1 AND NOT EXISTS "
	"(SELECT FROM pgcopy.item AS i WHERE i.job = r.job AND i.no = r.item "
	"AND i.state = 'done') ORDER BY r.item LIMIT 1",
	1, {INT8OID}
};

static CatalogQuery select_all = {
	"SELECT r.item, r.xid::text AS xid, r.first, r.count "
	"FROM pgcopy.large_object AS r WHERE r.job = $1 ORDER BY r.item",
	1, {INT8OID}
};

static Datum
make_array(Datum *elements, int n, Oid type)
{
	return PointerGetDatum(construct_array(elements, n, type, 4, true,
										   TYPALIGN_INT));
}

/* Find runs of consecutive OIDs; returns their number. */
static int
make_runs(const LargeObjectRecord *record, Datum *firsts, Datum *counts)
{
	int			n = 0;
	int			begin = 0;

	for (int i = 1; i <= record->count; i++)
	{
		Assert(i == record->count || record->oids[i] > record->oids[i - 1]);
		if (i < record->count && record->oids[i] == record->oids[i - 1] + 1)
			continue;
		firsts[n] = ObjectIdGetDatum(record->oids[begin]);
		counts[n++] = Int32GetDatum(i - begin);
		begin = i;
	}
	return n;
}

static void
insert_runs(int64 job, const LargeObjectRecord *record)
{
	Size		size = sizeof(Datum) * record->count;
	Datum	   *firsts = palloc_extended(size, MCXT_ALLOC_HUGE);
	Datum	   *counts = palloc_extended(size, MCXT_ALLOC_HUGE);
	int			n = make_runs(record, firsts, counts);

	pgcopy_query_do(&insert_record,
					QUERY_ARGS(Int64GetDatum(job),
							   Int32GetDatum(record->item),
							   CStringGetTextDatum(psprintf(UINT64_FORMAT, record->xid)),
							   make_array(firsts, n, OIDOID),
							   make_array(counts, n, INT4OID)));
	pfree(firsts);
	pfree(counts);
}

void
pgcopy_lorecord_store(int64 job, const LargeObjectRecord *record)
{
	pgcopy_query_do(&delete_record, QUERY_ITEM(job, record->item));
	if (record->count > 0)
		insert_runs(job, record);
}

static void
decode_runs(LargeObjectRecord *record, int row)
{
	ArrayType  *array = pgcopy_query_array(row, "first");
	int			n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	const Oid  *firsts = (const Oid *) ARR_DATA_PTR(array);
	const int32 *counts =
		(const int32 *) ARR_DATA_PTR(pgcopy_query_array(row, "count"));
	int			at = 0;

	record->count = 0;
	for (int i = 0; i < n; i++)
		record->count += counts[i];
	record->oids = palloc_extended(sizeof(Oid) * Max(record->count, 1),
								   MCXT_ALLOC_HUGE);
	for (int i = 0; i < n; i++)
	{
		for (int32 j = 0; j < counts[i]; j++)
			record->oids[at++] = firsts[i] + j;
	}
}

static void *
decode_record(int row)
{
	LargeObjectRecord *record = palloc(sizeof(LargeObjectRecord));

	record->item = (int) pgcopy_query_int64(row, "item");
	record->xid = strtou64(pgcopy_query_text(row, "xid"), NULL, 10);
	decode_runs(record, row);
	return record;
}

LargeObjectRecord *
pgcopy_lorecord_fetch_left(int64 job)
{
	return pgcopy_query_fetch_one(&select_left, QUERY_JOB(job), decode_record);
}

List *
pgcopy_lorecord_fetch_all(int64 job)
{
	return pgcopy_query_fetch(&select_all, QUERY_JOB(job), decode_record);
}
