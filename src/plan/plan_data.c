/*-------------------------------------------------------------------------
 *
 * plan_data.c
 *	  Plan the copying of rows and of large objects.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "plan/draft.h"
#include "plan/plan.h"

/* Costs of things without a size, in bytes of reading and writing. */
#define COST_SMALL_TABLE 8192
#define COST_OBJECT 512			/* a large object, beside its bytes */

/* Plan the copy items of a table; they wait for the items in "needs". */
static void
plan_table(Draft *draft, DraftRelation *relation, List *needs)
{
	const JobRelation *row = relation->row;
	int			chunks = pgcopy_chunks_count(draft->input, row, relation->source);
	int64		bytes = (row->heap_bytes + row->toast_bytes) / chunks;

	if (relation->create_item != 0)
		needs = lappend_int(needs, relation->create_item);
	for (int i = 0; i < chunks; i++)
	{
		ChunkRange	range = pgcopy_chunks_get_range(row, relation->source, i, chunks);
		PlanItem	item = {
			.kind = ITEM_TABLE,
			.stage = STAGE_COPYING,
			.relation = row->no,
			.referenced = relation->root,
			.turn = !row->is_ours && !OidIsValid(relation->source->rows_go_to) ? TURN_AT_ONCE :
				relation->is_computed ? TURN_COMPUTED_ROWS : TURN_ROWS,
			.schema = row->local_schema,
			.name = row->name,
			.range_start = range.start,
			.range_end = range.end,
			.bytes_total = bytes,
			.cost = bytes + COST_SMALL_TABLE
		};

		relation->copies = lappend_int(relation->copies,
									   pgcopy_draft_add(draft, &item, needs));
	}
	list_free(needs);
}

static bool
has_rows_to_copy(const DraftRelation *relation)
{
	return relation->source->has_data_of_its_own &&
		(relation->row->is_ours || OidIsValid(relation->source->rows_go_to) ||
		 relation->row->condition != NULL);
}

/*
 * Plan a table after the tables it references: an extension's table, and one that
 * exists, has its foreign keys already.  In a cycle one table goes first.
 */
static void
plan_table_in_order(Draft *draft, DraftRelation *relation)
{
	List	   *needs = NIL;
	ListCell   *lc;

	if (relation->is_planned)
		return;
	check_stack_depth();
	relation->is_planned = true;
	foreach(lc, relation->source->config_references)
	{
		DraftRelation *other = pgcopy_draft_find_oid(draft, lfirst_oid(lc));

		if (other == NULL || !has_rows_to_copy(other))
			continue;
		plan_table_in_order(draft, other);
		needs = list_concat(needs, other->copies);
	}
	plan_table(draft, relation, needs);
}

static void
plan_tables(Draft *draft)
{
	for (int i = 0; i < draft->nrelations; i++)
	{
		DraftRelation *relation = &draft->relations[i];

		if (!relation->source->has_data_of_its_own)
			continue;
		if (!has_rows_to_copy(relation))
		{
			if (relation->source->is_extension_member)
				continue;
			ereport(ERROR,
					(errcode(ERRCODE_INTERNAL_ERROR),
					 errmsg("the dump has no statement that creates table \"%s.%s\"",
							relation->row->schema, relation->row->name)));
		}
		plan_table_in_order(draft, relation);
	}

	/* rows routed from a root may go into any leaf below it */
	for (int i = 0; i < draft->nrelations; i++)
	{
		DraftRelation *leaf = &draft->relations[i];
		DraftRelation *root = leaf->root != 0 ? &draft->relations[leaf->root - 1] : NULL;

		if (root != NULL)
			root->copies = list_concat(root->copies, leaf->copies);
	}
	for (int i = 0; i < draft->nrelations; i++)
	{
		DraftRelation *leaf = &draft->relations[i];

		if (leaf->root != 0)
			leaf->copies = draft->relations[leaf->root - 1].copies;
	}
}

PlanItem
pgcopy_plan_make_range(const LargeObjectRange *range)
{
	PlanItem	item = {
		.kind = ITEM_LARGE_OBJECTS,
		.stage = STAGE_COPYING,
		.name = psprintf("%u to %u", range->first, range->last),
		.range_start = range->first,
		.range_end = range->last,
		.bytes_total = range->bytes,
		.cost = range->bytes + COST_OBJECT * range->count
	};

	return item;
}

static void
plan_large_objects(Draft *draft)
{
	ListCell   *lc;

	foreach(lc, draft->input->large_objects)
	{
		PlanItem	item;

		MemoryContextSwitchTo(draft->plan_context);
		item = pgcopy_plan_make_range(lfirst(lc));
		MemoryContextSwitchTo(draft->context);
		pgcopy_draft_add(draft, &item, NIL);
	}
}

void
pgcopy_plan_data(Draft *draft)
{
	plan_tables(draft);
	plan_large_objects(draft);
}
