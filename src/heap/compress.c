/*-------------------------------------------------------------------------
 *
 * compress.c
 *	  pglz_compress(), byte for byte, but faster.
 *
 * A load of long texts spends most of its time in pglz_compress().  This makes
 * the same decisions (common/pg_lzcompress.c, strategy "default"), but keeps
 * the history in 24 kB, which fit into the first-level cache, instead of 144 kB
 * of doubly linked lists.
 *
 * The history is like zlib's (deflate.c): newest[] has the newest position of
 * each hash, before[] the next older one with the same hash.  Positions count
 * from 1 (0 is none) and have 16 bits; slide() moves them down in time.  A
 * position is overwritten by the one 4096 later, when it is too far away for a
 * reference anyway.
 *
 * A candidate is first compared where it must be equal to beat the best match.
 * Matches of one and two bytes, which pglz_compress() finds and discards, are
 * not searched for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "port/pg_bitutils.h"

#include "heap/compress.h"

#define COMPRESS_HASHES		8192
#define COMPRESS_HISTORY	4096

/* As in pg_lzcompress.c */
#define MAX_MATCH		273
#define MAX_OFFSET		0x0fff	/* exclusive */
#define FIRST_SUCCESS_BY 1024
#define MIN_INPUT		32
#define MIN_RATE		25		/* per cent */

/* All positions move down by this much before they exceed 16 bits. */
#define SLIDE			(14 * COMPRESS_HISTORY)
#define SLIDE_FROM		(PG_UINT16_MAX - MAX_MATCH)

/*
 * Match length that ends the search: 128 bytes at the first candidate, then a
 * tenth less at each, in integer arithmetic.
 */
static const uint8 good_matches[] = {
	128, 116, 105, 95, 86, 78, 71, 64, 58, 53, 48, 44, 40, 36, 33, 30,
	27, 25, 23, 21, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9
};

/* Need not be initialized. */
struct Compressor
{
	uint16		newest[COMPRESS_HASHES];
	uint16		before[COMPRESS_HISTORY];
};

typedef struct Output
{
	unsigned char *at;
	unsigned char *control_at;
	unsigned char control;
	unsigned char bit;
} Output;

typedef struct Match
{
	int			length;
	int			offset;
} Match;

/* Hash the next four bytes; "char" must be as signed as the server's. */
static inline int
hash_at(const char *at, const char *end, int mask)
{
	if (end - at < 4)
		return (int) at[0] & mask;
	return ((at[0] * 64) ^ (at[1] * 16) ^ (at[2] * 4) ^ at[3]) & mask;
}

/* Return how many bytes are equal, up to a limit. */
static inline int
count_equal(const char *a, const char *b, int limit)
{
	int			n = 0;

#ifndef WORDS_BIGENDIAN
	while (limit - n >= (int) sizeof(uint64))
	{
		uint64		x;
		uint64		y;

		memcpy(&x, a + n, sizeof(x));
		memcpy(&y, b + n, sizeof(y));
		if (x != y)
			return n + pg_rightmost_one_pos64(x ^ y) / BITS_PER_BYTE;
		n += sizeof(uint64);
	}
#endif
	while (n < limit && a[n] == b[n])
		n++;
	return n;
}

static inline uint32
load_four(const char *at)
{
	uint32		four;

	memcpy(&four, at, sizeof(four));
	return four;
}

/*
 * Can a match be longer than the best one?  Compare the four bytes that end
 * with the first byte beyond it, or the first three if there is no match yet.
 */
static inline bool
may_be_longer(const char *at, const char *there, int best)
{
	if (best >= 3)
		return load_four(at + best - 3) == load_four(there + best - 3);
#ifdef WORDS_BIGENDIAN
	return (load_four(at) ^ load_four(there)) >> 8 == 0;
#else
	return (load_four(at) ^ load_four(there)) << 8 == 0;
#endif
}

/*
 * Find the best match for the bytes at a position, of at most "limit" bytes.
 * Try candidates newest first; accept shorter matches the more were tried.
 */
