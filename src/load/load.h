/*-------------------------------------------------------------------------
 *
 * load.h
 *	  Rows of a source table into a local one.  Knows nothing of jobs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_LOAD_H
#define PGCOPY_LOAD_H

#include "utils/relcache.h"
#include "load/table.h"
#include "source/session.h"

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

#endif							/* PGCOPY_LOAD_H */
