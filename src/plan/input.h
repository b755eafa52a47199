/*-------------------------------------------------------------------------
 *
 * input.h
 *	  All that a plan is made of.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_INPUT_H
#define PGCOPY_INPUT_H

#include "nodes/pg_list.h"

/* split_bytes: split what would keep one stream busy while others idle. */
#ifndef SPLIT_AUTO
#define SPLIT_AUTO (-1)
#endif

typedef struct PlanInput
{
	/* what the source holds */
	List	   *relations;		/* SourceRelation, in the order of their oids */
	List	   *statements;		/* DumpStatement, pre-data first */
	List	   *large_objects;	/* LargeObjectRange, one item each */
	bool		can_read_blocks;	/* a range of them; else chunks are of keys */

	/* what the user has asked for */
	int			table_jobs;
	int64		split_bytes;	/* tables larger than this; 0: none */
	bool		validate_foreign_keys;
} PlanInput;

#endif							/* PGCOPY_INPUT_H */
