/*-------------------------------------------------------------------------
 *
 * plan.c
 *	  Turn what the source holds into the items of a job.
 *
 * Every statement of the dump becomes one item (a primary key two: its index
 * and the constraint; a foreign key two: adding and validating), every table
 * one or more.  The order follows from the stage of an item (src/README.md)
 * and, within the parallel stages, from its dependencies.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_event_trigger.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "plan/draft.h"
#include "plan/plan.h"

/* Rows of pgcopy.relation that one sequence item covers. */
#define SEQUENCES_PER_ITEM 500

/* Costs of things without a size, in bytes of reading and writing. */
#define COST_REFRESH (1024 * 1024)
/* ANALYZE reads at most 300 * default_statistics_target pages. */
#define COST_MOST_ANALYZE (30000 * (int64) BLCKSZ / 2)

static int
add_plain_statement(Draft *draft, const DumpStatement *statement, ItemKind kind,
					ItemStage stage)
{
	PlanItem	item = {.kind = kind,.stage = stage};

	return pgcopy_draft_add_statement(draft, statement, &item, NIL);
}

/* Must this foreign key stay NOT VALID, because rows break it? */
static bool
stays_not_valid(const Draft *draft, const DumpStatement *statement)
{
	return statement->class == STATEMENT_FOREIGN_KEY &&
		list_member_oid(draft->input->not_valid, statement->object_oid);
}

/*
 * A partitioned table cannot have a foreign key NOT VALID: leave it out, with the
 * comment on it.
 */
static bool
is_left_out(Draft *draft, const DumpStatement *statement)
{
	if (stays_not_valid(draft, statement))
	{
		DraftRelation *table = pgcopy_draft_find_table(draft, statement);

		if (table == NULL || table->row->relkind != RELKIND_PARTITIONED_TABLE)
			return false;
		draft->left_out = lappend_int(draft->left_out, statement->toc_id);
		return true;
	}
	return draft->left_out != NIL && statement->class == STATEMENT_COMMENT &&
		list_intersection_int(statement->dependencies, draft->left_out) != NIL;
}

/*
 * Give each statement of post-data its stage, and each loaded table its
 * statements.  The others go into a list per stage.  A replica identity is a part of its
 * index's entry, but what depends on that entry does not depend on it.
 */
static void
sort_post_data(Draft *draft, List **by_stage)
{
	ListCell   *lc;

	foreach(lc, draft->input->statements)
	{
		DumpStatement *statement = lfirst(lc);
		DraftRelation *table;
		ItemStage	stage;

		if (!statement->is_post_data || is_left_out(draft, statement))
			continue;
		stage = Max(pgcopy_stage_choose(draft, statement),
					draft->stage_of_toc[statement->toc_id]);
		if (statement->class != STATEMENT_REPLICA_IDENTITY)
			draft->stage_of_toc[statement->toc_id] = stage;

		table = pgcopy_draft_find_table(draft, statement);
		if (stage != STAGE_COPYING || statement->class == STATEMENT_FOREIGN_KEY)
			by_stage[stage] = lappend(by_stage[stage], statement);
		else if (statement->class == STATEMENT_INDEX)
			table->index_statements = lappend(table->index_statements, statement);
		else
		{
			if (statement->class == STATEMENT_INDEX_CONSTRAINT)
				table->index_statements = lappend(table->index_statements, statement);
			table->constraint_statements = lappend(table->constraint_statements, statement);
		}
	}
}

/*
 * Estimate the cost of an index build, in bytes copied: to read the table and
 * to sort.  The longest build should start first.
 */
static int64
index_cost(const DraftRelation *relation, const DumpStatement *statement)
{
	int64		heap_bytes = relation->row->heap_bytes;

	if (statement->index_bytes == 0)
		return heap_bytes / 2 + COST_STATEMENT;
	return heap_bytes / 4 + 2 * statement->index_bytes + COST_STATEMENT;
}

/*
 * A function of an index may read other tables, whatever it is declared: pg_dump
 * builds after all rows.
 */
