/*-------------------------------------------------------------------------
 *
 * words.c
 *	  Keys of fixed width: collect them as numbers.
 *
 * The range of each word is known when all are collected, so that most keys
 * pack into one number of 64 bits with the address of their row; pack.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "index/row.h"
#include "index/scan.h"
#include "index/sort.h"
#include "index/word.h"

#define FIRST_CAPACITY 1024

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

static bool
set_capacity(Words *words, size_t capacity)
{
	if (capacity > SORT_MAX_ENTRIES)
		return false;
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

/* Grow to what the table is expected to have, or step by step if that is too much. */
static bool
grow(Words *words, const ScanPage *page)
{
	size_t		step = Max(words->capacity + words->capacity / 2, FIRST_CAPACITY);
	size_t		expected = pgcopy_scan_expect_rows(page, words->count);
	Size		width = (words->nwords + 1) * sizeof(uint64) + sizeof(uint8);

	if (expected > words->count + page->nrows && expected < SORT_MAX_ENTRIES &&
		(expected - words->count) * width < pgcopy_memory_left(words->build->memory))
		return set_capacity(words, expected);
	return set_capacity(words, step);
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

static const char *
take_page(void *arg, const ScanPage *page)
{
	Words	   *words = arg;
	const KeyDescription *keys = &words->build->keys;
	TupleDesc	heap = RelationGetDescr(words->build->heap);
	bool		is_single = words->nwords == 1 && keys->all_placed;
	const char *reason = NULL;

	for (int i = 0; i < page->nrows && reason == NULL; i++)
	{
		HeapTupleHeader header = page->rows[i];
		uint64		row = pgcopy_row_pack(page->block, page->offsets[i]);
		RowValues	found;

		if (unlikely(words->count == words->capacity) && !grow(words, page))
			return REASON_MEMORY;
		if (is_single && !(header->t_infomask & HEAP_HASNULL))
		{
			put_single(words, header, keys->columns[0].offset, row);
			continue;
		}
		if (!pgcopy_row_find(keys, heap, page, i, &found))
			continue;
		reason = put_row(words, &found, row);
	}
	if (unlikely(words->trouble == WORD_ENUM))
		return REASON_ENUM;
	if (unlikely(words->trouble == WORD_AMBIGUOUS))
		return REASON_WORDS;
	return reason;
}

const char *
pgcopy_words_build(IndexBuild *build)
{
	Words		words = {.build = build, .in_order = true};
	const char *reason;

	make_words(&build->keys, &words);
	reason = pgcopy_build_scan(build, take_page, &words);
	build->rows = words.count;
	if (reason == NULL)
		reason = pgcopy_pack_and_write(&words);
	for (int i = 0; i < words.nwords; i++)
		if (words.values[i] != NULL)
			pgcopy_memory_free(build->memory, words.values[i]);
	if (words.rows != NULL)
		pgcopy_memory_free(build->memory, words.rows);
	if (words.nulls != NULL)
		pgcopy_memory_free(build->memory, words.nulls);
	return reason;
}
