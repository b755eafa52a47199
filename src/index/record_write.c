/*-------------------------------------------------------------------------
 *
 * record_write.c
 *	  Keys of any width: write the sorted records.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/datum.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "index/record.h"

#define AHEAD 12				/* records to fetch before they are needed */
#define CACHE_LINE 64

static bool
has_same_key(const Record *record, const Record *last)
{
	return record->key_length == last->key_length && record->has_null == last->has_null &&
		memcmp(RECORD_KEY(record), RECORD_KEY(last), record->key_length) == 0;
}

/* Are the values of the key the same bytes when they are not compressed? */
static bool
has_same_values(const IndexBuild *build, const Record *record, const Record *last)
{
	TupleDesc	columns = RelationGetDescr(build->index);

	for (int i = 0; i < build->keys.nkeys; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(columns, i);
		bool		is_null;
		bool		was_null;
		Datum		value = index_getattr(RECORD_TUPLE(record), i + 1, columns, &is_null);
		Datum		before = index_getattr(RECORD_TUPLE(last), i + 1, columns, &was_null);

		if (is_null != was_null)
			return false;
		if (!is_null && !datum_image_eq(value, before, attribute->attbyval,
										attribute->attlen))
			return false;
	}
	return true;
}

/* As _bt_keep_natts_fast() finds, for a tree that deduplicates. */
static inline bool
is_duplicate(const IndexBuild *build, const Record *record, const Record *last)
{
	if (unlikely(!record->is_plain || !last->is_plain))
		return has_same_key(record, last) && has_same_values(build, record, last);
	return record->tuple_size == last->tuple_size &&
		memcmp((char *) RECORD_TUPLE(record) + sizeof(ItemPointerData),
			   (char *) RECORD_TUPLE(last) + sizeof(ItemPointerData),
			   record->tuple_size - sizeof(ItemPointerData)) == 0;
}

static inline void
write_record(IndexBuild *build, const Record *record, const Record *last)
{
	if (build->info->ii_Unique && last != NULL &&
		(!record->has_null || pgcopy_nulls_not_distinct(build->info)) &&
		has_same_key(record, last))
		pgcopy_build_throw_duplicate(build, RECORD_TUPLE(record));
	pgcopy_tree_add(build->tree, RECORD_TUPLE(record),
					build->deduplicate && last != NULL && is_duplicate(build, record, last));
}

/* Nulls of the only key; "written" tuples are before them. */
static void
write_nulls(Records *records, size_t written)
{
	const Record *last = NULL;

	for (size_t i = 0; i < records->null_count; i++)
	{
		const Record *record = (const Record *) (uintptr_t) records->nulls[i];

		if ((i & 0xFFF) == 0)
			pgcopy_build_report(records->build, written + i);
		write_record(records->build, record, last);
		last = record;
	}
}

static void
write_pairs(Records *records, size_t written)
{
	const SortPair *pairs = records->pairs;
	const Record *last = NULL;

	for (size_t i = 0; i < records->count; i++)
	{
		const Record *record = RECORD_OF(pairs[i]);

		if ((i & 0xFFF) == 0)
			pgcopy_build_report(records->build, written + i);
		if (i + AHEAD < records->count)
		{
			__builtin_prefetch(RECORD_OF(pairs[i + AHEAD]));
			__builtin_prefetch((char *) RECORD_OF(pairs[i + AHEAD]) + CACHE_LINE);
		}
		write_record(records->build, record, last);
		last = record;
	}
}

void
pgcopy_record_write(Records *records)
{
	bool		nulls_first = records->build->keys.columns[0].nulls_first;

	pgcopy_build_begin_tree(records->build);
	if (nulls_first)
		write_nulls(records, 0);
	write_pairs(records, nulls_first ? records->null_count : 0);
	if (!nulls_first)
		write_nulls(records, records->count);
}
