/*-------------------------------------------------------------------------
 *
 * record.c
 *	  Keys of any width: collect a record for each row.
 *
 * A record is the tuple as index_form_tuple() makes it, and its key: bytes whose
 * order is that of the keys (record_key.c).  Tuples are formed here if all values
 * are taken as they are; if one is toasted, compressed or so long that it would
 * be, index_form_tuple() does it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heaptoast.h"
#include "access/tupmacs.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "index/record.h"
#include "index/row.h"
#include "index/scan.h"

#define FIRST_CAPACITY 256
#define LEAST_CHUNK ((Size) 64 * 1024)
#define LARGEST_CHUNK ((Size) 8 * 1024 * 1024)

/* Before the first one, assume that a record has so many bytes. */
#define USUAL_RECORD 64

/* Room for records follows. */
typedef struct RecordChunk
{
	struct RecordChunk *next;
	Size		size;			/* of it */
} RecordChunk;

/* So much may still be had, if all pairs are to be sorted later. */
static Size
memory_left(const Records *records)
{
	Size		left = pgcopy_memory_left(records->build->memory);
	Size		reserved = records->capacity * sizeof(SortPair) + RECORD_RESERVE;

	return left > reserved ? left - reserved : 0;
}

static void
use_chunk(Records *records, RecordChunk *chunk)
{
	records->chunk = chunk;
	records->next = (char *) chunk + MAXALIGN(sizeof(RecordChunk));
	records->end = records->next + chunk->size;
}

/* Get another chunk for records of so many bytes; NULL over the memory limit. */
static RecordChunk *
add_chunk(Records *records, Size size)
{
	Size		wanted = Max(Min(Max(records->arena_size, LEAST_CHUNK), LARGEST_CHUNK), size);
	Size		head = MAXALIGN(sizeof(RecordChunk));
	RecordChunk *chunk = NULL;

	wanted = Min(wanted, memory_left(records) / LEAST_CHUNK * LEAST_CHUNK);
	if (wanted >= size + head)
		chunk = pgcopy_memory_alloc(records->build->memory, wanted);
	if (chunk == NULL)
		return NULL;
	chunk->size = wanted - head;
	chunk->next = NULL;
	if (records->chunk == NULL)
		records->chunks = chunk;
	else
		records->chunk->next = chunk;
	records->arena_size += wanted;
	return chunk;
}

/* How many runs will there be, if the rest of the table is as what is in memory? */
static double
expect_runs(const Records *records)
{
	size_t		rows = records->count + records->null_count;

	if (records->page == NULL)
		return 1;
	return (double) pgcopy_scan_expect_rows(records->page, records->before + rows) / rows;
}

/* Write all records into a file, and begin anew with the same memory. */
static const char *
begin_run(Records *records)
{
	const char *reason = pgcopy_record_runs_add(records, expect_runs(records));

	records->before += records->count + records->null_count;
	records->count = 0;
	records->null_count = 0;
	records->in_order = true;
	if (records->chunks != NULL)
		use_chunk(records, records->chunks);
	return reason;
}

/* Find room in memory; returns false if there is none. */
static bool
find_room(Records *records, Size size)
{
	while ((Size) (records->end - records->next) < size)
	{
		RecordChunk *next = records->chunk == NULL ? NULL : records->chunk->next;

		if (next == NULL)
			next = add_chunk(records, size);
		if (next == NULL)
			return false;
		use_chunk(records, next);
	}
	return true;
}

/* Get room for a record; what is not used is given again.  Returns a reason, or NULL. */
static inline const char *
get_room(Records *records, Size size, Record **record)
{
	const char *reason = NULL;

	if (unlikely((Size) (records->end - records->next) < size) &&
		!find_room(records, size))
	{
		reason = begin_run(records);
		if (reason == NULL && !find_room(records, size))
			reason = REASON_MEMORY;
	}
	*record = (Record *) records->next;
	return reason;
}

/*
 * Choose how many pairs to have room for: for all rows that are expected, or step by
 * step; never so many that there is no room for their records.
 */
static size_t
choose_capacity(const Records *records)
{
	size_t		rows = records->count + records->null_count;
	size_t		expected = pgcopy_scan_expect_rows(records->page, records->before + rows);
	Size		width = rows == 0 ? USUAL_RECORD :
	(records->arena_size - (records->end - records->next)) / rows;
	size_t		most = records->capacity +
		memory_left(records) / (width + 2 * sizeof(SortPair));

	most = Min(most, SORT_MAX_ENTRIES);
	if (expected > rows + records->page->nrows && expected < most)
		return expected;
	return Min(Max(records->capacity + records->capacity / 2, FIRST_CAPACITY), most);
}

