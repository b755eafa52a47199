/*-------------------------------------------------------------------------
 *
 * batch.h
 *	  Several statements, sent to the source together.
 *
 * A source may be far away: each statement that waits for the answer to the one
 * before costs a round trip.  The statements of a batch go in one message and run
 * in their order.  Each answer is checked as if it had been asked for by itself.
 *
 * The first statement that fails ends the batch.  Outside a transaction all of them
 * are one, so that what the others have set is undone.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_BATCH_H
#define PGCOPY_BATCH_H

#include "base/compat.h"
#include "source/session.h"

typedef struct SourceBatch SourceBatch;

/* Begin a batch, in the current memory context. */
extern SourceBatch *pgcopy_batch_begin(SourceSession *session);

/*
 * Add a statement that returns no rows; one that returns so many columns; one that
 * returns exactly one row.  Each is one statement, without a semicolon.  Parameters
 * become literals: an untyped one must be cast in the statement.
 */
extern void pgcopy_batch_add(SourceBatch *batch, const char *sql);
extern void pgcopy_batch_add_query(SourceBatch *batch, const char *sql, int columns,
								   int nparams, const char *const *params);
extern void pgcopy_batch_add_row(SourceBatch *batch, const char *sql, int columns);

/*
 * Send the first message already, and wait up to "limit" ms (-1: no limit) until the
 * answer begins.  Returns false if it does not; else run the batch.
 */
extern bool pgcopy_batch_begins_within(SourceBatch *batch, long limit);

/*
 * Run it, interruptibly.  Returns how many statements have succeeded; if not all, the
 * SQLSTATE and the error of the next one can be had.  Throws if the connection is
 * lost, or an answer does not fit.
 */
extern int	pgcopy_batch_run(SourceBatch *batch);
extern int	pgcopy_batch_sqlstate(const SourceBatch *batch);
extern void pgcopy_batch_throw(SourceBatch *batch) pg_attribute_noreturn();

/* Run it, and throw the error of the first statement that fails. */
extern void pgcopy_batch_exec(SourceBatch *batch);

/* The rows of the statement with this number, from 0; they are the caller's. */
extern SourceRows *pgcopy_batch_rows(SourceBatch *batch, int number);

/* How many statements it has. */
extern int	pgcopy_batch_count(const SourceBatch *batch);

#endif							/* PGCOPY_BATCH_H */
