/*-------------------------------------------------------------------------
 *
 * sort.c
 *	  Stable sorts of keys that are numbers.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"

#include "index/sort.h"

#define MAX_DIGIT 11			/* bits of a radix pass: 2,048 places fit into L1 */
#define LEAST_BITS 8			/* of a level of passes */
#define FEW_ENTRIES 32			/* by insertion */

/* Passes over the bits from "shift" up. */
typedef struct RadixPlan
{
	int			shift;
	int			passes;
	int			digit;			/* bits of each */
} RadixPlan;

static void
plan_passes(size_t count, uint64 range, RadixPlan *plan)
{
	int			bits = pg_leftmost_one_pos64(range) + 1;
	int			use = Max(pg_leftmost_one_pos64(count) + 1, LEAST_BITS);

	if (use > bits || bits - use <= 4)
		use = bits;
	plan->passes = (use + MAX_DIGIT - 1) / MAX_DIGIT;
	plan->digit = (use + plan->passes - 1) / plan->passes;
	plan->shift = Max(bits - plan->digit * plan->passes, 0);
}

/* Turn counts into first places.  Returns false if all entries have the same digit. */
static bool
sum_up(uint32 *counts, uint64 last, size_t count)
{
	uint32		sum = 0;
	bool		is_same = false;

	for (uint64 digit = 0; digit <= last; digit++)
	{
		uint32		here = counts[digit];

		is_same |= here == count;
		counts[digit] = sum;
		sum += here;
	}
	return !is_same;
}

static int	ignored_bits;		/* of plain numbers */

#define ENTRY uint64
#define KEY(entry) ((entry) >> ignored_bits)
#define SORT(name) name##_numbers
#include "index/sort_template.h"

#define ENTRY SortPair
#define KEY(entry) ((entry).key)
#define SORT(name) name##_pairs
#include "index/sort_template.h"

#define ENTRY SortTriple
#define KEY(entry) ((entry).high)
#define SORT(name) name##_by_high
#include "index/sort_template.h"

#define ENTRY SortTriple
#define KEY(entry) ((entry).low)
#define SORT(name) name##_by_low
#include "index/sort_template.h"

void
pgcopy_sort_numbers(uint64 *numbers, uint64 *scratch, size_t count, int ignored,
					uint64 most)
{
	ignored_bits = ignored;
	radix_numbers(numbers, scratch, count, 0, most);
}

void
pgcopy_sort_pairs(SortPair *pairs, SortPair *scratch, size_t count, uint64 least,
				  uint64 most)
{
	radix_pairs(pairs, scratch, count, least, most);
}

void
pgcopy_sort_triples(SortTriple *triples, SortTriple *scratch, size_t count,
					uint64 most)
{
	radix_by_high(triples, scratch, count, 0, most);
	for (size_t i = 0, next; i < count; i = next)
	{
		uint64		least = triples[i].low;
		uint64		top = least;

		for (next = i + 1; next < count && triples[next].high == triples[i].high; next++)
		{
			least = Min(least, triples[next].low);
			top = Max(top, triples[next].low);
		}
		if (next - i > 1)
			radix_by_low(triples + i, scratch, next - i, least, top);
	}
}
