/*-------------------------------------------------------------------------
 *
 * word_ranges.c
 *	  Keys of fixed width that do not fit into memory: range by range.
 *
 * The survey (words.c) has seen all rows: how keys are packed is known, and nothing
 * is left that could prevent the build.  Each range of keys takes a scan that
 * collects, sorts and writes it.  Rows with equal keys are of one range, so the
 * tree is the same as if all had been sorted at once.
 *
 * Where ranges end is planned by the sample.  If there is more in one than was
 * planned, it gives up its upper part, which the next one gets.  A range of a single
 * key needs no memory: its rows come in order.  So do all if the keys are in order
 * in the table, which is then one range.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/bufmgr.h"
#include "utils/rel.h"

#include "base/testpoint.h"
#include "index/pack.h"
#include "index/sort.h"

#define FILL 0.85				/* of the memory, by plan */
#define STREAM_ENTRIES ((size_t) 8192)
#define LEAST_ENTRIES ((size_t) 4096)

/* How key and row are kept: what is smallest. */
typedef enum EntryForm
{
	ENTRY_NUMBER,				/* key above the range's first, and row, in 64 bits */
	ENTRY_PAIR,
	ENTRY_TRIPLE
} EntryForm;

typedef struct WordRanges
{
	Words	   *words;
	Packing		packing;
	EntryForm	form;
	int			row_bits;
	PackWriter *writer;
	uint64		written;

	Packed		ends[MOST_RANGES];	/* the last keys of ranges, as planned */
	int			nends;

	/* The range of this scan, and what it has collected. */
	Packed		first;
	Packed		last;
	bool		is_in_order;	/* rows can be written as they come */
	void	   *entries;
	void	   *scratch;
	size_t		count;
	size_t		capacity;
} WordRanges;

static const Packed largest = {PG_UINT64_MAX, PG_UINT64_MAX};

static inline bool
is_equal(Packed a, Packed b)
{
	return a.high == b.high && a.low == b.low;
}

static Packed
next_key(Packed key)
{
	return (Packed) {key.high + (key.low == PG_UINT64_MAX), key.low + 1};
}

static Packed
key_before(Packed key)
{
	return (Packed) {key.high - (key.low == 0), key.low - 1};
}

static inline void
put_entry(WordRanges *ranges, Packed key, uint64 row)
{
	size_t		n = ranges->count++;

	switch (ranges->form)
	{
		case ENTRY_NUMBER:
			((uint64 *) ranges->entries)[n] =
				((key.high - ranges->first.high) << ranges->row_bits) | row;
			break;
		case ENTRY_PAIR:
			((SortPair *) ranges->entries)[n] = (SortPair) {key.high, row};
			break;
		case ENTRY_TRIPLE:
			((SortTriple *) ranges->entries)[n] = (SortTriple) {key.high, key.low, row};
			break;
	}
}

static inline Packed
get_entry(const WordRanges *ranges, size_t n, uint64 *row)
{
	const SortTriple *triple = (SortTriple *) ranges->entries + n;
	const SortPair *pair = (SortPair *) ranges->entries + n;
	uint64		number;

	switch (ranges->form)
	{
		case ENTRY_NUMBER:
			number = ((uint64 *) ranges->entries)[n];
			*row = number & ((UINT64CONST(1) << ranges->row_bits) - 1);
			return (Packed) {(number >> ranges->row_bits) + ranges->first.high, 0};
		case ENTRY_PAIR:
			*row = pair->value;
			return (Packed) {pair->key, 0};
		case ENTRY_TRIPLE:
			*row = triple->value;
			return (Packed) {triple->high, triple->low};
	}
	pg_unreachable();
}

static Packed
get_key(const WordRanges *ranges, size_t n)
{
	uint64		row;

	return get_entry(ranges, n, &row);
}

static void
sort_entries(WordRanges *ranges)
{
	uint64		most = ranges->packing.high_bits == 0 ? 0 :
	PG_UINT64_MAX >> (64 - ranges->packing.high_bits);

	most = Min(most, ranges->last.high);
	switch (ranges->form)
	{
		case ENTRY_NUMBER:
			pgcopy_sort_numbers(ranges->entries, ranges->scratch, ranges->count,
								ranges->row_bits, most - ranges->first.high);
			break;
		case ENTRY_PAIR:
			pgcopy_sort_pairs(ranges->entries, ranges->scratch, ranges->count,
							  ranges->first.high, most);
			break;
		case ENTRY_TRIPLE:
			pgcopy_sort_triples(ranges->entries, ranges->scratch, ranges->count, most);
			break;
	}
}