static inline Match
find_match(const Compressor *compressor, const char *at, int limit,
		   int position, int candidate)
{
	const uint8 *good = good_matches;
	Match		best = {2, 0};

	while (candidate != 0 && best.length < limit)
	{
		int			offset = position - candidate;
		const char *there = at - offset;

		if (offset >= MAX_OFFSET)
			break;
		/* never read four bytes where fewer are left */
		if (limit < 4 || may_be_longer(at, there, best.length))
		{
			int			length = count_equal(at, there, limit);

			if (length > best.length)
			{
				best.length = length;
				best.offset = offset;
			}
		}
		candidate = compressor->before[candidate % COMPRESS_HISTORY];
		if (best.length >= *good)
			break;
		if (*good > good_matches[lengthof(good_matches) - 1])
			good++;
	}
	return best;
}

static inline void
remember(Compressor *compressor, int hash, int position)
{
	compressor->before[position % COMPRESS_HISTORY] = compressor->newest[hash];
	compressor->newest[hash] = position;
}

/* Move all positions down; those that would not be positive become 0. */
static void
slide(Compressor *compressor)
{
	int			i;

	for (i = 0; i < COMPRESS_HASHES; i++)
		compressor->newest[i] -= Min(compressor->newest[i], SLIDE);
	for (i = 0; i < COMPRESS_HISTORY; i++)
		compressor->before[i] -= Min(compressor->before[i], SLIDE);
}

/* Begin a new byte of control bits if the last one is full. */
static inline void
begin_item(Output *output)
{
	if (output->bit == 0)
	{
		*output->control_at = output->control;
		output->control_at = output->at++;
		output->control = 0;
		output->bit = 1;
	}
}

static inline void
put_literal(Output *output, char byte)
{
	begin_item(output);
	*output->at++ = (unsigned char) byte;
	output->bit <<= 1;
}

static inline void
put_match(Output *output, Match match)
{
	int			high = (match.offset & 0xf00) >> 4;

	begin_item(output);
	output->control |= output->bit;
	output->bit <<= 1;
	*output->at++ = high | (match.length > 17 ? 0x0f : match.length - 3);
	*output->at++ = match.offset & 0xff;
	if (match.length > 17)
		*output->at++ = match.length - 18;
}

static int
choose_hash_size(int32 length)
{
	int			size = 512;

	while (size < COMPRESS_HASHES && length >= size / 4)
		size *= 2;
	return size;
}

Compressor *
pgcopy_compress_create(void)
{
	return palloc(sizeof(Compressor));
}

int32
pgcopy_compress_pglz(Compressor *compressor, const char *source, int32 length,
					 char *dest)
{
	unsigned char unused;
	Output		output = {(unsigned char *) dest, &unused, 0, 0};
	const char *at = source;
	const char *end = source + length;
	int			mask = choose_hash_size(length) - 1;
	int			position = 1;
	bool		has_match = false;
	int32		most;

	if (length < MIN_INPUT)
		return -1;
	most = length > INT_MAX / 100 ? length / 100 * (100 - MIN_RATE) :
		length * (100 - MIN_RATE) / 100;
	memset(compressor->newest, 0, sizeof(uint16) * (mask + 1));

	while (at < end)
	{
		int32		written = output.at - (unsigned char *) dest;
		int			hash = hash_at(at, end, mask);
		Match		match;

		if (written >= most || (!has_match && written >= FIRST_SUCCESS_BY))
			return -1;
		if (position > SLIDE_FROM)
		{
			slide(compressor);
			position -= SLIDE;
		}
		match = find_match(compressor, at, Min(end - at, MAX_MATCH), position,
						   compressor->newest[hash]);
		if (match.offset == 0)
		{
			put_literal(&output, *at++);
			remember(compressor, hash, position++);
			continue;
		}
		put_match(&output, match);
		has_match = true;
		for (; match.length > 0; match.length--, at++)
			remember(compressor, hash_at(at, end, mask), position++);
	}
	*output.control_at = output.control;
	if (output.at - (unsigned char *) dest >= most)
		return -1;
	return output.at - (unsigned char *) dest;
}
