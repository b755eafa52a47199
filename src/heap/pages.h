/*-------------------------------------------------------------------------
 *
 * pages.h
 *	  Rows into whole new pages of a heap, frozen.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_PAGES_H
#define PGCOPY_PAGES_H

#include "access/htup.h"
#include "storage/block.h"
#include "storage/itemptr.h"
#include "utils/relcache.h"

typedef struct PageWriter PageWriter;

/* Told where pages went; page i of the batch is block blocks[i]. */
typedef void (*PagesWritten) (void *arg, const BlockNumber *blocks, int n);

/*
 * Lives in the current memory context, for one command of the current
 * transaction.  The relation must be locked, without indexes or with ones
 * that the caller fills when it is told where the rows are.
 */
extern PageWriter *pgcopy_pages_open(Relation relation);
extern void pgcopy_pages_tell(PageWriter *writer, PagesWritten written, void *arg);

/*
 * Add a row.  Returns true when the caller may reset the memory of all values
 * so far (about once a page, and for a long row).  The place, or NULL, becomes
 * the page's number in the batch and the row's offset in it; only for rows that
 * are never long.
 */
extern bool pgcopy_pages_add(PageWriter *writer, Datum *values, bool *nulls,
							 ItemPointer place);

/* Write the pages there are; the last one need not be full. */
extern void pgcopy_pages_flush(PageWriter *writer);
extern void pgcopy_pages_close(PageWriter *writer);

#endif							/* PGCOPY_PAGES_H */
