/*-------------------------------------------------------------------------
 *
 * table.h
 *	  What to load, how to start, and the result.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_TABLE_H
#define PGCOPY_TABLE_H

#include "nodes/bitmapset.h"
#include "nodes/pg_list.h"
#include "storage/block.h"
#include "base/words.h"

/* Called with totals so far, at most every 100 ms, and once at the end. */
typedef void (*LoadProgress) (void *arg, int64 rows, int64 bytes);

/* The state a relation must have before the first row; how it is loaded. */
typedef enum LoadStart
{
	LOAD_INTO_EMPTY,			/* 0 blocks, no index: frozen */
	LOAD_AFTER_TRUNCATE,		/* truncate first: frozen */
	LOAD_ANEW,					/* the same, with indexes, which are built at the end */
	LOAD_BESIDE_CHUNKS,			/* filled by chunks of this job only: frozen */
	LOAD_ROUTED,				/* the same, partitioned: frozen, into leaves */
	LOAD_APPEND,				/* an extension's: insert what is not here yet */
	LOAD_EXISTING				/* a user's: insert as COPY does; triggers fire */
} LoadStart;

typedef struct LoadTable
{
	Oid			relid;			/* here */
	const char *source_name;	/* quoted and qualified, on the source */
	List	   *columns;		/* char *, what COPY sends, in order */
	CopyFormat	format;
	Bitmapset  *as_text;		/* FORMAT_MIXED: columns, from 0, sent as text */
	LoadStart	start;

	/* a chunk has the blocks [first_block, end_block) ... */
	bool		is_chunk;
	BlockNumber first_block;
	BlockNumber end_block;		/* InvalidBlockNumber: to the end */

	/* ... or, if "key" is set, the rows with a key in [first_key, end_key) */
	const char *key;			/* column, unquoted */
	const char *first_key;		/* number as text, NULL: from the beginning */
	const char *end_key;		/* number as text, NULL: to the end */

	const char *row_with;		/* as in source/inventory.h, or NULL */
	const char *row_join;
	const char *condition;		/* SQL appended to COPY (SELECT ...), or NULL */

	/* what a user wants of it, as in source/inventory.h */
	const char *row_condition;	/* or NULL: all rows */
	List	   *expressions;	/* NIL, or parallel to columns: char * or NULL */
	const char *search_path;	/* that both need, or NULL */
} LoadTable;

typedef struct LoadResult
{
	int64		rows;
	int64		bytes;			/* on the wire */
} LoadResult;

#endif							/* PGCOPY_TABLE_H */