static void
write_entries(WordRanges *ranges)
{
	for (size_t i = 0; i < ranges->count; i++)
	{
		uint64		row;
		Packed		key = get_entry(ranges, i, &row);

		if ((ranges->written++ & 0xFFF) == 0)
			pgcopy_build_report(ranges->words->build, ranges->written);
		pgcopy_pack_put(ranges->writer, key, row);
	}
	ranges->count = 0;
}

/*
 * Give up the upper half, or all but the first key if that is the half.  A single
 * key that is not the range's first is given up too: others may come before it.
 */
static void
give_up_part(WordRanges *ranges)
{
	size_t		keep = ranges->count / 2;
	Packed		least;
	Packed		middle;

	sort_entries(ranges);
	least = get_key(ranges, 0);
	middle = get_key(ranges, keep);
	if (!is_equal(least, middle))
	{
		while (is_equal(get_key(ranges, keep - 1), middle))
			keep--;
		ranges->last = get_key(ranges, keep - 1);
	}
	else
	{
		ranges->last = least;
		while (keep < ranges->count && is_equal(get_key(ranges, keep), least))
			keep++;
		if (keep == ranges->count && !is_equal(ranges->first, least))
		{
			ranges->last = key_before(least);
			keep = 0;
		}
	}
	ranges->count = keep;
	ranges->is_in_order = is_equal(ranges->first, ranges->last);
}

static void
empty_some(WordRanges *ranges)
{
	if (!ranges->is_in_order)
		give_up_part(ranges);
	if (ranges->is_in_order)
		write_entries(ranges);
}

static inline bool
is_in_range(const WordRanges *ranges, Packed key)
{
	return !pgcopy_pack_is_less(key, ranges->first) && !pgcopy_pack_is_less(ranges->last, key);
}

static const char *
take_page(void *arg, const ScanPage *page)
{
	WordRanges *ranges = arg;
	Words	   *words = ranges->words;
	const char *reason;

	words->count = 0;
	reason = pgcopy_words_take(words, page);
	for (size_t i = 0; i < words->count; i++)
	{
		Packed		key = pgcopy_pack(words, &ranges->packing, i);

		if (!is_in_range(ranges, key))
			continue;
		if (unlikely(ranges->count == ranges->capacity))
		{
			empty_some(ranges);
			if (!is_in_range(ranges, key))
				continue;
		}
		put_entry(ranges, key, words->rows[i]);
	}
	return reason;
}

static int
compare_keys(const void *a, const void *b)
{
	Packed		left = *(const Packed *) a;
	Packed		right = *(const Packed *) b;

	return pgcopy_pack_is_less(left, right) ? -1 : pgcopy_pack_is_less(right, left);
}

/* Return the sample's keys in order; NULL over the memory limit. */
static Packed *
sort_sample(WordRanges *ranges)
{
	Words	   *words = ranges->words;
	const SampledWords *sampled = (SampledWords *) words->sample.entries;
	Packed	   *keys = pgcopy_memory_alloc(words->build->memory,
										   words->sample.count * sizeof(Packed));

	for (int i = 0; keys != NULL && i < words->sample.count; i++)
	{
		for (int j = 0; j < words->nwords; j++)
			words->values[j][0] = sampled[i].values[j];
		if (words->nulls != NULL)
			words->nulls[0] = sampled[i].nulls;
		keys[i] = pgcopy_pack(words, &ranges->packing, 0);
	}
	if (keys != NULL)
		qsort(keys, words->sample.count, sizeof(Packed), compare_keys);
	return keys;
}

/* Returns false if there are too many. */
static bool
add_end(WordRanges *ranges, Packed end)
{
	if (ranges->nends > 0 && is_equal(ranges->ends[ranges->nends - 1], end))
		return true;
	if (ranges->nends == MOST_RANGES)
		return false;
	ranges->ends[ranges->nends++] = end;
	return true;
}

/*
 * Plan ranges of at most "room" keys of the sample.  A key that has more is a range
 * of its own.  Returns false if there are too many.
 */
static bool
plan_ends(WordRanges *ranges, const Packed *keys, int count, double room)
{
	double		inside = 0;

	for (int i = 0, next; i < count; i = next)
	{
		for (next = i + 1; next < count && is_equal(keys[next], keys[i]); next++)
			;
		inside += next - i;
		if (inside <= room)
			continue;
		if ((keys[i].high != 0 || keys[i].low != 0) &&
			!add_end(ranges, key_before(keys[i])))
			return false;
		inside = next - i;
		if (inside > room)
		{
			if (!add_end(ranges, keys[i]))
				return false;
			inside = 0;
		}
	}
	return add_end(ranges, largest);
}

static bool
pays(const WordRanges *ranges)
{
	const IndexBuild *build = ranges->words->build;
	double		pages = RelationGetNumberOfBlocks(build->heap);

	return build->rows >= pages * ranges->nends * ROWS_FOR_RANGE;
}

