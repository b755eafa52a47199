/*-------------------------------------------------------------------------
 *
 * pack.c
 *	  Keys of fixed width: sort them and write them.
 *
 * Each word becomes a code: what it is above the least one, or that it is null.
 * The codes of a key are packed into one number, or two halves.  If the key leaves
 * room for the address of its row, one number of 64 bits is all that is sorted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tupmacs.h"

#include "base/compat.h"
#include "index/pack.h"
#include "index/row.h"
#include "index/sort.h"
#include "index/word.h"

struct PackWriter
{
	Words	   *words;
	Packing		packing;
	Packed		last;			/* the key of "tuple" */
	bool		has_last;
	bool		has_null;		/* the tuple has one */
	bool		forbids_same;	/* UNIQUE */
	int			offsets[INDEX_MAX_KEYS];	/* in tuples without nulls */
	Size		size;			/* of those */
	union
	{
		IndexTupleData head;
		char		bytes[MAXALIGN(sizeof(IndexTupleData)) +
						  MAXALIGN(sizeof(IndexAttributeBitMapData)) +
						  MAX_WORDS * 2 * sizeof(uint64)];
		uint64		for_alignment;
	}			tuple;
};

typedef struct PackWriter Writer;

/* Returns false if a word has no code left for null. */
static bool
plan_code(const Words *words, const Word *word, Code *code)
{
	const KeyColumn *column = &words->build->keys.columns[word->column];
	uint64		range = word->least <= word->most ? word->most - word->least : 0;

	code->can_be_null = (words->null_columns & (1 << word->column)) != 0;
	code->first = 0;
	code->null = 0;
	if (code->can_be_null)
	{
		if (range == PG_UINT64_MAX)
			return false;
		code->first = column->nulls_first ? 1 : 0;
		code->null = column->nulls_first ? 0 : range + 1;
		range++;
	}
	code->bits = pgcopy_pack_bits(range);
	code->mask = code->bits == HALF_BITS ? PG_UINT64_MAX :
		(UINT64CONST(1) << code->bits) - 1;
	return true;
}

bool
pgcopy_pack_plan(const Words *words, Packing *packing)
{
	int			high = 0;
	int			low = 0;

	for (int i = 0; i < words->nwords; i++)
	{
		if (!plan_code(words, &words->words[i], &packing->codes[i]))
			return false;
		if (packing->nhigh == i && high + packing->codes[i].bits <= HALF_BITS)
		{
			high += packing->codes[i].bits;
			packing->nhigh++;
		}
		else
			low += packing->codes[i].bits;
	}
	packing->high_bits = high;
	packing->low_bits = low;
	if (low > HALF_BITS)
		return false;
	for (int i = 0; i < words->nwords; i++)
	{
		int		   *left = i < packing->nhigh ? &high : &low;
		Code	   *code = &packing->codes[i];

		*left -= code->bits;
		code->shift = code->bits == 0 ? 0 : *left;
	}
	return true;
}

static inline uint64
get_code(const Packing *packing, int i, Packed packed)
{
	const Code *code = &packing->codes[i];

	return ((i < packing->nhigh ? packed.high : packed.low) >> code->shift) & code->mask;
}

static inline void
write_word(const Words *words, const Packing *packing, int i, Packed packed, char *to)
{
	const Word *word = &words->words[i];
	uint64		value = get_code(packing, i, packed) - packing->codes[i].first + word->least;

	pgcopy_word_write(word->kind, word->descending ? ~value : value, to + word->offset);
}

/* Make a tuple with nulls, as index_form_tuple() does. */
static void
form_with_nulls(Writer *writer, Packed packed)
{
	const Words *words = writer->words;
	const KeyDescription *keys = &words->build->keys;
	char	   *start = writer->tuple.bytes;
	bits8	   *bitmap = (bits8 *) (start + sizeof(IndexTupleData));
	Size		offset = MAXALIGN(sizeof(IndexTupleData) + sizeof(IndexAttributeBitMapData));
	int			column = -1;

	for (int i = 0; i < words->nwords; i++)
	{
		const Word *word = &words->words[i];
		const Code *code = &writer->packing.codes[i];

		if (word->column != column)
		{
			column = word->column;
			if (code->can_be_null && get_code(&writer->packing, i, packed) == code->null)
				continue;
			bitmap[column / BITS_PER_BYTE] |= 1 << (column % BITS_PER_BYTE);
			offset = att_align_nominal(offset, keys->columns[column].align);
			write_word(words, &writer->packing, i, packed, start + offset);
			offset += keys->columns[column].length;
		}
		else if (bitmap[column / BITS_PER_BYTE] & (1 << (column % BITS_PER_BYTE)))
			write_word(words, &writer->packing, i, packed,
					   start + offset - keys->columns[column].length);
	}
	writer->tuple.head.t_info = MAXALIGN(offset) | INDEX_NULL_MASK;
}

