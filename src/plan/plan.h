/*-------------------------------------------------------------------------
 *
 * plan.h
 *	  From what the source holds to the items of a job.
 *
 * A plan is a value: relations, and items with their dependencies.  It is made
 * without a job, without a session and without a look at any catalog, and
 * nothing is written before it is stored.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_PLAN_H
#define PGCOPY_PLAN_H

#include "catalog/item.h"
#include "catalog/relation.h"
#include "plan/input.h"
#include "schema/apply.h"
#include "schema/dump.h"
#include "source/inventory.h"

/* Fields that are the same in the item's row have their comments there. */
typedef struct PlanItem
{
	ItemKind	kind;
	ItemStage	stage;
	ApplyForm	form;			/* of the statement */
	int			relation;
	int			referenced;
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
 * Make a plan, in the current memory context.  It points into the input, which
 * has to live as long.  pgcopy_chunks_decide() comes before.
 */
extern JobPlan *pgcopy_plan_make(const PlanInput *input);

/* An item that copies a range; its name is in the current memory context. */
extern PlanItem pgcopy_plan_make_range(const LargeObjectRange *range);

/* store.c: what the row of an item says, but for its number and dependencies. */
extern void pgcopy_plan_fill_row(JobItem *row, const PlanItem *item);

/*
 * store.c: write relations, items and statements of a job, in the current
 * transaction.
 */
extern void pgcopy_plan_store(int64 job, const JobPlan *plan);

/*
 * drift.c: throw 55000, with names, when the source is not what the job's plan was made
 * of: Lists of SourceRelation and DumpStatement as they are now.
 */
extern void pgcopy_drift_check(int64 job, List *relations, List *statements);

#endif							/* PGCOPY_PLAN_H */
