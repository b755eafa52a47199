/*-------------------------------------------------------------------------
 *
 * extend.h
 *	  New blocks of a relation, many at a time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_EXTEND_H
#define PGCOPY_EXTEND_H

#include "storage/buf.h"
#include "utils/relcache.h"

#define EXTEND_MAX_BLOCKS	32	/* 256 kB */

/*
 * Add up to so many blocks at the end of the relation's main fork; returns how
 * many, at least one.  Their buffers are pinned, not locked, and of zeros,
 * unless somebody has begun to use one meanwhile.
 */
extern int	pgcopy_extend(Relation relation, BufferAccessStrategy strategy,
						  int blocks, Buffer *buffers);

#endif							/* PGCOPY_EXTEND_H */
