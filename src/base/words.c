/*-------------------------------------------------------------------------
 *
 * words.c
 *	  The names of job states, item states and formats.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/words.h"

static const char *const job_states[] = {
	[JOB_QUEUED] = "queued",
	[JOB_PLANNING] = "planning",
	[JOB_PRE_DATA] = "pre-data",
	[JOB_COPYING] = "copying",
	[JOB_POST_DATA] = "post-data",
	[JOB_FOLLOWING] = "following",
	[JOB_CUTOVER] = "cutover",
	[JOB_DONE] = "done",
	[JOB_FAILED] = "failed",
	[JOB_CANCELLED] = "cancelled",
};

static const char *const item_states[] = {
	[ITEM_PENDING] = "pending",
	[ITEM_RUNNING] = "running",
	[ITEM_DONE] = "done",
	[ITEM_FAILED] = "failed",
	[ITEM_SKIPPED] = "skipped",
};

static const char *const formats[] = {
	[FORMAT_BINARY] = "binary",
	[FORMAT_TEXT] = "text",
	[FORMAT_MIXED] = "mixed",
};

static int
find_word(const char *const *words, int nwords, const char *word)
{
	for (int i = 0; i < nwords; i++)
	{
		if (strcmp(words[i], word) == 0)
			return i;
	}
	elog(ERROR, "unknown word \"%s\" in the catalog of jobs", word);
}

const char *
pgcopy_words_of_job_state(JobState state)
{
	Assert((int) state < lengthof(job_states));
	return job_states[state];
}

JobState
pgcopy_words_parse_job_state(const char *name)
{
	return (JobState) find_word(job_states, lengthof(job_states), name);
}

const char *
pgcopy_words_of_item_state(ItemState state)
{
	Assert((int) state < lengthof(item_states));
	return item_states[state];
}

ItemState
pgcopy_words_parse_item_state(const char *name)
{
	return (ItemState) find_word(item_states, lengthof(item_states), name);
}

const char *
pgcopy_words_of_format(CopyFormat format)
{
	return formats[format];
}

bool
pgcopy_words_is_stream_name(const char *name)
{
	size_t		hex;
	size_t		digits;

	if (strncmp(name, "pgcopy_", 7) != 0)
		return false;
	name += 7;
	hex = strspn(name, "0123456789abcdef");
	if (hex != 12 || name[hex] != '_')
		return false;
	name += hex + 1;
	digits = strspn(name, "0123456789");
	name += digits;
	return digits > 0 &&
		(name[0] == '\0' || strcmp(name, "_i") == 0 || strcmp(name, "_f") == 0);
}
