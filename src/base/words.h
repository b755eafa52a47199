/*-------------------------------------------------------------------------
 *
 * words.h
 *	  The names of job states, item kinds, item states and formats.
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
	JOB_DONE,
	JOB_FAILED,
	JOB_CANCELLED
} JobState;

typedef enum ItemKind
{
	ITEM_PRE_DATA,				/* a statement of pre-data, in dump order */
	ITEM_TABLE,					/* the rows of a table or of a chunk */
	ITEM_LARGE_OBJECTS,			/* a range of large objects */
	ITEM_INDEX,					/* CREATE INDEX, or the index of a constraint */
	ITEM_CONSTRAINT,			/* added once the indexes are built */
	ITEM_ANALYZE,
	ITEM_FOREIGN_KEY,			/* ADD FOREIGN KEY ... NOT VALID */
	ITEM_VALIDATE,				/* VALIDATE CONSTRAINT */
	ITEM_SEQUENCE,
	ITEM_POST_DATA,				/* a statement of post-data, in dump order */
	ITEM_REFRESH,				/* REFRESH MATERIALIZED VIEW */
	ITEM_FINAL					/* event triggers, subscriptions */
} ItemKind;

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
	FORMAT_TEXT
} CopyFormat;

/* Parsing throws an internal error for an unknown name. */
extern const char *pgcopy_words_of_job_state(JobState state);
extern JobState pgcopy_words_parse_job_state(const char *name);
extern const char *pgcopy_words_of_item_kind(ItemKind kind);
extern ItemKind pgcopy_words_parse_item_kind(const char *name);
extern const char *pgcopy_words_of_item_state(ItemState state);
extern ItemState pgcopy_words_parse_item_state(const char *name);
extern const char *pgcopy_words_of_format(CopyFormat format);

#endif							/* PGCOPY_WORDS_H */
