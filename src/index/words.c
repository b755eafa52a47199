/*-------------------------------------------------------------------------
 *
 * words.c
 *	  Keys of fixed width: collect them as numbers.
 *
 * The range of each word is known when all are collected, so that most keys
 * pack into one number of 64 bits with the address of their row; pack.c.
 *
 * If they are too many for the memory, the scan goes on as a survey: it finds what
 * all of them have in common, whether they are in order, and a sample.  Then
 * word_ranges.c builds.  Several processes may collect; word_parallel.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/bufmgr.h"

#include "index/row.h"
#include "index/scan.h"
#include "index/sort.h"
#include "index/word.h"
#include "index/word_parallel.h"

/* The rows of a page, and one before. */
#define FIRST_CAPACITY 2048

StaticAssertDecl(FIRST_CAPACITY > MaxHeapTuplesPerPage + 1, "a page fits");

/* What growing leaves free: for a sample, and for what mappings are rounded up by */
#define SURVEY_RESERVE (SAMPLE_ROOM * sizeof(SampledWords) + 64 * 1024)

static void
make_words(const KeyDescription *keys, Words *words)
{
	for (int i = 0; i < keys->nkeys; i++)
	{
		const KeyColumn *column = &keys->columns[i];

		for (int offset = 0; offset < column->length; offset += sizeof(uint64))
		{
			Word	   *word = &words->words[words->nwords++];

			word->kind = column->kind;
			word->column = i;
			word->offset = offset;
			word->descending = column->descending;
			word->least = PG_UINT64_MAX;
		}
	}
}

static bool
resize(Words *words, void *array, Size width, size_t capacity)
{
	void	  **pointer = array;
	void	   *resized = pgcopy_memory_realloc(words->build->memory, *pointer,
												width * capacity);

	if (resized == NULL)
		return false;
	*pointer = resized;
	return true;
}

/* Give the arrays another size; returns false over the memory limit. */
static bool
resize_all(Words *words, size_t capacity)
{
	for (int i = 0; i < words->nwords; i++)
		if (!resize(words, &words->values[i], sizeof(uint64), capacity))
			return false;
	if (!resize(words, &words->rows, sizeof(uint64), capacity))
		return false;
	if (words->nulls != NULL && !resize(words, &words->nulls, sizeof(uint8), capacity))
		return false;
	words->capacity = capacity;
	return true;
}

static bool
is_affordable(const Words *words, size_t capacity)
{
	IndexMemory *memory = words->build->memory;
	Size		width = (words->nwords + 1) * sizeof(uint64) + sizeof(uint8);

	return capacity <= SORT_MAX_ENTRIES &&
		capacity * width + SURVEY_RESERVE <=
		pgcopy_memory_used(memory) + pgcopy_memory_left(memory);
}

/*
 * Grow to what the table is expected to have, or step by step if that is too much.
 * Returns false over the memory limit; nulls can always be had later.
 */
static bool
grow(Words *words, const ScanPage *page)
{
	size_t		step = Max(words->capacity + words->capacity / 2, FIRST_CAPACITY);
	size_t		expected = pgcopy_scan_expect_rows(page, words->count);

	if (expected > words->count + page->nrows && is_affordable(words, expected))
		return resize_all(words, expected);
	return is_affordable(words, step) && resize_all(words, step);
}

/* Keep only the last row. */
static void
keep_last(Words *words)
{
	size_t		last = words->count - 1;

	for (int i = 0; i < words->nwords; i++)
		words->values[i][0] = words->values[i][last];
	words->rows[0] = words->rows[last];
	if (words->nulls != NULL)
		words->nulls[0] = words->nulls[last];
	words->before += last;
	words->count = 1;
}

/* Add to the sample what it wants of the rows in the arrays. */
static void
add_to_sample(Words *words)
{
	while (words->sample.next < words->before + words->count)
	{
		size_t		n = words->sample.next - words->before;
		SampledWords *sampled = pgcopy_sample_add(&words->sample);

		for (int i = 0; i < words->nwords; i++)
			sampled->values[i] = words->values[i][n];
		sampled->nulls = words->nulls != NULL ? words->nulls[n] : 0;
	}
}

/* Will more ranges be needed than pay?  "block" is the next one. */
static bool
is_hopeless(const Words *words, BlockNumber block)
{
	double		rows_of_page = (double) words->count / block;
	double		rows = rows_of_page * RelationGetNumberOfBlocks(words->build->heap);
	double		ranges = rows / (2.0 * words->count);

	return !words->in_order && ranges > Min(MOST_RANGES, rows_of_page / ROWS_FOR_RANGE);
}

/*
 * Go on without keeping rows.  Expressions are evaluated in one scan only: nobody
 * knows whether they give the same again.  One of several processes sees only a part.
 */
static const char *
begin_survey(Words *words, BlockNumber block)
{
	IndexMemory *memory = words->build->memory;

	if (words->build->keys.is_evaluated || words->build->share != NULL ||
		words->count == 0 || is_hopeless(words, block))
		return REASON_MEMORY;
	if (!pgcopy_sample_begin(&words->sample, memory, sizeof(SampledWords)))
		return REASON_MEMORY;
	words->is_survey = true;
	add_to_sample(words);
	keep_last(words);
	return resize_all(words, FIRST_CAPACITY) ? NULL : REASON_MEMORY;
}