static ItemTurn
choose_turn(const Draft *draft, const DumpStatement *statement)
{
	return pgcopy_draft_calls_functions(draft, statement) ?
		TURN_COMPUTED_BUILDS : TURN_AT_ONCE;
}

/* Plan the indexes, then the constraints of a loaded table. */
static void
plan_indexes(Draft *draft, DraftRelation *relation)
{
	List	   *ready = relation->copies;
	ListCell   *lc;

	foreach(lc, relation->index_statements)
	{
		DumpStatement *statement = lfirst(lc);
		PlanItem	item = {
			.kind = ITEM_INDEX,
			.stage = STAGE_COPYING,
			.form = statement->class == STATEMENT_INDEX ?
				APPLY_AS_WRITTEN : APPLY_INDEX_OF_CONSTRAINT,
			.relation = relation->row->no,
			.turn = choose_turn(draft, statement),
			.cost = index_cost(relation, statement)
		};

		relation->indexes =
			lappend_int(relation->indexes,
						pgcopy_draft_add_statement(draft, statement, &item, ready));
	}
	if (relation->indexes != NIL)
		ready = relation->indexes;

	foreach(lc, relation->constraint_statements)
	{
		DumpStatement *statement = lfirst(lc);
		bool		builds = statement->class == STATEMENT_WHOLE_CONSTRAINT;
		PlanItem	item = {
			.kind = ITEM_CONSTRAINT,
			.stage = STAGE_COPYING,
			.form = statement->class == STATEMENT_INDEX_CONSTRAINT ?
				APPLY_CONSTRAINT_USING_INDEX : APPLY_AS_WRITTEN,
			.relation = relation->row->no,
			.turn = choose_turn(draft, statement),
			.cost = builds ? index_cost(relation, statement) : 0
		};

		relation->constraints =
			lappend_int(relation->constraints,
						pgcopy_draft_add_statement(draft, statement, &item, ready));
	}
}

static int
plan_analyze(Draft *draft, DraftRelation *relation, ItemStage stage, List *depends)
{
	const JobRelation *row = relation->row;
	PlanItem	item = {
		.kind = ITEM_ANALYZE,
		.stage = stage,
		.relation = row->no,
		.schema = row->local_schema,
		.name = row->name,
		.range_end = -1,
		.cost = Min(row->heap_bytes / 4, COST_MOST_ANALYZE) + COST_STATEMENT
	};

	return pgcopy_draft_add(draft, &item, depends);
}

/* Is one of these statements to be run? */
static bool
is_any_left(const List *statements)
{
	ListCell   *lc;

	foreach(lc, statements)
	{
		if (((DumpStatement *) lfirst(lc))->presence == NOT_HERE)
			return true;
	}
	return false;
}

/* New rows, indexes on expressions and CREATE STATISTICS want an ANALYZE. */
static bool
wants_analyze(const DraftRelation *relation)
{
	return relation->copies != NIL || is_any_left(relation->index_statements) ||
		is_any_left(relation->constraint_statements);
}

static void
plan_tables(Draft *draft)
{
	for (int i = 0; i < draft->nrelations; i++)
	{
		DraftRelation *relation = &draft->relations[i];
		List	   *ready;

		if (!pgcopy_draft_is_loaded(relation))
			continue;
		plan_indexes(draft, relation);
		ready = relation->constraints != NIL ? relation->constraints :
			relation->indexes != NIL ? relation->indexes : relation->copies;
		if (wants_analyze(relation))
			relation->analyze = plan_analyze(draft, relation, STAGE_COPYING, ready);
	}
}

static ItemStage
stage_of_validation(const Draft *draft, ItemStage stage)
{
	if (!draft->input->options->follow)
		return stage;
	return stage == STAGE_CUTOVER ? STAGE_OPEN : STAGE_LATE;
}