static bool
grow_pairs(Records *records)
{
	size_t		capacity = choose_capacity(records);
	SortPair   *pairs;

	if (capacity <= records->capacity)
		return false;
	pairs = pgcopy_memory_realloc(records->build->memory, records->pairs,
								  capacity * sizeof(SortPair));
	if (pairs == NULL)
		return false;
	records->pairs = pairs;
	records->capacity = capacity;
	return true;
}

static bool
grow_nulls(Records *records)
{
	size_t		more = Max(records->null_capacity, FIRST_CAPACITY);
	uint64	   *nulls = NULL;

	if (more * sizeof(uint64) <= memory_left(records))
		nulls = pgcopy_memory_realloc(records->build->memory, records->nulls,
									  (records->null_capacity + more) * sizeof(uint64));
	if (nulls == NULL)
		return false;
	records->nulls = nulls;
	records->null_capacity += more;
	return true;
}

/* See to it that the arrays have room for one row more. */
static const char *
make_room(Records *records)
{
	if (likely(records->count < records->capacity &&
			   records->null_count < records->null_capacity))
		return NULL;
	if ((records->count < records->capacity || grow_pairs(records)) &&
		(records->null_count < records->null_capacity || grow_nulls(records)))
		return NULL;
	return records->count + records->null_count > 0 ? begin_run(records) : REASON_MEMORY;
}

/* Will index_form_tuple() take this value as it is, but for its header? */
static inline bool
is_taken_as_is(const KeyColumn *column, const char *value)
{
	if (column->length != -1)
		return true;
	if (column->by_server)
		return false;
	if (VARATT_IS_1B(value))
		return !VARATT_IS_1B_E(value);
	return VARATT_IS_4B_U(value) && VARSIZE_4B(value) <= TOAST_INDEX_TARGET;
}

static inline void
strip_header(const KeyColumn *column, const char *value, RecordValue *stripped)
{
	if (column->length == -1)
	{
		stripped->data = VARDATA_ANY(value);
		stripped->length = VARSIZE_ANY_EXHDR(value);
	}
	else
	{
		stripped->data = value;
		stripped->length = column->length;
	}
}

/* Returns false if one of them is not taken as it is. */
static inline bool
get_values(const KeyDescription *keys, const RowValues *found, RecordValue *values)
{
	for (int i = 0; i < keys->ncolumns; i++)
	{
		values[i].is_null = found->nulls[i];
		values[i].length = 0;
		if (found->nulls[i])
			continue;
		if (unlikely(!is_taken_as_is(&keys->columns[i], found->values[i])))
			return false;
		strip_header(&keys->columns[i], found->values[i], &values[i]);
	}
	return true;
}

static char *
pad(char *to, char align)
{
	char	   *aligned = (char *) att_align_nominal((uintptr_t) to, align);

	while (to < aligned)
		*to++ = 0;
	return aligned;
}

static inline char *
put_varlena(char *to, const KeyColumn *column, const RecordValue *value)
{
	if (value->length + VARHDRSZ_SHORT <= VARATT_SHORT_MAX)
	{
		SET_VARSIZE_SHORT(to, value->length + VARHDRSZ_SHORT);
		to += VARHDRSZ_SHORT;
	}
	else
	{
		to = pad(to, column->align);
		SET_VARSIZE(to, value->length + VARHDRSZ);
		to += VARHDRSZ;
	}
	memcpy(to, value->data, value->length);
	return to + value->length;
}

/* As index_form_tuple(), for values that are taken as they are. */
static Size
form_tuple(const KeyDescription *keys, const RecordValue *values, bool has_nulls,
		   IndexTuple tuple)
{
	char	   *start = (char *) tuple;
	bits8	   *bitmap = (bits8 *) (start + sizeof(IndexTupleData));
	char	   *to = start + sizeof(IndexTupleData);
	bool		has_varlena = false;
	Size		size;

	if (has_nulls)
	{
		to = start + MAXALIGN(sizeof(IndexTupleData) + sizeof(IndexAttributeBitMapData));
		memset(bitmap, 0, to - (char *) bitmap);
	}
	for (int i = 0; i < keys->ncolumns; i++)
	{
		const KeyColumn *column = &keys->columns[i];

		if (values[i].is_null)
			continue;
		if (has_nulls)
			bitmap[i / BITS_PER_BYTE] |= 1 << (i % BITS_PER_BYTE);
		if (column->length == -1)
		{
			has_varlena = true;
			to = put_varlena(to, column, &values[i]);
			continue;
		}
		to = pad(to, column->align);
		memcpy(to, values[i].data, column->length);
		to += column->length;
	}
	to = pad(to, TYPALIGN_DOUBLE);
	size = to - start;
	tuple->t_info = size | (has_nulls ? INDEX_NULL_MASK : 0) |
		(has_varlena ? INDEX_VAR_MASK : 0);
	return size;
}