static bool
has_null(const Writer *writer, Packed packed)
{
	for (int i = 0; i < writer->words->nwords; i++)
	{
		const Code *code = &writer->packing.codes[i];

		if (code->can_be_null && get_code(&writer->packing, i, packed) == code->null &&
			writer->words->words[i].offset == 0)
			return true;
	}
	return false;
}

static void
form_tuple(Writer *writer, Packed packed)
{
	const Words *words = writer->words;

	if (words->null_columns != 0)
	{
		bool		had_null = writer->has_null;

		writer->has_null = has_null(writer, packed);
		if (writer->has_null || had_null)
			memset(&writer->tuple, 0, sizeof(writer->tuple));
		if (writer->has_null)
		{
			form_with_nulls(writer, packed);
			return;
		}
	}
	writer->tuple.head.t_info = writer->size;
	for (int i = 0; i < words->nwords; i++)
		write_word(words, &writer->packing, i, packed,
				   writer->tuple.bytes + writer->offsets[words->words[i].column]);
}

/* Write the next key in order. */
static inline void
write_key(Writer *writer, Packed packed, uint64 row)
{
	IndexTree  *tree = writer->words->build->tree;
	bool		is_same = writer->has_last && packed.high == writer->last.high &&
	packed.low == writer->last.low;

	if (!is_same)
	{
		form_tuple(writer, packed);
		writer->last = packed;
		writer->has_last = true;
	}
	pgcopy_row_unpack(row, &writer->tuple.head.t_tid);
	if (is_same)
	{
		if (unlikely(writer->forbids_same) &&
			(!writer->has_null || pgcopy_nulls_not_distinct(writer->words->build->info)))
			pgcopy_build_throw_duplicate(writer->words->build, &writer->tuple.head);
		if (tree->deduplicate)
		{
			pgcopy_tree_add_same(tree, &writer->tuple.head.t_tid);
			return;
		}
	}
	pgcopy_tree_add(tree, &writer->tuple.head, false);
}

static inline void
breathe(const Writer *writer, size_t n)
{
	if ((n & 0xFFF) == 0)
		pgcopy_build_report(writer->words->build, n);
}

static void
begin_writing(Writer *writer)
{
	const KeyDescription *keys = &writer->words->build->keys;
	Size		offset = MAXALIGN(sizeof(IndexTupleData));

	for (int i = 0; i < keys->nkeys; i++)
	{
		offset = att_align_nominal(offset, keys->columns[i].align);
		writer->offsets[i] = offset;
		offset += keys->columns[i].length;
	}
	writer->size = MAXALIGN(offset);
	writer->forbids_same = writer->words->build->info->ii_Unique;
	pgcopy_build_begin_tree(writer->words->build);
}

PackWriter *
pgcopy_pack_begin(Words *words, const Packing *packing)
{
	Writer	   *writer = palloc0(sizeof(Writer));

	writer->words = words;
	writer->packing = *packing;
	begin_writing(writer);
	return writer;
}

void
pgcopy_pack_put(PackWriter *writer, Packed packed, uint64 row)
{
	write_key(writer, packed, row);
}

static void
write_in_order(Writer *writer)
{
	Words	   *words = writer->words;

	begin_writing(writer);
	for (size_t i = 0; i < words->count; i++)
	{
		breathe(writer, i);
		write_key(writer, pgcopy_pack(words, &writer->packing, i), words->rows[i]);
	}
}

