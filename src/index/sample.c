/*-------------------------------------------------------------------------
 *
 * sample.c
 *	  A few thousand rows spread evenly over a table whose length is not known.
 *
 * When the room is full, one of each two entries goes, and twice as many rows stand
 * behind each from then on.  Which row of its stride an entry is, is random: values
 * that come again in a rhythm do not deceive it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "index/sample.h"

/* A linear congruential generator: the same table gives the same sample. */
static uint64
next_random(Sample *sample)
{
	sample->random = sample->random * UINT64CONST(6364136223846793005) +
		UINT64CONST(1442695040888963407);
	return sample->random >> 33;
}

bool
pgcopy_sample_begin(Sample *sample, IndexMemory *memory, Size width)
{
	memset(sample, 0, sizeof(Sample));
	sample->entries = pgcopy_memory_alloc(memory, SAMPLE_ROOM * width);
	sample->width = width;
	sample->stride = 1;
	return sample->entries != NULL;
}

static void
halve(Sample *sample)
{
	sample->count /= 2;
	sample->stride *= 2;
	for (int i = 0; i < sample->count; i++)
		memcpy(sample->entries + i * sample->width,
			   sample->entries + (2 * i + next_random(sample) % 2) * sample->width,
			   sample->width);
}

void *
pgcopy_sample_add(Sample *sample)
{
	char	   *entry;

	if (sample->count == SAMPLE_ROOM)
		halve(sample);
	entry = sample->entries + sample->count++ * sample->width;

	/* entries stand for all rows up to here */
	sample->next = sample->count * sample->stride + next_random(sample) % sample->stride;
	return entry;
}
