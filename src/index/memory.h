/*-------------------------------------------------------------------------
 *
 * memory.h
 *	  Memory of one index build: counted, limited, in huge pages.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_MEMORY_H
#define PGCOPY_MEMORY_H

typedef struct IndexMemory IndexMemory;

/*
 * Begin to count.  All that is allocated here goes away with the memory context
 * that is current now, also on error; "limit" is in bytes.
 */
extern IndexMemory *pgcopy_memory_create(Size limit);

/* Change the limit; what is there stays. */
extern void pgcopy_memory_limit(IndexMemory *memory, Size limit);

/* Return zeros, aligned for all types; NULL if the limit would be passed. */
extern void *pgcopy_memory_alloc(IndexMemory *memory, Size size);

/*
 * Change the size, and perhaps the address.  What is added is not zeroed.
 * Returns NULL if the limit would be passed; "old" is unchanged then.  It may be
 * NULL.
 */
extern void *pgcopy_memory_realloc(IndexMemory *memory, void *old, Size size);

/* Give one piece back. */
extern void pgcopy_memory_free(IndexMemory *memory, void *piece);

/* Bytes now, the most so far, and how many may still be had. */
extern Size pgcopy_memory_used(const IndexMemory *memory);
extern Size pgcopy_memory_peak(const IndexMemory *memory);
extern Size pgcopy_memory_left(const IndexMemory *memory);

#endif							/* PGCOPY_MEMORY_H */