uint64 *
pgcopy_pack_numbers(Words *words, const Packing *packing, int row_bits)
{
	uint64	   *numbers = words->values[0];

	for (size_t i = 0; i < words->count; i++)
		numbers[i] = (pgcopy_pack(words, packing, i).high << row_bits) | words->rows[i];
	if (!words->in_order)
		pgcopy_sort_numbers(numbers, words->rows, words->count, row_bits,
							(UINT64CONST(1) << packing->high_bits) - 1);
	return numbers;
}

static void
write_numbers(Writer *writer, int row_bits)
{
	const uint64 *numbers = pgcopy_pack_numbers(writer->words, &writer->packing, row_bits);
	uint64		mask = (UINT64CONST(1) << row_bits) - 1;

	begin_writing(writer);
	for (size_t i = 0; i < writer->words->count; i++)
	{
		breathe(writer, i);
		write_key(writer, (Packed) {numbers[i] >> row_bits, 0}, numbers[i] & mask);
	}
}

static const char *
write_pairs(Writer *writer)
{
	Words	   *words = writer->words;
	Size		size = words->count * sizeof(SortPair);
	SortPair   *pairs = pgcopy_memory_alloc(words->build->memory, size);
	SortPair   *scratch;

	if (pairs == NULL)
		return REASON_MEMORY;
	for (size_t i = 0; i < words->count; i++)
	{
		pairs[i].key = pgcopy_pack(words, &writer->packing, i).high;
		pairs[i].value = words->rows[i];
	}
	pgcopy_words_free(words);
	scratch = pgcopy_memory_alloc(words->build->memory, size);
	if (scratch == NULL)
		return REASON_MEMORY;
	pgcopy_sort_pairs(pairs, scratch, words->count, 0,
					  PG_UINT64_MAX >> (HALF_BITS - writer->packing.high_bits));
	pgcopy_memory_free(words->build->memory, scratch);
	begin_writing(writer);
	for (size_t i = 0; i < words->count; i++)
	{
		breathe(writer, i);
		write_key(writer, (Packed) {pairs[i].key, 0}, pairs[i].value);
	}
	pgcopy_memory_free(words->build->memory, pairs);
	return NULL;
}

SortTriple *
pgcopy_pack_triples(Words *words, const Packing *packing)
{
	IndexMemory *memory = words->build->memory;
	Size		size = words->count * sizeof(SortTriple);
	SortTriple *triples = pgcopy_memory_alloc(memory, size);
	SortTriple *scratch;

	if (triples == NULL)
		return NULL;
	for (size_t i = 0; i < words->count; i++)
	{
		Packed		packed = pgcopy_pack(words, packing, i);

		triples[i].high = packed.high;
		triples[i].low = packed.low;
		triples[i].value = words->rows[i];
	}
	pgcopy_words_free(words);
	if (words->in_order)
		return triples;
	scratch = pgcopy_memory_alloc(memory, size);
	if (scratch == NULL)
	{
		pgcopy_memory_free(memory, triples);
		return NULL;
	}
	pgcopy_sort_triples(triples, scratch, words->count,
						PG_UINT64_MAX >> (HALF_BITS - packing->high_bits));
	pgcopy_memory_free(memory, scratch);
	return triples;
}

static const char *
write_triples(Writer *writer)
{
	Words	   *words = writer->words;
	SortTriple *triples = pgcopy_pack_triples(words, &writer->packing);

	if (triples == NULL)
		return REASON_MEMORY;
	begin_writing(writer);
	for (size_t i = 0; i < words->count; i++)
	{
		breathe(writer, i);
		write_key(writer, (Packed) {triples[i].high, triples[i].low}, triples[i].value);
	}
	pgcopy_memory_free(words->build->memory, triples);
	return NULL;
}

const char *
pgcopy_pack_and_write(Words *words)
{
	Writer		writer = {.words = words};
	int			row_bits;

	if (!pgcopy_pack_plan(words, &writer.packing))
		return REASON_WORDS;
	if (words->in_order)
	{
		write_in_order(&writer);
		return NULL;
	}
	if (writer.packing.low_bits > 0)
		return write_triples(&writer);
	row_bits = pgcopy_pack_bits(words->rows[words->count - 1]);
	if (writer.packing.high_bits + row_bits > HALF_BITS)
		return write_pairs(&writer);
	write_numbers(&writer, row_bits);
	return NULL;
}
