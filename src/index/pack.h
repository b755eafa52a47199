/*-------------------------------------------------------------------------
 *
 * pack.h
 *	  The words of a key as one number: codes, packed into two halves.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_PACK_H
#define PGCOPY_PACK_H

#include "port/pg_bitutils.h"

#include "index/sort.h"
#include "index/word.h"

#define HALF_BITS 64

/* How a word is packed. */
typedef struct Code
{
	int			bits;
	int			shift;			/* in its half */
	uint64		mask;
	uint64		first;			/* the code of the least value */
	bool		can_be_null;
	uint64		null;			/* the code of null */
} Code;

typedef struct Packing
{
	int			nhigh;			/* so many words are in the high half */
	int			high_bits;
	int			low_bits;
	Code		codes[MAX_WORDS];
} Packing;

/* A key: all codes. */
typedef struct Packed
{
	uint64		high;
	uint64		low;
} Packed;

typedef struct PackWriter PackWriter;

static inline int
pgcopy_pack_bits(uint64 number)
{
	return number == 0 ? 0 : pg_leftmost_one_pos64(number) + 1;
}

static inline uint64
pgcopy_pack_code(const Words *words, const Code *code, int i, size_t n)
{
	if (code->can_be_null && (words->nulls[n] & (1 << words->words[i].column)))
		return code->null << code->shift;
	if (code->bits == 0)
		return 0;
	return (words->values[i][n] - words->words[i].least + code->first) << code->shift;
}

static inline Packed
pgcopy_pack(const Words *words, const Packing *packing, size_t n)
{
	Packed		packed = {0, 0};

	for (int i = 0; i < packing->nhigh; i++)
		packed.high |= pgcopy_pack_code(words, &packing->codes[i], i, n);
	for (int i = packing->nhigh; i < words->nwords; i++)
		packed.low |= pgcopy_pack_code(words, &packing->codes[i], i, n);
	return packed;
}

static inline bool
pgcopy_pack_is_less(Packed a, Packed b)
{
	return a.high != b.high ? a.high < b.high : a.low < b.low;
}

/* Find the place of each word; returns false if they do not fit into two halves. */
extern bool pgcopy_pack_plan(const Words *words, Packing *packing);

/*
 * Pack the keys of all rows, with their addresses, and sort them: in place of the first
 * word, with the rows' array as scratch; or in memory of their own, with the arrays
 * freed, NULL over the limit.
 */
extern uint64 *pgcopy_pack_numbers(Words *words, const Packing *packing, int row_bits);
extern SortTriple *pgcopy_pack_triples(Words *words, const Packing *packing);

/* Begin the tree; then put all keys in order, those that are equal by row. */
extern PackWriter *pgcopy_pack_begin(Words *words, const Packing *packing);
extern void pgcopy_pack_put(PackWriter *writer, Packed packed, uint64 row);

#endif							/* PGCOPY_PACK_H */
