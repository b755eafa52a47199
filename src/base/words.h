/*-------------------------------------------------------------------------
 *
 * words.h
 *	  The names of job states, item states and formats.
 *
 * pgcopy.job and pgcopy.item store these names.  The CHECK constraints and
 * views of the SQL script and the queries in catalog/ spell them out too.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_WORDS_H
#define PGCOPY_WORDS_H

typedef enum JobState
{
	JOB_QUEUED,
	JOB_PLANNING,
	JOB_PRE_DATA,
	JOB_COPYING,
	JOB_POST_DATA,
	JOB_FOLLOWING,				/* the target keeps up with the source */
	JOB_CUTOVER,
	JOB_DONE,
	JOB_FAILED,
	JOB_CANCELLED
} JobState;

typedef enum ItemState
{
	ITEM_PENDING,
	ITEM_RUNNING,				/* dirty until done or cleaned */
	ITEM_DONE,
	ITEM_FAILED,
	ITEM_SKIPPED				/* an item it needs has failed */
} ItemState;

/* How rows are sent. */
typedef enum CopyFormat
{
	FORMAT_BINARY,
	FORMAT_TEXT,
	FORMAT_MIXED				/* binary, some columns as their text */
} CopyFormat;

/* Parsing throws an internal error for an unknown name. */
extern const char *pgcopy_words_of_job_state(JobState state);
extern JobState pgcopy_words_parse_job_state(const char *name);
extern const char *pgcopy_words_of_item_state(ItemState state);
extern ItemState pgcopy_words_parse_item_state(const char *name);
extern const char *pgcopy_words_of_format(CopyFormat format);

/*
 * Whether it is a name that jobs which follow their source give to what they make,
 * as FOLLOW_NAME_REGEXP (catalog/follow.h) says for SQL.
 */
extern bool pgcopy_words_is_stream_name(const char *name);

#endif							/* PGCOPY_WORDS_H */
