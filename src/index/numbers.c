/*-------------------------------------------------------------------------
 *
 * numbers.c
 *	  A set of integers, as bits.
 *
 * Keys are dense as a rule: numbers that differ in their last bits only share a
 * block of bits, and a hash table finds the block.  Rows that were written one after
 * the other have numbers that are near each other, so the last block comes first.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "index/numbers.h"

#define BLOCK_BITS 16			/* of a number, that choose its bit in a block */
#define BLOCK_BYTES (1 << (BLOCK_BITS - 3))

typedef struct NumberBlock
{
	int64		key;
	char		status;			/* simplehash.h's */
	uint8	   *bits;
} NumberBlock;

#define SH_PREFIX blocks
#define SH_ELEMENT_TYPE NumberBlock
#define SH_KEY_TYPE int64
#define SH_KEY key
#define SH_HASH_KEY(table, key) murmurhash32((uint32) (key) ^ (uint32) ((key) >> 32))
#define SH_EQUAL(table, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct Numbers
{
	MemoryContext context;
	blocks_hash *blocks;
	Size		left;			/* bytes that it may still grow by */
	int64		last_key;		/* of last_bits, if they are there */
	uint8	   *last_bits;
};

Numbers *
pgcopy_numbers_make(Size limit)
{
	Numbers    *numbers = palloc0(sizeof(Numbers));

	numbers->context = CurrentMemoryContext;
	numbers->blocks = blocks_create(CurrentMemoryContext, 64, NULL);
	numbers->left = limit;
	return numbers;
}

/* Make "last" the block of a number.  Returns false if there is none. */
static inline bool
find_block(Numbers *numbers, int64 key)
{
	NumberBlock *block;

	if (numbers->last_bits != NULL && numbers->last_key == key)
		return true;
	block = blocks_lookup(numbers->blocks, key);
	if (block == NULL)
		return false;
	numbers->last_key = key;
	numbers->last_bits = block->bits;
	return true;
}

/* The same for a new block.  Returns false if there is no room for it. */
static bool
add_block(Numbers *numbers, int64 key)
{
	/* of the hash table, up to four of its elements */
	Size		size = BLOCK_BYTES + 4 * sizeof(NumberBlock);
	NumberBlock *block;
	bool		found;

	if (numbers->left < size)
		return false;
	numbers->left -= size;
	block = blocks_insert(numbers->blocks, key, &found);
	Assert(!found);
	block->bits = MemoryContextAllocZero(numbers->context, BLOCK_BYTES);
	numbers->last_key = key;
	numbers->last_bits = block->bits;
	return true;
}

#define BLOCK_OF(number) ((number) >> BLOCK_BITS)
#define BYTE_OF(number) (((uint64) (number) & ((1 << BLOCK_BITS) - 1)) >> 3)
#define BIT_OF(number) (1 << ((number) & 7))

bool
pgcopy_numbers_add(Numbers *numbers, int64 number)
{
	int64		key = BLOCK_OF(number);

	if (!find_block(numbers, key) && !add_block(numbers, key))
		return false;
	numbers->last_bits[BYTE_OF(number)] |= BIT_OF(number);
	return true;
}

bool
pgcopy_numbers_has(Numbers *numbers, int64 number)
{
	return find_block(numbers, BLOCK_OF(number)) &&
		(numbers->last_bits[BYTE_OF(number)] & BIT_OF(number)) != 0;
}
