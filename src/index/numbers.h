/*-------------------------------------------------------------------------
 *
 * numbers.h
 *	  A set of integers, as bits.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_NUMBERS_H
#define PGCOPY_NUMBERS_H

typedef struct Numbers Numbers;

/* Make an empty set in the current memory context, of at most "limit" bytes. */
extern Numbers *pgcopy_numbers_make(Size limit);

/* Add a number.  Returns false if the set would become too large. */
extern bool pgcopy_numbers_add(Numbers *numbers, int64 number);

extern bool pgcopy_numbers_has(Numbers *numbers, int64 number);

#endif							/* PGCOPY_NUMBERS_H */
