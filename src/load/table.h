/*-------------------------------------------------------------------------
 *
 * table.h
 *	  What to load, how to start, and what came of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_TABLE_H
#define PGCOPY_TABLE_H

#include "nodes/pg_list.h"
#include "storage/block.h"
#include "base/words.h"

/* Told about progress every now and then (thousands of rows or 100 ms). */
typedef void (*LoadProgress) (void *arg, int64 rows, int64 bytes);

/* What to do with a relation before the first row. */
typedef enum LoadStart
{
	LOAD_INTO_EMPTY,			/* it must have 0 blocks and no index: frozen */
	LOAD_AFTER_TRUNCATE,		/* truncate in this transaction, then frozen */
	LOAD_BESIDE_CHUNKS,			/* other chunks of this job load or have
								 * loaded it: frozen */
	LOAD_ROUTED,				/* the same for a partitioned relation: rows go
								 * to the leaves they belong to */
	LOAD_APPEND					/* not ours: ordinary inserts, with indexes */
} LoadStart;

typedef struct LoadTable
{
	Oid			relid;			/* here */
	const char *source_name;	/* quoted and qualified, on the source */
	List	   *columns;		/* char *, what COPY sends, in order */
	CopyFormat	format;
	LoadStart	start;

	/* a chunk is the blocks [first_block, end_block); a whole table 0, Invalid */
	bool		is_chunk;
	BlockNumber first_block;
	BlockNumber end_block;		/* InvalidBlockNumber: to the end */

	/* ... or the rows whose key is in [first_key, end_key) */
	const char *key;			/* column, unquoted; NULL: blocks */
	const char *first_key;		/* a number as text, NULL: from the beginning */
	const char *end_key;		/* ... to the end */

	const char *condition;		/* SQL text appended to COPY (SELECT ...), or NULL */
} LoadTable;

typedef struct LoadResult
{
	int64		rows;
	int64		bytes;			/* on the wire */
} LoadResult;

#endif							/* PGCOPY_TABLE_H */
