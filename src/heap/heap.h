/*-------------------------------------------------------------------------
 *
 * heap.h
 *	  Add and fill blocks; remove rows of failed loads.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_HEAP_H
#define PGCOPY_HEAP_H

#include "access/transam.h"
#include "storage/buf.h"
#include "storage/bufpage.h"
#include "utils/relcache.h"

#define HEAP_MAX_EXTEND	32		/* blocks; 256 kB */

/*
 * Add up to "blocks" blocks to the relation's main fork; return how many, at
 * least one.  Their buffers are pinned and not locked, and are zeros unless
 * another process has begun to use one.
 */
extern int	pgcopy_heap_extend(Relation relation, BufferAccessStrategy strategy,
							   int blocks, Buffer *buffers);

/*
 * Put a page of frozen rows into the buffer of a new block, and log it.  The
 * buffer is zeros and locked exclusively, its map page pinned.  Sets the rows'
 * addresses in "page".  is_last: no later page needs slices logged so far.
 */
extern void pgcopy_heap_fill(Relation relation, Buffer buffer, Page page,
							 Buffer map, bool is_last);

/*
 * Add the rows of a page to the buffer's page, and log them, if that is frozen
 * and has room for all, so that it stays frozen.  Returns the number of line
 * pointers before the first of them, or InvalidOffsetNumber if nothing was done.
 * The buffer is locked exclusively, its map page pinned.
 */
extern OffsetNumber pgcopy_heap_append(Relation relation, Buffer buffer, Page from,
									   Buffer map, bool is_last);

/* What tells the rows of failed loads from others. */
typedef struct LoadAttempts
{
	FullTransactionId first;	/* the oldest that may have failed */
	TransactionId *loaded;		/* transactions that loaded and committed */
	int			loaded_count;
} LoadAttempts;

/*
 * Make the frozen rows of failed loads dead, in heap and TOAST, for VACUUM to
 * remove.  Return the number of heap rows.  Only for relations that nobody but
 * the job fills; the current user must own them.  In a partitioned relation
 * leaves with indexes are skipped: they are complete.
 */
extern int64 pgcopy_heap_take_back(Oid relid, const LoadAttempts *attempts);

#endif							/* PGCOPY_HEAP_H */