/* See to it that the rows of a page fit. */
static const char *
make_room(Words *words, const ScanPage *page)
{
	if (words->is_survey)
		keep_last(words);
	while (words->capacity - words->count < page->nrows)
	{
		if (!grow(words, page))
			return begin_survey(words, page->block);
	}
	return NULL;
}

/* Note which columns of the next row are null, if the array can be had. */
static const char *
put_nulls(Words *words, uint8 nulls)
{
	if (words->nulls == NULL)
	{
		words->nulls = pgcopy_memory_alloc(words->build->memory, words->capacity);
		if (words->nulls == NULL)
			return REASON_MEMORY;
		memset(words->nulls, 0, words->count);
	}
	words->nulls[words->count] = nulls;
	words->null_columns |= nulls;
	words->in_order = false;
	return NULL;
}

/* Put a word that is not null; "so_far": all words before are as in the last row. */
static inline void
put_word(Words *words, int i, uint64 value, bool *so_far)
{
	Word	   *word = &words->words[i];

	if (word->descending)
		value = ~value;
	if (value < word->least)
		word->least = value;
	if (value > word->most)
		word->most = value;
	if (*so_far && words->count > 0)
	{
		uint64		before = words->values[i][words->count - 1];

		words->in_order &= value >= before;
		*so_far = value == before;
	}
	words->values[i][words->count] = value;
}

static const char *
put_row(Words *words, const RowValues *found, uint64 row)
{
	bool		so_far = words->in_order;
	uint8		nulls = 0;

	for (int i = 0; i < words->nwords; i++)
	{
		Word	   *word = &words->words[i];

		if (found->nulls[word->column])
		{
			nulls |= 1 << word->column;
			words->values[i][words->count] = 0;
		}
		else
			put_word(words, i, pgcopy_word_read(word->kind,
												found->values[word->column] + word->offset,
												&words->trouble), &so_far);
	}
	if (nulls != 0 || words->nulls != NULL)
	{
		const char *reason = put_nulls(words, nulls);

		if (reason != NULL)
			return reason;
	}
	words->rows[words->count++] = row;
	return NULL;
}

/* The common case: one word, in its place. */
static inline void
put_single(Words *words, HeapTupleHeader header, int offset, uint64 row)
{
	const char *value = (char *) header + header->t_hoff + offset;
	bool		so_far = words->in_order;

	put_word(words, 0, pgcopy_word_read(words->words[0].kind, value, &words->trouble),
			 &so_far);
	if (words->nulls != NULL)
		words->nulls[words->count] = 0;
	words->rows[words->count++] = row;
}

const char *
pgcopy_words_take(void *arg, const ScanPage *page)
{
	Words	   *words = arg;
	const KeyDescription *keys = &words->build->keys;
	TupleDesc	heap = RelationGetDescr(words->build->heap);
	bool		is_single = words->nwords == 1 && keys->all_placed;
	const char *reason = make_room(words, page);

	for (int i = 0; i < page->nrows && reason == NULL; i++)
	{
		HeapTupleHeader header = page->rows[i];
		uint64		row = pgcopy_row_pack(page->block, page->offsets[i]);
		RowValues	found;

		if (is_single && !(header->t_infomask & HEAP_HASNULL))
		{
			put_single(words, header, keys->columns[0].offset, row);
			continue;
		}
		if (!pgcopy_row_find(keys, heap, page, i, &found))
			continue;
		reason = put_row(words, &found, row);
	}
	if (words->is_survey)
		add_to_sample(words);
	if (unlikely(words->trouble == WORD_ENUM))
		return REASON_ENUM;
	if (unlikely(words->trouble == WORD_AMBIGUOUS))
		return REASON_WORDS;
	return reason;
}

static void
free_array(IndexMemory *memory, void *array)
{
	void	  **pointer = array;

	if (*pointer != NULL)
		pgcopy_memory_free(memory, *pointer);
	*pointer = NULL;
}

void
pgcopy_words_free(Words *words)
{
	IndexMemory *memory = words->build->memory;

	for (int i = 0; i < words->nwords; i++)
		free_array(memory, &words->values[i]);
	free_array(memory, &words->rows);
	free_array(memory, &words->nulls);
	free_array(memory, &words->sample.entries);
}

const char *
pgcopy_words_collect(IndexBuild *build, Words *words)
{
	memset(words, 0, sizeof(Words));
	words->build = build;
	words->in_order = true;
	make_words(&build->keys, words);
	return pgcopy_build_scan(build, pgcopy_words_take, words);
}

static const char *
build_alone(IndexBuild *build)
{
	Words		words;
	const char *reason = pgcopy_words_collect(build, &words);

	build->rows = words.before + words.count;
	if (reason == NULL)
		reason = words.is_survey ? pgcopy_word_ranges_build(&words) :
			pgcopy_pack_and_write(&words);
	pgcopy_words_free(&words);
	return reason;
}

const char *
pgcopy_words_build(IndexBuild *build)
{
	int			nworkers = pgcopy_word_parallel_plan(build);
	const char *reason = REASON_ALONE;

	if (nworkers > 0)
		reason = pgcopy_word_parallel_build(build, nworkers);
	if (reason != NULL &&
		(strcmp(reason, REASON_ALONE) == 0 || strcmp(reason, REASON_MEMORY) == 0))
		reason = build_alone(build);
	return reason;
}