/* Add a foreign key NOT VALID, then validate it unless it stays NOT VALID. */
static void
plan_foreign_key(Draft *draft, const DumpStatement *statement, ItemStage stage)
{
	DraftRelation *table = pgcopy_draft_find_table(draft, statement);
	DraftRelation *referenced = pgcopy_draft_find_referenced(draft, statement);
	PlanItem	item = {
		.kind = ITEM_FOREIGN_KEY,
		.stage = stage,
		.form = APPLY_FOREIGN_KEY_NOT_VALID,
		.relation = table->row->no,
		.referenced = referenced->row->no
	};
	PlanItem	validate = item;
	List	   *depends = NIL;
	int			no;

	if (stage == STAGE_COPYING && table->analyze != 0)
		depends = list_append_unique_int(depends, table->analyze);
	if (stage == STAGE_COPYING && referenced->analyze != 0)
		depends = list_append_unique_int(depends, referenced->analyze);
	no = pgcopy_draft_add_statement(draft, statement, &item, depends);
	if (draft->input->options->foreign_keys == FOREIGN_KEYS_NOT_VALID ||
		!statement->wants_validation || stays_not_valid(draft, statement))
		return;
	validate.kind = ITEM_VALIDATE;
	validate.form = APPLY_VALIDATE_CONSTRAINT;
	validate.stage = stage_of_validation(draft, stage);
	validate.cost = table->row->heap_bytes / 8 + COST_STATEMENT +
		Min(table->row->heap_bytes, referenced->row->heap_bytes) / 8;
	(void) pgcopy_draft_add_statement(draft, statement, &validate, list_make1_int(no));
}

static void
plan_foreign_keys(Draft *draft, List *statements, ItemStage stage)
{
	ListCell   *lc;

	foreach(lc, statements)
	{
		DumpStatement *statement = lfirst(lc);

		if (statement->class == STATEMENT_FOREIGN_KEY)
			plan_foreign_key(draft, statement, stage);
	}
}

/* Is a foreign key of a serial stage added NOT VALID, and validated later? */
static bool
is_added_in_two_steps(Draft *draft, const DumpStatement *statement)
{
	return draft->input->options->follow && statement->class == STATEMENT_FOREIGN_KEY &&
		pgcopy_draft_is_loaded(pgcopy_draft_find_table(draft, statement)) &&
		pgcopy_draft_find_referenced(draft, statement) != NULL;
}

/*
 * Plan statements of a serial stage in dump order, without privileges.  Replica
 * identities come last: pg_dump does not say that they depend on NOT NULL, which may be a
 * statement of its own (NOT VALID, from 18 on).
 */
static void
plan_serial(Draft *draft, List *statements, ItemKind kind, ItemStage stage)
{
	List	   *identities = NIL;
	ListCell   *lc;

	foreach(lc, statements)
	{
		DumpStatement *statement = lfirst(lc);

		PlanItem	item = {
			.kind = kind,
			.stage = stage,
			.form = stays_not_valid(draft, statement) ?
				APPLY_FOREIGN_KEY_NOT_VALID : APPLY_AS_WRITTEN
		};

		if (is_added_in_two_steps(draft, statement))
			plan_foreign_key(draft, statement, stage);
		else if (statement->class == STATEMENT_REPLICA_IDENTITY)
			identities = lappend(identities, statement);
		else if (statement->class != STATEMENT_ACL)
			(void) pgcopy_draft_add_statement(draft, statement, &item, NIL);
	}
	foreach(lc, identities)
		(void) add_plain_statement(draft, lfirst(lc), kind, stage);
}

/*
 * Plan the final stage, or the cutover.  Event triggers come last: they would fire for
 * every statement after them.
 */
static void
plan_final(Draft *draft, List *statements, ItemStage stage)
{
	List	   *event_triggers = NIL;
	List	   *others = NIL;
	ListCell   *lc;

	foreach(lc, statements)
	{
		DumpStatement *statement = lfirst(lc);

		if (statement->class == STATEMENT_EVENT_TRIGGER ||
			statement->class_oid == EventTriggerRelationId)
			event_triggers = lappend(event_triggers, statement);
		else
			others = lappend(others, statement);
	}
	plan_serial(draft, others, ITEM_FINAL, stage);
	plan_serial(draft, event_triggers, ITEM_FINAL, stage);
}

static void
plan_privileges(Draft *draft)
{
	ListCell   *lc;

	foreach(lc, draft->input->statements)
	{
		DumpStatement *statement = lfirst(lc);

		if (statement->class == STATEMENT_ACL)
			add_plain_statement(draft, statement, ITEM_POST_DATA, STAGE_POST_DATA);
	}
}

