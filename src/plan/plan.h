/*-------------------------------------------------------------------------
 *
 * plan.h
 *	  Turn what the source holds into the items of a job.
 *
 * A plan is a value: relations, and items with their dependencies.  Making one
 * needs no job, session or catalog, and writes nothing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_PLAN_H
#define PGCOPY_PLAN_H

#include "base/options.h"
#include "catalog/item.h"
#include "catalog/relation.h"
#include "schema/apply.h"
#include "schema/dump.h"
#include "schema/here.h"
#include "source/inventory.h"

/* Everything that a plan is made from. */
typedef struct PlanInput
{
	List	   *relations;		/* SourceRelation, in the order of their OIDs */
	List	   *statements;		/* DumpStatement, pre-data first */
	List	   *roles;			/* DumpStatement, one item each, before pre-data */
	List	   *database;		/* DumpStatement, one item each, at the end */
	DumpStatement *drop;		/* what drop_if_exists drops, or NULL: see drop.h */
	List	   *large_objects;	/* LargeObjectRange, one item each */
	List	   *not_valid;		/* Oid: keys of the source that stay NOT VALID */
	List	   *trees;			/* HereTree, to empty first */
	bool		can_read_blocks;	/* chunks are ranges of blocks, else of keys */
	const JobOptions *options;
} PlanInput;

/* Fields without a comment are those of JobItem. */
typedef struct PlanItem
{
	ItemKind	kind;
	ItemStage	stage;
	ApplyForm	form;			/* of the statement */
	int			relation;
	int			referenced;
	ItemTurn	turn;
	bool		is_done;		/* what it makes is here already */
	int			ndepends;
	Size		first_depend;	/* index into the plan's depends */
	const DumpStatement *statement; /* what it runs, or NULL */
	const char *schema;
	const char *name;
	int64		cost;
	int64		range_start;
	int64		range_end;
	int64		bytes_total;
} PlanItem;

typedef struct JobPlan
{
	int			nrelations;
	JobRelation *relations;		/* relations[no - 1] */
	int			nitems;
	PlanItem   *items;			/* items[no - 1] */
	Size		ndepends;
	int		   *depends;		/* item numbers, those of each item together */
} JobPlan;

/*
 * Make a plan in the current memory context.  The input must outlive it.  Call
 * pgcopy_chunks_decide() first.
 */
extern JobPlan *pgcopy_plan_make(const PlanInput *input);

/*
 * chunks.c: set wanted_chunks of each relation of the input.  Returns the
 * relations to split: if the source cannot read ranges of blocks, choose keys
 * for them (source/keyrange.h) before making the plan.
 */
extern List *pgcopy_chunks_decide(const PlanInput *input);

/* The number of chunks of a table, once that is decided. */
extern int	pgcopy_chunks_count(const PlanInput *input, const JobRelation *row,
								const SourceRelation *relation);

/* As in an item: from start up to, not including, end; -1: no limit. */
typedef struct ChunkRange
{
	int64		start;
	int64		end;
} ChunkRange;

/* Compute the range of chunk "i", counted from 0. */
extern ChunkRange pgcopy_chunks_get_range(const JobRelation *row,
										  const SourceRelation *relation,
										  int i, int chunks);

/* Make the item of a range; its name is in the current memory context. */
extern PlanItem pgcopy_plan_make_range(const LargeObjectRange *range);

/* store.c: fill a row, except for number and dependencies. */
extern void pgcopy_plan_fill_row(JobItem *row, const PlanItem *item);

/*
 * store.c: write a job's relations, items and statements, in the current
 * transaction.
 */
extern void pgcopy_plan_store(int64 job, const JobPlan *plan);

/*
 * drift.c: throw, with names, if the source differs from the job's plan.  Lists
 * of SourceRelation and DumpStatement as they are now.
 */
extern void pgcopy_drift_check(int64 job, List *relations, List *statements);

#endif							/* PGCOPY_PLAN_H */
