/*-------------------------------------------------------------------------
 *
 * chunks.c
 *	  How many chunks a table is copied in, and their ranges.
 *
 * A chunk is a range of blocks.  A source before 14 cannot read those quickly,
 * so there a chunk is a range of a key and its item holds chunk numbers
 * instead of blocks.  Without such a key the table is copied whole.
 *
 * With SPLIT_AUTO no chunk is larger than a quarter of one stream's share of
 * all data, so at the end the other streams idle no longer than that.  Limits
 * keep chunks large enough to outweigh the cost of a transaction and small
 * enough to retry.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "plan/plan.h"

#define MB ((int64) 1024 * 1024)

/* Chunks per stream, so that the last one is not waited for long. */
#define CHUNKS_PER_JOB 4

/* Limits of a chunk's size with SPLIT_AUTO; an equal number each may halve it. */
#define LEAST_CHUNK (32 * MB)
#define MOST_CHUNK (1024 * MB)

static int64
get_bytes(const SourceRelation *relation)
{
	return relation->heap_bytes + relation->toast_bytes;
}

/* Choose the size of a chunk for SPLIT_AUTO, in bytes, or SPLIT_NEVER. */
static int64
choose_chunk_size(const PlanInput *input)
{
	int64		total = 0;
	ListCell   *lc;

	/* a range of keys costs more than the same rows of a whole table */
	if (input->options->table_jobs == 1)
		return input->can_read_blocks ? MOST_CHUNK : SPLIT_NEVER;
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
		!relation->is_extension_member && !relation->in_one_piece;
}

/* Compute the number of chunks for a given size of a chunk. */
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
		pieces = (pieces + jobs - 1) / jobs * jobs;	/* an equal number each */
	/* what each chunk reads besides its rows must not be most of the work */
	if (relation->bytes_beside > 0)
		pieces = Min(pieces, Max(bytes / relation->bytes_beside, 1));
	return (int) Min(pieces, relation->blocks);
}

List *
pgcopy_chunks_decide(const PlanInput *input)
{
	int64		size = input->options->split_bytes;
	List	   *split = NIL;
	ListCell   *lc;

	if (size == SPLIT_AUTO)
		size = choose_chunk_size(input);
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

	if (input->can_read_blocks || relation->wanted_chunks == 1)
		return relation->wanted_chunks;
	return list_length(row->split_bounds) + 1;
}

ChunkRange
pgcopy_chunks_get_range(const JobRelation *row, const SourceRelation *relation,
						int i, int chunks)
{
	int64		units = row->split_key != NULL ? chunks : relation->blocks;
	ChunkRange	range = {
		.start = units * i / chunks,
		.end = i == chunks - 1 ? -1 : units * (i + 1) / chunks
	};

	Assert(i >= 0 && i < chunks);
	return range;
}
