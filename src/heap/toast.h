/*-------------------------------------------------------------------------
 *
 * toast.h
 *	  Shorten long rows: compress values, move values to the TOAST relation.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_TOAST_H
#define PGCOPY_TOAST_H

#include "utils/relcache.h"

#include "heap/pages.h"

typedef struct Toaster Toaster;

/* Work area for compression, of all toasters of a load. */
typedef struct ToastSpace ToastSpace;

/* Allocate in the current memory context, which must outlive the toasters. */
extern ToastSpace *pgcopy_toast_space(void);

/* Create a toaster in the current memory context, for the current command. */
extern Toaster *pgcopy_toast_open(PageShare *share, ToastSpace *space,
								  Relation relation);

/*
 * Shorten a row by the rules of heap_toast_insert_or_update().  Changes the
 * arrays; allocates new values in the current memory context.
 */
extern void pgcopy_toast_shorten(Toaster *toaster, Datum *values, bool *nulls);

/* Return whether slices were written since the last flush, for lack of room. */
extern bool pgcopy_toast_is_ahead(const Toaster *toaster);

/* Write all slices and their index entries. */
extern void pgcopy_toast_flush(Toaster *toaster);
extern void pgcopy_toast_close(Toaster *toaster);

#endif							/* PGCOPY_TOAST_H */
