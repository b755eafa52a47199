/*-------------------------------------------------------------------------
 *
 * fuzz_random.h
 *	  Random numbers of our own: a seed means the same everywhere.
 *
 *-------------------------------------------------------------------------
 */
#ifndef FUZZ_RANDOM_H
#define FUZZ_RANDOM_H

static uint64 random_state;

static inline void
seed_random(int64 seed)
{
	random_state = (uint64) seed * UINT64CONST(0x9E3779B97F4A7C15) + 1;
}

/* Below a limit. */
static inline uint32
next_random(uint32 limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32) (random_state >> 32) % limit;
}

#endif							/* FUZZ_RANDOM_H */