/* Plan all ranges; returns a reason if they are too many. */
static const char *
plan_ranges(WordRanges *ranges)
{
	Words	   *words = ranges->words;
	Packed	   *keys = NULL;
	double		room;
	bool		is_planned;

	if (words->in_order)
	{
		ranges->ends[ranges->nends++] = largest;
		return NULL;
	}
	room = FILL * ranges->capacity * words->sample.count / words->build->rows;
	keys = sort_sample(ranges);
	if (keys == NULL)
		return REASON_MEMORY;
	if (pgcopy_testpoint_lies("index sample"))
		words->sample.count = 1;
	is_planned = plan_ends(ranges, keys, words->sample.count, room) && pays(ranges);
	pgcopy_memory_free(words->build->memory, keys);
	return is_planned ? NULL : REASON_MEMORY;
}

/* Choose how keys are kept, and how many fit. */
static void
choose_form(WordRanges *ranges)
{
	static const Size widths[] = {sizeof(uint64), sizeof(SortPair), sizeof(SortTriple)};
	Words	   *words = ranges->words;
	Size		left = pgcopy_memory_left(words->build->memory);

	ranges->row_bits = pgcopy_pack_bits(words->rows[words->count - 1]);
	if (ranges->packing.low_bits > 0)
		ranges->form = ENTRY_TRIPLE;
	else if (ranges->packing.high_bits + ranges->row_bits > 64)
		ranges->form = ENTRY_PAIR;
	else
		ranges->form = ENTRY_NUMBER;

	/* entries and scratch, each rounded up to a page */
	left += SAMPLE_ROOM * sizeof(SampledWords);
	left -= Min(left, 64 * 1024);
	ranges->capacity = Min(left / (2 * widths[ranges->form]), SORT_MAX_ENTRIES);
	if (words->in_order)
		ranges->capacity = Min(ranges->capacity, STREAM_ENTRIES);
}

static const char *
get_room(WordRanges *ranges)
{
	static const Size widths[] = {sizeof(uint64), sizeof(SortPair), sizeof(SortTriple)};
	IndexMemory *memory = ranges->words->build->memory;
	Size		size = ranges->capacity * widths[ranges->form];

	pgcopy_memory_free(memory, ranges->words->sample.entries);
	ranges->words->sample.entries = NULL;
	ranges->entries = pgcopy_memory_alloc(memory, size);
	ranges->scratch = pgcopy_memory_alloc(memory, size);
	return ranges->entries != NULL && ranges->scratch != NULL ? NULL : REASON_MEMORY;
}

/* Collect, sort and write one range.  It is too late for the server. */
static void
build_range(WordRanges *ranges, Packed first, Packed last)
{
	IndexBuild *build = ranges->words->build;
	const char *reason;
	instr_time	started;

	ranges->first = first;
	ranges->last = last;
	ranges->is_in_order = ranges->words->in_order || is_equal(first, last);
	reason = pgcopy_build_scan(build, take_page, ranges);
	if (reason != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" has changed while its index \"%s\" was built",
						RelationGetRelationName(build->heap),
						RelationGetRelationName(build->index)),
				 errdetail_internal("%s", reason)));
	INSTR_TIME_SET_CURRENT(started);
	if (!ranges->is_in_order)
		sort_entries(ranges);
	pgcopy_build_count_time(&build->sorting, started);
	write_entries(ranges);
}

static void
build_ranges(WordRanges *ranges)
{
	bool		was_in_order = ranges->words->in_order;
	Packed		first = {0, 0};
	int			planned = 0;

	PGCOPY_TEST_POINT("index", "surveyed");
	ranges->words->is_survey = false;
	ranges->writer = pgcopy_pack_begin(ranges->words, &ranges->packing);
	for (;;)
	{
		ranges->words->in_order = was_in_order;
		while (pgcopy_pack_is_less(ranges->ends[planned], first))
			planned++;
		build_range(ranges, first, ranges->ends[planned]);
		if (is_equal(ranges->last, largest))
			break;
		first = next_key(ranges->last);
	}
}

const char *
pgcopy_word_ranges_build(Words *words)
{
	WordRanges *ranges = palloc0(sizeof(WordRanges));
	const char *reason;

	ranges->words = words;
	if (!pgcopy_pack_plan(words, &ranges->packing))
		return REASON_WORDS;
	choose_form(ranges);
	reason = ranges->capacity < LEAST_ENTRIES ? REASON_MEMORY : plan_ranges(ranges);
	if (reason == NULL)
		reason = get_room(ranges);
	if (reason == NULL)
		build_ranges(ranges);
	return reason;
}
