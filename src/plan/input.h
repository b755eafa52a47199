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

#include "base/options.h"

typedef struct PlanInput
{
	List	   *relations;		/* SourceRelation, in the order of their oids */
	List	   *statements;		/* DumpStatement, pre-data first */
	List	   *large_objects;	/* LargeObjectRange, one item each */
	bool		can_read_blocks;	/* a range of them; else chunks are of keys */
	const JobOptions *options;
} PlanInput;

#endif							/* PGCOPY_INPUT_H */
