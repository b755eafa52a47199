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
#include "utils/relcache.h"

#include "index/sort.h"

typedef struct Comparison Comparison;

extern Comparison *pgcopy_compare_begin(Relation index);
extern uint64 pgcopy_compare_word(Comparison *comparison, IndexTuple tuple);
extern bool pgcopy_compare_has_words(const Comparison *comparison);
extern int	pgcopy_compare_tuples(const Comparison *comparison,
								  IndexTuple left, IndexTuple right);
extern void pgcopy_compare_sort(Comparison *comparison, SortPair *records,
								SortPair *scratch, size_t count);

#endif							/* PGCOPY_COMPARE_H */
