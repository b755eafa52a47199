/*-------------------------------------------------------------------------
 *
 * sample.h
 *	  A few thousand rows spread evenly over a table whose length is not known.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SAMPLE_H
#define PGCOPY_SAMPLE_H

#include "index/memory.h"

#define SAMPLE_ROOM 4096

/* Rows count from 0; of every "stride" rows one is in the sample. */
typedef struct Sample
{
	char	   *entries;
	Size		width;			/* of an entry */
	int			count;
	uint64		stride;
	uint64		next;			/* the row to add next */
	uint64		random;
} Sample;

/* Begin a sample with entries of so many bytes; returns false over the memory limit. */
extern bool pgcopy_sample_begin(Sample *sample, IndexMemory *memory, Size width);

/* Return room for the entry of row sample->next, and choose the next row. */
extern void *pgcopy_sample_add(Sample *sample);

#endif							/* PGCOPY_SAMPLE_H */
