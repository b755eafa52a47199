/*-------------------------------------------------------------------------
 *
 * draft.h
 *	  A plan in the making.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_DRAFT_H
#define PGCOPY_DRAFT_H

#include "utils/hsearch.h"

#include "plan/plan.h"

/* Cost of something without a size, in bytes of reading and writing. */
#define COST_STATEMENT 2048

/* A relation whose items are being made.  Lists hold item numbers. */
typedef struct DraftRelation
{
	JobRelation *row;			/* in the plan */
	const SourceRelation *source;
	bool		is_computed;	/* functions compute some values of its rows */
	int			create_item;	/* 0: the dump does not create it */
	int			root;			/* what its rows are routed from, for through_root */
	List	   *index_statements;	/* DumpStatement * */
	List	   *constraint_statements;
	bool		is_planned;		/* its copy items are made */
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
	MemoryContext context;		/* of all else; deleted by finish() */

	int			max_items;		/* room in the plan's arrays */
	Size		max_depends;

	int			nrelations;
	DraftRelation *relations;	/* relations[no - 1] */
	HTAB	   *by_name;
	HTAB	   *by_oid;

	int			max_toc_id;
	int		   *item_of_toc;	/* first item of an entry, 0: none yet */
	ItemStage  *stage_of_toc;
	bool	   *is_function;	/* or an operator, by entry */
	List	   *left_out;		/* entries that get no item */
} Draft;

/*
 * Begin a draft with the input's relations and no items.  Until it is finished
 * the current memory context is the draft's own.
 */
extern void pgcopy_draft_begin(Draft *draft, const PlanInput *input);
extern JobPlan *pgcopy_draft_finish(Draft *draft);

/*
 * Find a relation by the name it gets here or by its OID on the source; NULL if it is
 * not there.
 */
extern DraftRelation *pgcopy_draft_find(Draft *draft, const char *schema,
										const char *name);
extern DraftRelation *pgcopy_draft_find_oid(Draft *draft, Oid oid);

/* The tables that a statement is about, likewise. */
extern DraftRelation *pgcopy_draft_find_table(Draft *draft, const DumpStatement *statement);
extern DraftRelation *pgcopy_draft_find_referenced(Draft *draft,
												   const DumpStatement *statement);

/* Are the table's indexes built in parallel, right after its rows, if it gets any? */
extern bool pgcopy_draft_is_loaded(const DraftRelation *relation);

/* stage.c: choose the stage of a statement of post-data, by class and dependencies. */
extern ItemStage pgcopy_stage_choose(Draft *draft, const DumpStatement *statement);

/*
 * Add an item.  Returns its number. depends: numbers of the items before it,
 * each once.
 */
extern int	pgcopy_draft_add(Draft *draft, PlanItem *item, List *depends);

/*
 * Add an item that runs a statement; pg_dump's dependencies are added, and the
 * name if the item has none.
 */
extern int	pgcopy_draft_add_statement(Draft *draft,
									   const DumpStatement *statement,
									   PlanItem *item, List *depends);

/* Whether a statement names functions or operators that the dump creates. */
extern bool pgcopy_draft_calls_functions(const Draft *draft,
										 const DumpStatement *statement);

/*
 * plan_beside.c: add the items of statements that are not of the dump, in the order of
 * the list; what drop_if_exists drops; what empties tables that exist, each tree of
 * foreign keys by one statement.
 */
extern void pgcopy_plan_beside_others(Draft *draft, List *statements, ItemKind kind,
							   ItemStage stage);
extern void pgcopy_plan_beside_drop(Draft *draft);
extern void pgcopy_plan_beside_truncates(Draft *draft);

/* plan_pre_data.c: add the items of pre-data, without privileges. */
extern void pgcopy_plan_pre_data(Draft *draft);

/* plan_data.c: add the items that copy tables and large objects. */
extern void pgcopy_plan_data(Draft *draft);

#endif							/* PGCOPY_DRAFT_H */
