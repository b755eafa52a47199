/*-------------------------------------------------------------------------
 *
 * explain.h
 *	  Which row and column the source cannot send.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_EXPLAIN_H
#define PGCOPY_EXPLAIN_H

#include "load/table.h"
#include "source/session.h"
#include "source/stream.h"

/* Is the error about one row or value that the source cannot send? */
extern bool pgcopy_explain_applies(const LoadTable *table, const ErrorData *error);

/*
 * Add what can be found out about row "row" of the table to the error that ended
 * the stream, and to which that applies.  "where" is the error's context line for
 * the row.  Throws only if it is cancelled.  The session's transaction may have
 * failed afterwards.
 */
extern void pgcopy_explain_failure(CopyStream *stream, const LoadTable *table,
								   int64 row, ErrorData *error,
								   const char *where);

#endif							/* PGCOPY_EXPLAIN_H */
