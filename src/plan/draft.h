/*-------------------------------------------------------------------------
 *
 * draft.h
 *	  A plan while it is made.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_DRAFT_H
#define PGCOPY_DRAFT_H

#include "utils/hsearch.h"

#include "plan/plan.h"

/* The cost, in bytes of reading and writing, of what has no size of its own. */
#define COST_STATEMENT 2048

/* A relation while its items are made.  Lists are of item numbers. */
typedef struct DraftRelation
{
	JobRelation *row;			/* in the plan */
	const SourceRelation *source;
	int			create_item;	/* 0: the dump does not create it */
	int			root;			/* of the partition tree, for through_root */
	List	   *index_statements;	/* DumpStatement * */
	List	   *constraint_statements;
	bool		is_planned;		/* its copies are */
	List	   *copies;
	List	   *indexes;
	List	   *constraints;
	int			analyze;
} DraftRelation;

typedef struct Draft
{
	const PlanInput *input;
	JobPlan    *plan;
	MemoryContext plan_context; /* of the plan */
	MemoryContext context;		/* of all else; goes with finish() */

	int			max_items;		/* room in the plan's arrays */
	Size		max_depends;

	int			nrelations;
	DraftRelation *relations;	/* relations[no - 1] */
	HTAB	   *by_name;
	HTAB	   *by_oid;

	int			max_toc_id;
	int		   *item_of_toc;	/* first item of an entry, 0: none yet */
	ItemStage  *stage_of_toc;
} Draft;

/*
 * Begin with the relations of the input and no items.  Until the end the
 * current memory context is one that the draft takes with it.
 */
extern void pgcopy_draft_begin(Draft *draft, const PlanInput *input);
extern JobPlan *pgcopy_draft_finish(Draft *draft);

/* The relation of that name or oid on the source, or NULL. */
extern DraftRelation *pgcopy_draft_find(Draft *draft, const char *schema,
										const char *name);
extern DraftRelation *pgcopy_draft_find_oid(Draft *draft, Oid oid);

/*
 * Add an item under the next number, which is returned.  depends: the numbers of
 * items that come before it, none twice.
 */
extern int	pgcopy_draft_add(Draft *draft, PlanItem *item, List *depends);

/*
 * The same for an item of a statement, whose name, if it has none, and whose
 * dependencies by pg_dump's knowledge come from there.
 */
extern int	pgcopy_draft_add_statement(Draft *draft,
									   const DumpStatement *statement,
									   PlanItem *item, List *depends);

#endif							/* PGCOPY_DRAFT_H */