static void
plan_sequences(Draft *draft)
{
	for (int no = 1; no <= draft->nrelations; no += SEQUENCES_PER_ITEM)
	{
		int			last = Min(no + SEQUENCES_PER_ITEM - 1, draft->nrelations);
		int			count = 0;
		PlanItem	item = {
			.kind = ITEM_SEQUENCE,
			.stage = STAGE_LATE,
			.range_start = no,
			.range_end = last
		};

		for (int i = no; i <= last; i++)
			count += pgcopy_relation_is_set_here(draft->relations[i - 1].row);
		if (count == 0)
			continue;
		item.name = MemoryContextStrdup(draft->plan_context,
										psprintf("%d sequences", count));
		item.cost = COST_STATEMENT + 64 * count;
		pgcopy_draft_add(draft, &item, NIL);
	}
}

/* REFRESH each materialized view, in dependency order, and ANALYZE it. */
static void
plan_refreshes(Draft *draft, List *statements)
{
	ListCell   *lc;

	foreach(lc, statements)
	{
		DumpStatement *statement = lfirst(lc);
		DraftRelation *view;
		PlanItem	item = {
			.kind = ITEM_REFRESH,.stage = STAGE_LATE,.cost = COST_REFRESH
		};
		int			no;

		if (statement->class != STATEMENT_REFRESH)
			continue;
		no = pgcopy_draft_add_statement(draft, statement, &item, NIL);
		view = pgcopy_draft_find_table(draft, statement);
		if (view != NULL)
			(void) plan_analyze(draft, view, STAGE_LATE, list_make1_int(no));
	}
}

/* ANALYZE parents late: their statistics need the rows of all children. */
static void
plan_parents(Draft *draft)
{
	for (int i = 0; i < draft->nrelations; i++)
	{
		DraftRelation *relation = &draft->relations[i];

		if ((relation->row->is_ours || relation->row->was_here) &&
			(relation->row->relkind == RELKIND_PARTITIONED_TABLE ||
			 (relation->copies != NIL &&
			  relation->source->here_kind == RELKIND_PARTITIONED_TABLE) ||
			 (pgcopy_draft_is_loaded(relation) && relation->source->has_children)))
			(void) plan_analyze(draft, relation, STAGE_LATE, NIL);
	}
}

JobPlan *
pgcopy_plan_make(const PlanInput *input)
{
	bool		with_data = (input->options->sections & SECTION_DATA) != 0;
	Draft		draft;
	List	   *by_stage[STAGE_OPEN + 1] = {NIL};

	pgcopy_draft_begin(&draft, input);
	pgcopy_plan_beside_others(&draft, input->roles, ITEM_ROLE, STAGE_PRE_DATA);
	pgcopy_plan_beside_drop(&draft);
	pgcopy_plan_pre_data(&draft);
	pgcopy_plan_beside_truncates(&draft);
	if (with_data)
		pgcopy_plan_data(&draft);
	sort_post_data(&draft, by_stage);
	plan_tables(&draft);
	plan_foreign_keys(&draft, by_stage[STAGE_COPYING], STAGE_COPYING);
	plan_serial(&draft, by_stage[STAGE_POST_DATA], ITEM_POST_DATA, STAGE_POST_DATA);
	plan_privileges(&draft);
	plan_foreign_keys(&draft, by_stage[STAGE_LATE], STAGE_LATE);
	if (with_data)
		plan_sequences(&draft);
	plan_refreshes(&draft, by_stage[STAGE_LATE]);
	if (with_data)
		plan_parents(&draft);
	plan_final(&draft, by_stage[STAGE_FINAL], STAGE_FINAL);
	pgcopy_plan_beside_others(&draft, input->database, ITEM_DATABASE, STAGE_FINAL);
	plan_final(&draft, by_stage[STAGE_CUTOVER], STAGE_CUTOVER);
	plan_serial(&draft, by_stage[STAGE_OPEN], ITEM_FINAL, STAGE_OPEN);
	return pgcopy_draft_finish(&draft);
}
