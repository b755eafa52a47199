/*-------------------------------------------------------------------------
 *
 * toast.h
 *	  Long rows made short: compressed values, values in the TOAST relation.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_TOAST_H
#define PGCOPY_TOAST_H

#include "utils/relcache.h"

typedef struct Toaster Toaster;

/* Lives in the current memory context, for one command of the transaction. */
extern Toaster *pgcopy_toast_open(Relation relation);

/*
 * Make a row shorter by the rules of heap_toast_insert_or_update().  The arrays
 * are the caller's and changed; new values are in the current memory context.
 */
extern void pgcopy_toast_shorten(Toaster *toaster, Datum *values, bool *nulls);

/* Have slices been written since the last flush?  There was no room to wait. */
extern bool pgcopy_toast_is_ahead(const Toaster *toaster);

/* Write what has been moved to the TOAST relation, with its index entries. */
extern void pgcopy_toast_flush(Toaster *toaster);
extern void pgcopy_toast_close(Toaster *toaster);

#endif							/* PGCOPY_TOAST_H */
