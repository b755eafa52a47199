/*-------------------------------------------------------------------------
 *
 * compare.h
 *	  Index tuples in the server's own order: compare and sort.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_COMPARE_H
#define PGCOPY_COMPARE_H

#include "access/itup.h"
#include "index/sort.h"
#include "utils/relcache.h"

typedef struct Comparison Comparison;

extern Comparison *pgcopy_compare_begin(Relation index);
extern uint64 pgcopy_compare_word(Comparison *comparison, IndexTuple tuple);
extern int	pgcopy_compare_tuples(const Comparison *comparison,
								  IndexTuple left, IndexTuple right);
extern void pgcopy_compare_sort(Comparison *comparison, SortPair *tuples,
								SortPair *scratch, size_t count);

static inline IndexTuple
pgcopy_compare_tuple_of(const SortPair *pair)
{
	return (IndexTuple) (uintptr_t) pair->value;
}

#endif							/* PGCOPY_COMPARE_H */
