/*-------------------------------------------------------------------------
 *
 * load.h
 *	  Rows of a source table into a local one.  Knows nothing of jobs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_LOAD_H
#define PGCOPY_LOAD_H

#include "access/transam.h"
#include "nodes/pg_list.h"
#include "storage/block.h"
#include "utils/relcache.h"
#include "base/words.h"
#include "source/session.h"

/* Told about progress every now and then (thousands of rows or 100 ms). */
typedef void (*LoadProgress) (void *arg, int64 rows, int64 bytes);

/* What to do with a relation before the first row. */
typedef enum LoadStart
{
	LOAD_INTO_EMPTY,			/* it must have 0 blocks and no index: frozen */
	LOAD_AFTER_TRUNCATE,		/* truncate in this transaction, then frozen */
	LOAD_BESIDE_CHUNKS,			/* other chunks of this job load or have
								 * loaded it: frozen */
	LOAD_ROUTED,				/* the same for a partitioned relation: rows go
								 * to the leaves they belong to */
	LOAD_APPEND					/* not ours: ordinary inserts, with indexes */
} LoadStart;

typedef struct LoadTable
{
	Oid			relid;			/* here */
	const char *source_name;	/* quoted and qualified, on the source */
	List	   *columns;		/* char *, what COPY sends, in order */
	CopyFormat	format;
	LoadStart	start;

	/* a chunk is the blocks [first_block, end_block); a whole table 0, Invalid */
	bool		is_chunk;
	BlockNumber first_block;
	BlockNumber end_block;		/* InvalidBlockNumber: to the end */

	/* ... or the rows whose key is in [first_key, end_key) */
	const char *key;			/* column, unquoted; NULL: blocks */
	const char *first_key;		/* a number as text, NULL: from the beginning */
	const char *end_key;		/* ... to the end */

	const char *condition;		/* SQL text appended to COPY (SELECT ...), or NULL */
} LoadTable;

typedef struct LoadResult
{
	int64		rows;
	int64		bytes;			/* on the wire */
} LoadResult;

/*
 * Load in the current transaction, which the caller commits.  The session
 * must be in a transaction with the snapshot, the table locked there.
 * Appears in pg_stat_progress_copy.  Interruptible.  Errors of the data carry
 * the context "COPY schema.table, row N, column c".  Checks the current
 * user's INSERT right (and TRUNCATE where it does that).
 */
extern LoadResult pgcopy_load_table(SourceSession *session,
									const LoadTable *table,
									LoadProgress progress, void *arg);

/*
 * Empty a table that the job created, in the current transaction.  False, and
 * nothing done, when somebody else has it locked: this never waits.
 */
extern bool pgcopy_load_try_truncate(Oid relid);

/* The same, and it waits. */
extern void pgcopy_load_truncate(Oid relid);

/*
 * The format for a local relation whose source twin has the same columns and
 * types: binary when every column's type is proved exact on the wire.
 */
extern CopyFormat pgcopy_load_choose_format(Relation relation);

/* What tells the rows of failed loads from others. */
typedef struct LoadAttempts
{
	FullTransactionId first;	/* no older transaction has failed */
	TransactionId *loaded;		/* which have committed what they loaded */
	int			loaded_count;
} LoadAttempts;

/*
 * Make dead in heap and TOAST what failed loads have left there, which are those
 * that do not run and have not committed: frozen rows do not vanish on abort.
 * VACUUM takes them away.  WAL-logged.  Only for relations that the job created.
 * Of a partitioned relation all leaves are cleaned, but for those that have
 * indexes: they have got all their rows.  Returns the number of heap rows.
 */
extern int64 pgcopy_load_take_back(Oid relid, const LoadAttempts *attempts);

#endif							/* PGCOPY_LOAD_H */
