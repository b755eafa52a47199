/*-------------------------------------------------------------------------
 *
 * load.h
 *	  Load rows of a source table into a local one.  Knows nothing of jobs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_LOAD_H
#define PGCOPY_LOAD_H

#include "utils/relcache.h"
#include "load/table.h"
#include "source/series.h"
#include "source/session.h"

/*
 * Load in the current transaction, which the caller commits.  The session must
 * be in a transaction with the snapshot, and hold a lock on the table; its rows come
 * next in the series, whose request for them is pgcopy_columns_request()'s.  Reports
 * to pg_stat_progress_copy.  Errors in the data have the context "COPY
 * schema.table, row N, column c".  Checks that the current user has INSERT (with
 * LOAD_APPEND only if there is a row to insert), and TRUNCATE if that is done.
 */
extern LoadResult pgcopy_load_table(CopySeries *series,
									const LoadTable *table,
									LoadProgress progress, void *arg);

/*
 * Return those of these columns that a table which the job has not created takes,
 * with their types and what is asked for in their place (NIL, or one for each column,
 * NULL: the column): all but those that are generated here.
 */
extern void pgcopy_load_choose_columns(Oid relid, List **columns, List **types,
									   List **expressions);

/* Whether the error of a load is about a row that belongs into another partition. */
extern bool pgcopy_load_is_misplaced(const ErrorData *error);

/* Empty a table that the job created, in the current transaction. */
extern void pgcopy_load_truncate(Oid relid);

/* The same without waiting for a lock: return false if that is needed. */
extern bool pgcopy_load_try_truncate(Oid relid);

/* Build the indexes of a table again: it has rows that are in none of them. */
extern void pgcopy_load_build_indexes(Oid relid);

/*
 * Return which of these columns, from 0, must come as text: those whose type is
 * not exact in binary, or is another one on the source, whose words for them are
 * in "types" (inventory.h).  Their text goes through the input function here.
 */
extern Bitmapset *pgcopy_load_choose_text(Relation relation, List *columns,
										  List *types);

#endif							/* PGCOPY_LOAD_H */
