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
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/settings.h"
#include "run/chunks.h"
#include "source/keyrange.h"

/* From this version on a range of ctids is scanned as a range. */
#define VERSION_WITH_TID_RANGE 140000

/* At least so many, so that nobody waits long for whoever has the last one. */
#define CHUNKS_PER_JOB 4

/* Whether chunks are ranges of blocks. */
static bool
has_tid_ranges(int source_version)
{
	return source_version >= VERSION_WITH_TID_RANGE && pgcopy_setting_split_by_ctid;
}

/* In how many chunks a table should be copied. */
static int
wanted_chunks(const Job *job, const SourceRelation *relation)
{
	int64		bytes = relation->heap_bytes + relation->toast_bytes;
	int64		split = job->options.split_bytes == SPLIT_AUTO ?
		INT64CONST(1) << 30 : job->options.split_bytes;
	int64		chunks;

	if (split == SPLIT_NEVER || bytes <= split || relation->blocks < 2 ||
		!relation->has_data_of_its_own || relation->through_root ||
		relation->is_extension_member)
		return 1;
	chunks = Max((bytes + split - 1) / split, CHUNKS_PER_JOB * job->options.table_jobs);
	return (int) Min(chunks, relation->blocks);
}

void
pgcopy_chunks_split_by_keys(const Job *job, SourceSession *session, List *relations)
{
	List	   *large = NIL;
	ListCell   *lc;

	if (has_tid_ranges(pgcopy_session_version(session)))
		return;
	foreach(lc, relations)
	{
		SourceRelation *relation = lfirst(lc);

		relation->wanted_chunks = wanted_chunks(job, relation);
		if (relation->wanted_chunks > 1)
			large = lappend(large, relation);
	}
	pgcopy_keyrange_choose(session, large);
}

int
pgcopy_chunks_count(const JobPlan *plan, const PlanRelation *relation, int source_version)
{
	if (!relation->row.is_ours)
		return 1;
	if (has_tid_ranges(source_version))
		return wanted_chunks(plan->job, relation->source);
	return list_length(relation->row.split_bounds) + 1;
}

void
pgcopy_chunks_set_range(JobItem *item, const PlanRelation *relation, int i, int chunks)
{
	int64		units = relation->row.split_key != NULL ? chunks : relation->source->blocks;

	item->range_start = units * i / chunks;
	item->range_end = i == chunks - 1 ? -1 : units * (i + 1) / chunks;
}
