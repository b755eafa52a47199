/*-------------------------------------------------------------------------
 *
 * plan_beside.c
 *	  Plan what runs no statement of the dump: roles, properties of the database,
 *	  and what makes room first.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "plan/draft.h"
#include "plan/plan.h"
#include "schema/here.h"

/* Drop what exists before anything is created: the first item but for roles. */
void
pgcopy_plan_beside_drop(Draft *draft)
{
	PlanItem	item = {
		.kind = ITEM_PRE_DATA,.stage = STAGE_PRE_DATA,.form = APPLY_DROP
	};

	if (draft->input->drop != NULL)
		(void) pgcopy_draft_add_statement(draft, draft->input->drop, &item, NIL);
}

/* Plan statements that are not of the dump, in the order of the list. */
void
pgcopy_plan_beside_others(Draft *draft, List *statements, ItemKind kind, ItemStage stage)
{
	ListCell   *lc;

	foreach(lc, statements)
	{
		const DumpStatement *statement = lfirst(lc);
		PlanItem	item = {
			.kind = kind,
			.stage = stage,
			.statement = statement,
			.name = statement->name,
			.range_end = -1,
			.cost = COST_STATEMENT
		};

		(void) pgcopy_draft_add(draft, &item, NIL);
	}
}

/* Empty tables that exist, each tree of foreign keys by one statement. */
void
pgcopy_plan_beside_truncates(Draft *draft)
{
	static DumpSettings settings = {
		.default_tablespace = "",
		.default_table_access_method = "heap"
	};
	ListCell   *lc;

	foreach(lc, draft->input->trees)
	{
		HereTree   *tree = lfirst(lc);
		DumpStatement *statement;
		PlanItem	item = {
			.kind = ITEM_TRUNCATE,
			.stage = STAGE_PRE_DATA,
			.schema = tree->schema,
			.name = tree->name,
			.range_end = -1,
			.cost = COST_STATEMENT
		};

		statement = MemoryContextAllocZero(draft->plan_context, sizeof(DumpStatement));
		statement->text = tree->sql;
		statement->length = strlen(tree->sql);
		statement->settings = &settings;
		item.statement = statement;
		(void) pgcopy_draft_add(draft, &item, NIL);
	}
}
