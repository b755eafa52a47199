/*-------------------------------------------------------------------------
 *
 * words.h
 *	  The words of a job: its states, the kinds and states of its items.
 *
 * Each enum has one spelling in SQL, given by the *_name() functions; the
 * spelling is what stands in pgcopy.job and pgcopy.item.
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

/*
 * What an item is.  The order is the order in which kinds first come up in a
 * job's life.
 */
typedef enum ItemKind
{
	ITEM_PRE_DATA,				/* a statement of pre-data, run in order */
	ITEM_TABLE,					/* rows of one table, or of a chunk of it */
	ITEM_LARGE_OBJECTS,			/* a range of large objects */
	ITEM_INDEX,					/* CREATE INDEX, or the index of a constraint */
	ITEM_CONSTRAINT,			/* what a table gets once its indexes stand */
	ITEM_ANALYZE,
	ITEM_FOREIGN_KEY,			/* ADD FOREIGN KEY ... NOT VALID */
	ITEM_VALIDATE,				/* VALIDATE CONSTRAINT */
	ITEM_SEQUENCE,
	ITEM_POST_DATA,				/* a statement of post-data, run in order */
	ITEM_REFRESH,				/* REFRESH MATERIALIZED VIEW */
	ITEM_FINAL					/* event triggers and what else comes last */
} ItemKind;

typedef enum ItemState
{
	ITEM_PENDING,
	ITEM_RUNNING,				/* dirty until done or cleaned */
	ITEM_DONE,
	ITEM_FAILED,
	ITEM_SKIPPED				/* something it needs has failed */
} ItemState;

/* How rows travel. */
typedef enum CopyFormat
{
	FORMAT_BINARY,
	FORMAT_TEXT
} CopyFormat;

extern const char *pgcopy_words_of_job_state(JobState state);
extern JobState pgcopy_words_parse_job_state(const char *name);
extern const char *pgcopy_words_of_item_kind(ItemKind kind);
extern ItemKind pgcopy_words_parse_item_kind(const char *name);
extern const char *pgcopy_words_of_item_state(ItemState state);
extern ItemState pgcopy_words_parse_item_state(const char *name);
extern const char *pgcopy_words_of_format(CopyFormat format);

#endif							/* PGCOPY_WORDS_H */
