/*-------------------------------------------------------------------------
 *
 * draft.h
 *	  What a plan is made of while it is made; for plan.c and draft.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_DRAFT_H
#define PGCOPY_DRAFT_H

#include "utils/hsearch.h"

#include "catalog/item.h"
#include "catalog/job.h"
#include "catalog/query.h"
#include "catalog/relation.h"
#include "schema/apply.h"
#include "schema/dump.h"
#include "source/inventory.h"

/* The cost, in bytes of reading and writing, of what has no size of its own. */
#define COST_STATEMENT 2048

/* A relation while its items are made. */
typedef struct PlanRelation
{
	JobRelation row;
	SourceRelation *source;
	int			create_item;	/* 0: the dump does not create it */
	int			root;			/* of the partition tree, for through_root */
	List	   *index_statements;	/* DumpStatement * */
	List	   *constraint_statements;
	bool		is_planned;		/* its copies are */
	List	   *copies;			/* item numbers */
	List	   *indexes;
	List	   *constraints;
	int			analyze;
} PlanRelation;

typedef struct JobPlan
{
	const Job  *job;
	int			nitems;
	int			pending_rows;	/* in the open catalog scope */
	CatalogScope scope;
	MemoryContext context;		/* of everything that hangs on the plan */
	MemoryContext row_context;	/* reset after each row */

	int			nrelations;
	PlanRelation *relations;	/* relations[no - 1] */
	HTAB	   *by_name;
	HTAB	   *by_oid;

	int			max_toc_id;
	int		   *item_of_toc;	/* first item of an entry, 0: none yet */
	ItemStage  *stage_of_toc;
} JobPlan;

/*
 * Note relations and statements.  On return a catalog scope is open, in which
 * rows are stored; finish() closes it.
 */
extern void pgcopy_plan_begin(JobPlan *plan, const Job *job, List *relations,
							  List *statements);
extern void pgcopy_plan_finish(JobPlan *plan);

/* The relation of that name or oid on the source, or NULL. */
extern PlanRelation *pgcopy_plan_find(JobPlan *plan, const char *schema,
									  const char *name);
extern PlanRelation *pgcopy_plan_find_oid(JobPlan *plan, Oid oid);

/* Store an item under the next number, which is returned. */
extern int	pgcopy_plan_add(JobPlan *plan, JobItem *item);

/*
 * The same for a statement.  depends: what it needs beside the entries that
 * pg_dump says it depends on.
 */
extern int	pgcopy_plan_add_statement(JobPlan *plan,
									  const DumpStatement *statement,
									  ItemKind kind, ItemStage stage,
									  ApplyForm form, JobItem *item,
									  List *depends);

#endif							/* PGCOPY_DRAFT_H */