/* At most so many bytes does the tuple need. */
static inline Size
tuple_room(const KeyDescription *keys, const RecordValue *values)
{
	Size		room = MAXALIGN(sizeof(IndexTupleData) + sizeof(IndexAttributeBitMapData)) +
	MAXIMUM_ALIGNOF;

	for (int i = 0; i < keys->ncolumns; i++)
		room += values[i].length + VARHDRSZ + MAXIMUM_ALIGNOF;
	return room;
}

static void
keep_null(Records *records, Record *record)
{
	record->key_length = 0;
	record->key_offset = 0;
	records->nulls[records->null_count++] = (uint64) (uintptr_t) record;
}

/* At most so many bytes does the key need. */
static inline Size
key_room(const Records *records, const RecordValue *values)
{
	if (records->in_place)
		return values[0].length;
	if (records->comparison != NULL)
		return sizeof(uint64);
	return pgcopy_record_key_room(&records->build->keys, values);
}

static inline bool
has_null_key(const KeyDescription *keys, const RecordValue *values)
{
	for (int i = 0; i < keys->nkeys; i++)
		if (values[i].is_null)
			return true;
	return false;
}

/* Put the word of the tuple behind it, in the order of bytes. */
static void
put_word(const Records *records, Record *record)
{
	MemoryContext before = MemoryContextSwitchTo(records->row_context);
	uint64		word = pgcopy_compare_word(records->comparison, RECORD_TUPLE(record));

	MemoryContextSwitchTo(before);
	record->key_length = pgcopy_compare_has_words(records->comparison) ? sizeof(word) : 0;
	word = pg_hton64(word);
	memcpy(RECORD_KEY(record), &word, record->key_length);
}

/* Put the key behind the tuple. */
static const char *
put_key(const Records *records, Record *record, const RecordValue *values)
{
	unsigned char *key = RECORD_KEY(record);
	const char *reason = NULL;

	if (records->comparison != NULL)
		put_word(records, record);
	else if (records->in_place)
	{
		memcpy(key, values[0].data, values[0].length);
		record->key_length = values[0].length;
	}
	else
		record->key_length = pgcopy_record_key_write(&records->build->keys, values, key,
													 &reason) - key;
	return reason;
}

static inline void
put_pair(Records *records, const Record *record)
{
	SortPair   *pair = &records->pairs[records->count];

	pair->key = pgcopy_record_word(record, 0);
	pair->value = (uint64) (uintptr_t) record;
	if (records->in_order && records->count > 0)
		records->in_order = pair->key != pair[-1].key ? pair->key > pair[-1].key :
			pgcopy_record_compare(records->comparison, record, RECORD_OF(pair[-1])) >= 0;
	records->count++;
}

/* Keep a record whose tuple is complete, and whose key is not. */
static const char *
keep_record(Records *records, Record *record, const RecordValue *values)
{
	const KeyDescription *keys = &records->build->keys;
	const char *reason = NULL;
	Size		size;

	record->has_null = has_null_key(keys, values);
	if (record->has_null && keys->nkeys == 1)
		keep_null(records, record);
	else
	{
		if (records->in_place && record->is_plain)
		{
			IndexTuple	tuple = RECORD_TUPLE(record);
			char	   *value = (char *) tuple + IndexInfoFindDataOffset(tuple->t_info);

			record->key_offset = VARDATA_ANY(value) - (char *) tuple;
			record->key_length = values[0].length;
		}
		else
		{
			record->key_offset = record->tuple_size;
			reason = put_key(records, record, values);
			if (reason != NULL)
				return reason;
		}
		put_pair(records, record);
	}
	size = pgcopy_record_size(record);
	records->largest = Max(records->largest, size);
	records->next += size;
	return NULL;
}

/* Let the server form the tuple; the key is that of the values in full. */
static const char *
take_unusual_row(Records *records, const RowValues *found, ItemPointer address)
{
	const KeyDescription *keys = &records->build->keys;
	TupleDesc	columns = RelationGetDescr(records->build->index);
	MemoryContext before = MemoryContextSwitchTo(records->row_context);
	Datum		datums[INDEX_MAX_KEYS];
	RecordValue values[INDEX_MAX_KEYS];
	IndexTuple	tuple;
	Record	   *record;
	const char *reason;

	for (int i = 0; i < keys->ncolumns; i++)
	{
		values[i].is_null = found->nulls[i];
		values[i].length = 0;
		datums[i] = (Datum) 0;
		if (found->nulls[i])
			continue;
		datums[i] = fetchatt(TupleDescAttr(columns, i), found->values[i]);
		if (i < keys->nkeys && records->comparison == NULL)
			strip_header(&keys->columns[i], keys->columns[i].length == -1 ?
						 (char *) PG_DETOAST_DATUM_PACKED(datums[i]) : found->values[i],
						 &values[i]);
	}
	tuple = index_form_tuple(columns, datums, (bool *) found->nulls);
	tuple->t_tid = *address;
	reason = get_room(records, sizeof(Record) + IndexTupleSize(tuple) + RECORD_SLACK +
					  key_room(records, values), &record);
	if (reason == NULL)
	{
		memcpy(RECORD_TUPLE(record), tuple, IndexTupleSize(tuple));
		record->tuple_size = IndexTupleSize(tuple);
		record->is_plain = false;
		reason = keep_record(records, record, values);
	}
	MemoryContextSwitchTo(before);
	MemoryContextReset(records->row_context);
	return reason;
}

