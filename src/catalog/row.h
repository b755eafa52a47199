/*-------------------------------------------------------------------------
 *
 * row.h
 *	  Rows of pgcopy.* with texts that must not appear in a statement.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_ROW_H
#define PGCOPY_ROW_H

#include "storage/itemptr.h"
#include "utils/relcache.h"

/* Open a table of schema pgcopy for writing.  The lock is held until commit. */
extern Relation pgcopy_row_open(const char *table);
extern void pgcopy_row_close(Relation table);

/*
 * Make a text datum; "text" need not be terminated.  A long one is compressed
 * at once, to save a second copy of it later.
 */
extern Datum pgcopy_row_text(const char *text, size_t length);

/* Insert a row; one value for each column of the table. */
extern void pgcopy_row_insert(Relation table, Datum *values, bool *nulls);

/* Set a column of a row that this transaction has inserted, and *tid to its new place. */
extern void pgcopy_row_set(Relation table, ItemPointer tid, const char *column,
						   Datum value);

#endif							/* PGCOPY_ROW_H */
