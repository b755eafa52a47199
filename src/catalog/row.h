/*-------------------------------------------------------------------------
 *
 * row.h
 *	  Rows of pgcopy.* with texts that no statement may carry.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_ROW_H
#define PGCOPY_ROW_H

#include "storage/itemptr.h"
#include "utils/relcache.h"

/* A table of schema pgcopy, for writing; the lock is kept. */
extern Relation pgcopy_row_open(const char *table);
extern void pgcopy_row_close(Relation table);

/*
 * Text of any length, which need not end with a zero byte, as a value to be
 * stored; a long one is compressed here, so that there is no second copy of it
 * later.
 */
extern Datum pgcopy_row_text(const char *text, size_t length);

/* Insert a row of all columns, in their order in the table. */
extern void pgcopy_row_insert(Relation table, Datum *values, bool *nulls);

/* Set a column of a row that this transaction has inserted. */
extern void pgcopy_row_set(Relation table, ItemPointer tid, const char *column,
						   Datum value);

#endif							/* PGCOPY_ROW_H */