static inline const char *
take_row(Records *records, const RowValues *found, ItemPointer address)
{
	const KeyDescription *keys = &records->build->keys;
	RecordValue values[INDEX_MAX_KEYS];
	Record	   *record;
	Size		room;
	const char *reason;

	if (unlikely(!get_values(keys, found, values)))
		return take_unusual_row(records, found, address);
	room = tuple_room(keys, values);
	if (unlikely(room > INDEX_SIZE_MASK))
		return take_unusual_row(records, found, address);
	reason = get_room(records, sizeof(Record) + room + RECORD_SLACK +
					  (records->in_place ? 0 : key_room(records, values)), &record);
	if (unlikely(reason != NULL))
		return reason;
	RECORD_TUPLE(record)->t_tid = *address;
	record->tuple_size = form_tuple(keys, values, found->has_nulls, RECORD_TUPLE(record));
	record->is_plain = true;
	return keep_record(records, record, values);
}

static const char *
take_page(void *arg, const ScanPage *page)
{
	Records    *records = arg;
	const KeyDescription *keys = &records->build->keys;
	TupleDesc	heap = RelationGetDescr(records->build->heap);
	const char *reason = NULL;

	records->page = page;
	for (int i = 0; i < page->nrows && reason == NULL; i++)
	{
		RowValues	found;
		ItemPointerData address;

		ItemPointerSet(&address, page->block, page->offsets[i]);
		if (!pgcopy_row_find(keys, heap, page, i, &found))
			continue;
		reason = make_room(records);
		if (reason == NULL)
			reason = take_row(records, &found, &address);
	}
	MemoryContextReset(records->row_context);
	return reason;
}

static void
free_memory(Records *records)
{
	IndexMemory *memory = records->build->memory;
	RecordChunk *next;

	for (RecordChunk *chunk = records->chunks; chunk != NULL; chunk = next)
	{
		next = chunk->next;
		pgcopy_memory_free(memory, chunk);
	}
	if (records->pairs != NULL)
		pgcopy_memory_free(memory, records->pairs);
	if (records->nulls != NULL)
		pgcopy_memory_free(memory, records->nulls);
	records->chunks = NULL;
	records->pairs = NULL;
	records->nulls = NULL;
}

/* Sort what is in memory; or write it as the last run, and prepare to merge all. */
static const char *
sort_or_merge(Records *records)
{
	const char *reason;

	if (records->runs == NULL)
		return pgcopy_record_sort(records);
	records->page = NULL;
	reason = begin_run(records);
	if (reason != NULL)
		return reason;
	free_memory(records);
	return pgcopy_record_runs_merge(records);
}

/* If it succeeds, the memory of records goes with the build's context. */
const char *
pgcopy_record_build(IndexBuild *build, bool by_server)
{
	const KeyColumn *first = &build->keys.columns[0];
	Records		records = {.build = build, .in_order = true};
	const char *reason;

	build->runs = 0;
	if (by_server)
		records.comparison = pgcopy_compare_begin(build->index);
	/* two processes of the server take 0.7 times as long for jsonb and citext */
	if (by_server && !pgcopy_compare_has_words(records.comparison) &&
		pgcopy_build_workers(build) > 0)
		return REASON_PARALLEL;
	records.in_place = !by_server && build->keys.nkeys == 1 && first->kind == KEY_TEXT &&
		!first->descending && first->transformer == NULL;
	records.row_context = AllocSetContextCreate(CurrentMemoryContext, "pgcopy index row",
												ALLOCSET_DEFAULT_SIZES);
	reason = pgcopy_build_scan(build, take_page, &records);
	build->rows = records.before + records.count + records.null_count;
	if (reason == NULL)
		reason = sort_or_merge(&records);
	if (reason == NULL && build->keys.are_transformed && !by_server)
		reason = pgcopy_prove_order(&records);
	if (reason == NULL)
		pgcopy_record_write(&records);
	else
		free_memory(&records);
	pgcopy_record_runs_end(&records);
	return reason;
}
