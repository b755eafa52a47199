/*-------------------------------------------------------------------------
 *
 * record_sort.c
 *	  Keys of any width: sort the records.
 *
 * By 8 bytes of the key at a time: sort by these, then each group that has them
 * in common by the next.  The largest group of a level is gone on with in a loop,
 * so that recursion is at most log2(n) deep.  What a whole group has in common is
 * skipped in one pass; so each byte of a key is looked at a few times at most.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "index/record.h"

#define AHEAD 8					/* records to fetch before they are needed */

/* Some pairs with the same bytes up to "depth", and the next ones in their keys */
typedef struct RecordGroup
{
	SortPair   *pairs;
	size_t		count;
	uint32		depth;
	uint64		least;
	uint64		most;
} RecordGroup;

/* Take the next 8 bytes of all keys.  Returns false if all have ended. */
static bool
load_words(RecordGroup *group)
{
	bool		is_more = false;

	group->least = PG_UINT64_MAX;
	group->most = 0;
	for (size_t i = 0; i < group->count; i++)
	{
		const Record *record = RECORD_OF(group->pairs[i]);
		uint64		word = pgcopy_record_word(record, group->depth);

		if (i + AHEAD < group->count)
			__builtin_prefetch(RECORD_KEY(RECORD_OF(group->pairs[i + AHEAD])) + group->depth);
		is_more |= group->depth < record->key_length;
		group->pairs[i].key = word;
		group->least = Min(group->least, word);
		group->most = Max(group->most, word);
	}
	return is_more;
}

/* Go to where the keys first differ, or the shortest ends. */
static void
skip_common(RecordGroup *group)
{
	const Record *first = RECORD_OF(group->pairs[0]);
	uint32		common = first->key_length;

	for (size_t i = 1; i < group->count && common > group->depth; i++)
	{
		const Record *record = RECORD_OF(group->pairs[i]);
		uint32		depth = group->depth;

		if ((i & 0xFFF) == 0)
			CHECK_FOR_INTERRUPTS();
		common = Min(common, record->key_length);
		while (depth < common &&
			   pgcopy_record_word(record, depth) == pgcopy_record_word(first, depth))
			depth += sizeof(uint64);
		common = Min(common, depth);
	}
	group->depth = Max(group->depth, common);
}

/* Find the next run of pairs with the same word, from "start" on. */
static size_t
end_of_run(const RecordGroup *group, size_t start)
{
	size_t		end = start + 1;

	while (end < group->count && group->pairs[end].key == group->pairs[start].key)
		end++;
	return end;
}

static RecordGroup
find_largest_run(const RecordGroup *group)
{
	RecordGroup		largest = {.depth = group->depth + sizeof(uint64)};

	for (size_t start = 0, end; start < group->count; start = end)
	{
		end = end_of_run(group, start);
		if (end - start > largest.count)
		{
			largest.pairs = group->pairs + start;
			largest.count = end - start;
		}
	}
	return largest;
}

/* Prepare a group for its sort.  Returns false if there is nothing to sort. */
static bool
prepare(RecordGroup *group)
{
	if (group->count < 2 || !load_words(group))
		return false;
	if (group->least != group->most)
		return true;
	group->depth += sizeof(uint64);
	skip_common(group);
	return load_words(group);
}

/* The words of "group" are loaded. */
static void
sort_group(RecordGroup group, SortPair *scratch)
{
	for (;;)
	{
		RecordGroup		largest;

		CHECK_FOR_INTERRUPTS();
		pgcopy_sort_pairs(group.pairs, scratch, group.count, group.least, group.most);
		largest = find_largest_run(&group);
		if (largest.count < 2)
			return;
		for (size_t start = 0, end; start < group.count; start = end)
		{
			RecordGroup		part = {.pairs = group.pairs + start, .depth = largest.depth};

			end = end_of_run(&group, start);
			part.count = end - start;
			if (part.pairs != largest.pairs && prepare(&part))
				sort_group(part, scratch);
		}
		if (!prepare(&largest))
			return;
		group = largest;
	}
}

static void
sort_all(Records *records, SortPair *scratch)
{
	RecordGroup		all = {.pairs = records->pairs, .count = records->count};

	all.least = PG_UINT64_MAX;
	for (size_t i = 0; i < records->count; i++)
	{
		all.least = Min(all.least, records->pairs[i].key);
		all.most = Max(all.most, records->pairs[i].key);
	}
	sort_group(all, scratch);
}

const char *
pgcopy_record_sort(Records *records)
{
	SortPair   *scratch;

	if (records->in_order)
		return NULL;
	scratch = pgcopy_memory_alloc(records->build->memory,
								  records->count * sizeof(SortPair));
	if (scratch == NULL)
		return REASON_MEMORY;
	if (records->comparison != NULL)
		pgcopy_compare_sort(records->comparison, records->pairs, scratch, records->count);
	else
		sort_all(records, scratch);
	pgcopy_memory_free(records->build->memory, scratch);
	return NULL;
}
