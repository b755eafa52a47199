/*-------------------------------------------------------------------------
 *
 * chunks.c
 *	  In how many chunks a table is copied, and what each of them is.
 *
 * A chunk is a range of blocks where the source can read one.  Where it
 * cannot, before 14, chunks are ranges of a key, and an item has the number of
 * its chunk instead of a block; where there is no such key either, the table
 * is copied whole.
 *
 * Without a size by the user, no piece is larger than a quarter of what one
 * stream has to copy: whatever comes last, the others idle for no longer than
 * that.  Pieces are not so small that their transactions cost more than they
 * gain, nor so large that one which is tried again costs much.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "plan/chunks.h"

#define MB ((int64) 1024 * 1024)

/* At least so many, so that nobody waits long for whoever has the last one. */
#define CHUNKS_PER_JOB 4

/* What SPLIT_AUTO makes of a table, at least and at most. */
#define LEAST_CHUNK (32 * MB)
#define MOST_CHUNK (1024 * MB)

static int64
get_bytes(const SourceRelation *relation)
{
	return relation->heap_bytes + relation->toast_bytes;
}

/* The largest piece, when the user has not given a size. */
static int64
choose_chunk_size(const PlanInput *input)
{
	int64		total = 0;
	ListCell   *lc;

	if (input->options->table_jobs == 1)
		return MOST_CHUNK;
	foreach(lc, input->relations)
	{
		const SourceRelation *relation = lfirst(lc);

		if (relation->has_data_of_its_own)
			total += get_bytes(relation);
	}
	total /= CHUNKS_PER_JOB * input->options->table_jobs;
	return Min(Max(total, LEAST_CHUNK), MOST_CHUNK);
}

static bool
can_be_split(const SourceRelation *relation)
{
	return relation->blocks >= 2 && relation->has_data_of_its_own &&
		!relation->through_root && !relation->is_extension_member;
}

/* Into how many pieces to split a table of more than "size" bytes. */
static int
count_pieces(const PlanInput *input, const SourceRelation *relation, int64 size)
{
	int64		bytes = get_bytes(relation);
	int			jobs = input->options->table_jobs;
	int64		pieces;

	if (bytes <= size)
		return 1;
	pieces = (bytes + size - 1) / size;
	if (input->options->split_bytes != SPLIT_AUTO)
		pieces = Max(pieces, CHUNKS_PER_JOB * jobs);
	else if (pieces > jobs)
		pieces = (pieces + jobs - 1) / jobs * jobs; /* as many for each */
	return (int) Min(pieces, relation->blocks);
}

List *
pgcopy_chunks_decide(const PlanInput *input)
{
	int64		size = input->options->split_bytes == SPLIT_AUTO ?
		choose_chunk_size(input) : input->options->split_bytes;
	List	   *split = NIL;
	ListCell   *lc;

	foreach(lc, input->relations)
	{
		SourceRelation *relation = lfirst(lc);

		relation->wanted_chunks = size == SPLIT_NEVER || !can_be_split(relation) ? 1 :
			count_pieces(input, relation, size);
		if (relation->wanted_chunks > 1)
			split = lappend(split, relation);
	}
	return split;
}

int
pgcopy_chunks_count(const PlanInput *input, const JobRelation *row,
					const SourceRelation *relation)
{
	Assert(relation->wanted_chunks > 0);

	if (!row->is_ours)
		return 1;
	if (input->can_read_blocks)
		return relation->wanted_chunks;
	return list_length(row->split_bounds) + 1;
}

void
pgcopy_chunks_get_range(const JobRelation *row, const SourceRelation *relation,
						int i, int chunks, int64 *start, int64 *end)
{
	int64		units = row->split_key != NULL ? chunks : relation->blocks;

	*start = units * i / chunks;
	*end = i == chunks - 1 ? -1 : units * (i + 1) / chunks;
}
