/*-------------------------------------------------------------------------
 *
 * heap.h
 *	  New blocks of a relation, and rows of failed loads out of it.
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
 * Add up to so many blocks at the end of the relation's main fork; returns how
 * many, at least one.  Their buffers are pinned, not locked, and of zeros,
 * unless somebody has begun to use one meanwhile.
 */
extern int	pgcopy_heap_extend(Relation relation, BufferAccessStrategy strategy,
							   int blocks, Buffer *buffers);

/*
 * Put a page of frozen rows into the buffer of a new block, and log it.  The
 * buffer is locked exclusively and of zeros, its page of the map pinned.  Sets
 * the addresses in "page".  is_last: no later page has rows with slices that
 * are in the WAL already.
 */
extern void pgcopy_heap_fill(Relation relation, Buffer buffer, Page page,
							 Buffer map, bool is_last);

/* What tells the rows of failed loads from others. */
typedef struct LoadAttempts
{
	FullTransactionId first;	/* no older transaction has failed */
	TransactionId *loaded;		/* which have committed what they loaded */
	int			loaded_count;
} LoadAttempts;

/*
 * Make dead in heap and TOAST what failed loads have left there, which are those
 * that do not run and have not committed: frozen rows do not vanish on abort.
 * VACUUM takes them away.  WAL-logged.  Only for relations that nobody else
 * fills.  Of a partitioned relation all leaves are cleaned, but for those that
 * have indexes: they have got all their rows.  Returns the number of heap rows.
 */
extern int64 pgcopy_heap_take_back(Oid relid, const LoadAttempts *attempts);

#endif							/* PGCOPY_HEAP_H */
