/*-------------------------------------------------------------------------
 *
 * pages.h
 *	  Write rows into whole new pages of a heap, frozen.
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

/* What the writers of one load share, so that many need little memory. */
typedef struct PageShare PageShare;

/* Where the rows of a page went: behind so many line pointers of a block. */
typedef struct PagePlace
{
	BlockNumber block;
	OffsetNumber before;
} PagePlace;

/* Called after a batch of n pages. */
typedef void (*PagesWritten) (void *arg, const PagePlace *places, int n);

/*
 * Allocate in the current memory context, which must outlive the writers.
 * maps_room: other loads fill the same relations; use their free space maps, so
 * that they go on with pages that are not full, and write to these maps.
 */
extern PageShare *pgcopy_pages_share(bool maps_room);

/*
 * Create a writer in the current memory context, for the current command.  The
 * relation must be locked.  Its indexes, if any, are left to "written", which
 * may be NULL.
 */
extern PageWriter *pgcopy_pages_open(PageShare *share, Relation relation,
									 PagesWritten written, void *arg);

/*
 * Add a row.  Returns true when the caller may reset the memory of all values
 * so far (about once a page, and after a long row).  Sets *place, unless NULL,
 * to the page's number in the batch and the row's offset; then the row must not
 * be long.
 */
extern bool pgcopy_pages_add(PageWriter *writer, Datum *values, bool *nulls,
							 ItemPointer place);

/* Write all pages, even if the last one is not full. */
extern void pgcopy_pages_flush(PageWriter *writer);

/* Flush and free the writer. */
extern void pgcopy_pages_close(PageWriter *writer);

#endif							/* PGCOPY_PAGES_H */
