/*-------------------------------------------------------------------------
 *
 * sort.h
 *	  Stable sorts of keys that are numbers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SORT_H
#define PGCOPY_SORT_H

/* A number and what belongs to it: a row's address, a record. */
typedef struct SortPair
{
	uint64		key;
	uint64		value;
} SortPair;

/* A number of two words. */
typedef struct SortTriple
{
	uint64		high;
	uint64		low;
	uint64		value;
} SortTriple;

/* Up to so many entries, a uint32 counts. */
#define SORT_MAX_ENTRIES ((size_t) PG_UINT32_MAX)

/*
 * Sort entries with keys from least to most.  "scratch" has room for all.  Equal
 * keys stay in their order.  Of plain numbers, the "ignored" lowest bits are no part
 * of the key, and "most" is without them.
 */
extern void pgcopy_sort_numbers(uint64 *numbers, uint64 *scratch, size_t count,
								int ignored, uint64 most);
extern void pgcopy_sort_pairs(SortPair *pairs, SortPair *scratch, size_t count,
							  uint64 least, uint64 most);

/* By high, then by low. */
extern void pgcopy_sort_triples(SortTriple *triples, SortTriple *scratch, size_t count,
								uint64 most);

#endif							/* PGCOPY_SORT_H */
