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

typedef struct RecordWriter
{
	IndexBuild *build;
	const Comparison *comparison;
	const Record *last;			/* NULL: none with a key like the next one's */
	uint64		written;
} RecordWriter;

static bool
has_same_key(const Comparison *comparison, const Record *record, const Record *last)
{
	if (comparison != NULL)
		return pgcopy_record_compare(comparison, record, last) == 0;
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
is_duplicate(const RecordWriter *writer, const Record *record, const Record *last)
{
	if (unlikely(!record->is_plain || !last->is_plain))
		return has_same_key(writer->comparison, record, last) &&
			has_same_values(writer->build, record, last);
	return record->tuple_size == last->tuple_size &&
		memcmp((char *) RECORD_TUPLE(record) + sizeof(ItemPointerData),
			   (char *) RECORD_TUPLE(last) + sizeof(ItemPointerData),
			   record->tuple_size - sizeof(ItemPointerData)) == 0;
}

static inline void
write_record(RecordWriter *writer, const Record *record)
{
	IndexBuild *build = writer->build;
	const Record *last = writer->last;

	if ((writer->written++ & 0xFFF) == 0)
		pgcopy_build_report(build, writer->written);
	if (build->info->ii_Unique && last != NULL &&
		(!record->has_null || pgcopy_nulls_not_distinct(build->info)) &&
		has_same_key(writer->comparison, record, last))
		pgcopy_build_throw_duplicate(build, RECORD_TUPLE(record));
	pgcopy_tree_add(build->tree, RECORD_TUPLE(record),
					build->deduplicate && last != NULL && is_duplicate(writer, record, last));
	writer->last = record;
}

/* Nulls of the only key */
static void
write_nulls(RecordWriter *writer, const Records *records)
{
	const Record *record;

	writer->last = NULL;
	if (records->runs != NULL)
		while ((record = pgcopy_record_runs_next_null(records->runs)) != NULL)
			write_record(writer, record);
	for (size_t i = 0; i < records->null_count; i++)
		write_record(writer, (const Record *) (uintptr_t) records->nulls[i]);
}

static void
write_keys(RecordWriter *writer, const Records *records)
{
	const Record *record;

	writer->last = NULL;
	for (size_t i = 0; (record = pgcopy_record_get(records, i)) != NULL; i++)
		write_record(writer, record);
}

void
pgcopy_record_write(Records *records)
{
	RecordWriter writer = {.build = records->build, .comparison = records->comparison};
	bool		nulls_first = records->build->keys.columns[0].nulls_first;

	pgcopy_build_begin_tree(records->build);
	if (nulls_first)
		write_nulls(&writer, records);
	write_keys(&writer, records);
	if (!nulls_first)
		write_nulls(&writer, records);
}
