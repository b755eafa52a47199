/*-------------------------------------------------------------------------
 *
 * plan.c
 *	  From what the source holds to the items of a job.
 *
 * Every statement of the dump becomes one item (a primary key two: its index
 * and the constraint on it; a foreign key two: adding and validating), every
 * table one or several more.  What may run when is said in two ways: by the
 * stage of an item, and within the parallel stages by its dependencies.
 *
 *	pre-data	serial		dump order, without privileges
 *	copying		parallel	chunks -> indexes -> constraints -> analyze
 *							-> foreign key -> validate, table by table
 *	post-data	serial		dump order, then all privileges
 *	late		parallel	sequences, refreshes, foreign keys to partitioned
 *							tables, analyze of parents
 *	final		serial		event triggers, subscriptions, what needs the above
 *
 * A statement never gets a stage before that of what it depends on, as
 * pg_dump knows it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_event_trigger.h"
#include "miscadmin.h"

#include "run/chunks.h"
#include "run/largeobjects.h"
#include "run/plan.h"
#include "run/plan_state.h"

/* Entries of pgcopy.relation that one sequence item covers. */
#define SEQUENCES_PER_ITEM 500

/* Costs, in bytes of reading and writing, of what has no size of its own. */
#define COST_SMALL_TABLE 8192
#define COST_REFRESH (1024 * 1024)
/* ANALYZE reads at most 300 * default_statistics_target pages. */
#define COST_MOST_ANALYZE (30000 * (int64) BLCKSZ / 2)

static int
add_plain_statement(JobPlan *plan, const DumpStatement *statement, ItemKind kind,
					ItemStage stage)
{
	JobItem	item = {0};

	return pgcopy_plan_add_statement(plan, statement, kind, stage, APPLY_AS_WRITTEN, &item, NIL);
}

/* Statements of pre-data but privileges; note what creates which relation. */
static void
plan_pre_data(JobPlan *plan, List *statements)
{
	ListCell   *lc;

	foreach(lc, statements)
	{
		DumpStatement *statement = lfirst(lc);
		PlanRelation *relation;
		int			no;

		if (statement->is_post_data || statement->class == STATEMENT_ACL)
			continue;
		no = add_plain_statement(plan, statement, ITEM_PRE_DATA, STAGE_PRE_DATA);
		if (statement->class_oid != RelationRelationId)
			continue;
		relation = pgcopy_plan_find_oid(plan, statement->object_oid);
		if (relation != NULL && relation->create_item == 0)
		{
			relation->create_item = no;
			relation->row.is_ours = true;
		}
	}
}

/* The items that copy the rows of one table, when those in "needs" are done. */
static void
plan_table(JobPlan *plan, PlanRelation *relation, int source_version, List *needs)
{
	int64		bytes = relation->row.heap_bytes + relation->row.toast_bytes;
	int			chunks = pgcopy_chunks_count(plan, relation, source_version);

	for (int i = 0; i < chunks; i++)
	{
		JobItem	item = {0};

		item.kind = ITEM_TABLE;
		item.stage = STAGE_COPYING;
		item.relation = relation->row.no;
		item.referenced = relation->root;
		item.schema = relation->row.schema;
		item.name = relation->row.name;
		pgcopy_chunks_set_range(&item, relation, i, chunks);
		item.bytes_total = bytes / chunks;
		item.cost = bytes / chunks + COST_SMALL_TABLE;
		item.depends = list_copy(needs);
		if (relation->create_item != 0)
			item.depends = lappend_int(item.depends, relation->create_item);
		relation->copies = lappend_int(relation->copies, pgcopy_plan_add(plan, &item));
	}
}

static bool
has_rows_to_copy(const PlanRelation *relation)
{
	return relation->source->has_data_of_its_own &&
		(relation->row.is_ours || relation->row.condition != NULL);
}

/*
 * The same, behind the tables that it references: the foreign keys of an
 * extension's table are there already.  Where they form a circle, somebody
 * has to be first.
 */
static void
plan_table_in_order(JobPlan *plan, PlanRelation *relation, int source_version)
{
	List	   *needs = NIL;
	ListCell   *lc;

	if (relation->is_planned)
		return;
	check_stack_depth();
	relation->is_planned = true;
	foreach(lc, relation->source->config_references)
	{
		PlanRelation *other = pgcopy_plan_find_oid(plan, lfirst_oid(lc));

		if (other == NULL || !has_rows_to_copy(other))
			continue;
		plan_table_in_order(plan, other, source_version);
		needs = list_concat(needs, other->copies);
	}
	plan_table(plan, relation, source_version, needs);
}

static void
plan_data(JobPlan *plan, int source_version)
{
	for (int i = 0; i < plan->nrelations; i++)
	{
		PlanRelation *relation = &plan->relations[i];

		if (!relation->source->has_data_of_its_own)
			continue;
		if (!has_rows_to_copy(relation))
		{
			if (relation->source->is_extension_member)
				continue;
			ereport(ERROR,
					(errcode(ERRCODE_INTERNAL_ERROR),
					 errmsg("the dump has no statement that creates table \"%s.%s\"",
							relation->row.schema, relation->row.name)));
		}
		plan_table_in_order(plan, relation, source_version);
	}

	/* rows may come into any leaf below a root they are routed from */
	for (int i = 0; i < plan->nrelations; i++)
	{
		PlanRelation *leaf = &plan->relations[i];

		if (leaf->root != 0 && leaf->copies != NIL)
			plan->relations[leaf->root - 1].copies =
				list_concat(plan->relations[leaf->root - 1].copies, leaf->copies);
	}
	for (int i = 0; i < plan->nrelations; i++)
	{
		PlanRelation *leaf = &plan->relations[i];

		if (leaf->root != 0)
			leaf->copies = plan->relations[leaf->root - 1].copies;
	}
}

static void
plan_large_objects(JobPlan *plan, List *ranges)
{
	ListCell   *lc;

	foreach(lc, ranges)
	{
		JobItem	item = {0};

		pgcopy_largeobjects_describe(&item, lfirst(lc));
		pgcopy_plan_add(plan, &item);
	}
}

/* Whether this table's indexes are built table by table, in parallel. */
static bool
is_loaded(const PlanRelation *relation)
{
	return relation != NULL && relation->copies != NIL && relation->row.is_ours &&
		relation->row.relkind == RELKIND_RELATION;
}

/* The stage of a statement of post-data by what it is. */
static ItemStage
stage_by_class(JobPlan *plan, const DumpStatement *statement)
{
	PlanRelation *table = pgcopy_plan_find(plan, statement->table_schema,
										statement->table_name);
	PlanRelation *referenced = pgcopy_plan_find(plan, statement->referenced_schema,
											 statement->referenced_name);

	switch (statement->class)
	{
		case STATEMENT_INDEX:
		case STATEMENT_INDEX_CONSTRAINT:
		case STATEMENT_WHOLE_CONSTRAINT:
		case STATEMENT_TABLE_FOLLOW_UP:
		case STATEMENT_STATISTICS:
			return is_loaded(table) ? STAGE_COPYING : STAGE_POST_DATA;
		case STATEMENT_FOREIGN_KEY:
			if (!is_loaded(table) || referenced == NULL)
				return STAGE_POST_DATA;
			return is_loaded(referenced) ? STAGE_COPYING : STAGE_LATE;
		case STATEMENT_REFRESH:
			return STAGE_LATE;
		case STATEMENT_EVENT_TRIGGER:
		case STATEMENT_SUBSCRIPTION:
			return STAGE_FINAL;
		case STATEMENT_PLAIN:
		case STATEMENT_ACL:
		case STATEMENT_COMMENT:
			return STAGE_POST_DATA;
	}
	return STAGE_POST_DATA;
}

/*
 * ... and by what it depends on.  What cannot run in a parallel stage goes to
 * the serial one behind it.
 */
static ItemStage
stage_of(JobPlan *plan, const DumpStatement *statement)
{
	ItemStage	own = stage_by_class(plan, statement);
	ItemStage	stage = own;
	ListCell   *lc;

	foreach(lc, statement->dependencies)
	{
		int			toc_id = lfirst_int(lc);

		if (toc_id <= plan->max_toc_id && plan->stage_of_toc[toc_id] > stage)
			stage = plan->stage_of_toc[toc_id];
	}
	if (stage == own)
		return stage;
	if (statement->class == STATEMENT_FOREIGN_KEY && own != STAGE_POST_DATA)
		return stage <= STAGE_LATE ? STAGE_LATE : STAGE_FINAL;
	return stage == STAGE_LATE ? STAGE_FINAL : stage;
}

/*
 * First walk over post-data: give each entry its stage, and each loaded table
 * its statements.  A list of the others comes back, one per stage.
 */
static void
sort_post_data(JobPlan *plan, List *statements, List **by_stage)
{
	ListCell   *lc;

	foreach(lc, statements)
	{
		DumpStatement *statement = lfirst(lc);
		PlanRelation *table;
		ItemStage	stage;

		if (!statement->is_post_data)
			continue;
		stage = Max(stage_of(plan, statement),
					plan->stage_of_toc[statement->toc_id]);
		plan->stage_of_toc[statement->toc_id] = stage;

		table = pgcopy_plan_find(plan, statement->table_schema, statement->table_name);
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
 * What it costs to read a table and to sort what goes into an index, in bytes
 * copied: the longest build should come first.
 */
static int64
index_cost(const PlanRelation *relation, const DumpStatement *statement)
{
	int64		heap_bytes = relation->row.heap_bytes;

	if (statement->index_bytes == 0)
		return heap_bytes / 2 + COST_STATEMENT;
	return heap_bytes / 4 + 2 * statement->index_bytes + COST_STATEMENT;
}

/* Indexes, then constraints, then ANALYZE of one loaded table. */
static void
plan_indexes(JobPlan *plan, PlanRelation *relation)
{
	List	   *ready = relation->copies;
	ListCell   *lc;

	foreach(lc, relation->index_statements)
	{
		DumpStatement *statement = lfirst(lc);
		ApplyForm	form = statement->class == STATEMENT_INDEX ?
		APPLY_AS_WRITTEN : APPLY_INDEX_OF_CONSTRAINT;
		JobItem	item = {.relation = relation->row.no,.cost = index_cost(relation, statement)};

		relation->indexes = lappend_int(relation->indexes,
										pgcopy_plan_add_statement(plan, statement, ITEM_INDEX,
													  STAGE_COPYING, form, &item, ready));
	}
	if (relation->indexes != NIL)
		ready = relation->indexes;

	foreach(lc, relation->constraint_statements)
	{
		DumpStatement *statement = lfirst(lc);
		bool		builds = statement->class == STATEMENT_WHOLE_CONSTRAINT;
		ApplyForm	form = statement->class == STATEMENT_INDEX_CONSTRAINT ?
		APPLY_CONSTRAINT_USING_INDEX : APPLY_AS_WRITTEN;
		JobItem	item = {.relation = relation->row.no,.cost = builds ? index_cost(relation, statement) : 0};

		relation->constraints = lappend_int(relation->constraints,
											pgcopy_plan_add_statement(plan, statement, ITEM_CONSTRAINT,
														  STAGE_COPYING, form, &item, ready));
	}
}

static int
plan_analyze(JobPlan *plan, PlanRelation *relation, ItemStage stage, List *depends)
{
	JobItem	item = {0};

	item.kind = ITEM_ANALYZE;
	item.stage = stage;
	item.relation = relation->row.no;
	item.schema = relation->row.schema;
	item.name = relation->row.name;
	item.range_end = -1;
	item.depends = depends;
	item.cost = Min(relation->row.heap_bytes / 4, COST_MOST_ANALYZE) + COST_STATEMENT;
	return pgcopy_plan_add(plan, &item);
}

static void
plan_tables(JobPlan *plan)
{
	for (int i = 0; i < plan->nrelations; i++)
	{
		PlanRelation *relation = &plan->relations[i];
		List	   *ready;

		if (!is_loaded(relation))
			continue;
		plan_indexes(plan, relation);
		ready = relation->constraints != NIL ? relation->constraints :
			relation->indexes != NIL ? relation->indexes : relation->copies;
		relation->analyze = plan_analyze(plan, relation, STAGE_COPYING, ready);
	}
}

/* Add NOT VALID, then validate, unless it stays NOT VALID. */
static void
plan_foreign_key(JobPlan *plan, const DumpStatement *statement, ItemStage stage)
{
	PlanRelation *table = pgcopy_plan_find(plan, statement->table_schema,
										statement->table_name);
	PlanRelation *referenced = pgcopy_plan_find(plan, statement->referenced_schema,
											 statement->referenced_name);
	JobItem	item = {.relation = table->row.no,.referenced = referenced->row.no};
	JobItem	validate = item;
	List	   *depends = NIL;
	int			no;

	if (stage == STAGE_COPYING)
		depends = list_append_unique_int(list_make1_int(table->analyze),
										 referenced->analyze);
	no = pgcopy_plan_add_statement(plan, statement, ITEM_FOREIGN_KEY, stage,
					   APPLY_FOREIGN_KEY_NOT_VALID, &item, depends);
	if (plan->job->options.foreign_keys == FOREIGN_KEYS_NOT_VALID ||
		!statement->wants_validation)
		return;
	validate.cost = table->row.heap_bytes / 8 +
		Min(table->row.heap_bytes, referenced->row.heap_bytes) / 8 + COST_STATEMENT;
	(void) pgcopy_plan_add_statement(plan, statement, ITEM_VALIDATE, stage,
						 APPLY_VALIDATE_CONSTRAINT, &validate,
						 list_make1_int(no));
}

static void
plan_foreign_keys(JobPlan *plan, List *statements, ItemStage stage)
{
	ListCell   *lc;

	foreach(lc, statements)
	{
		DumpStatement *statement = lfirst(lc);

		if (statement->class == STATEMENT_FOREIGN_KEY)
			plan_foreign_key(plan, statement, stage);
	}
}

/* A serial stage: in dump order, privileges last. */
static void
plan_serial(JobPlan *plan, List *statements, ItemKind kind, ItemStage stage)
{
	ListCell   *lc;

	foreach(lc, statements)
	{
		DumpStatement *statement = lfirst(lc);

		if (statement->class != STATEMENT_ACL)
			add_plain_statement(plan, statement, kind, stage);
	}
}

/*
 * The last ones.  Event triggers end the job: they would fire for whatever
 * comes after them.
 */
static void
plan_final(JobPlan *plan, List *statements)
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
	plan_serial(plan, others, ITEM_FINAL, STAGE_FINAL);
	plan_serial(plan, event_triggers, ITEM_FINAL, STAGE_FINAL);
}

static void
plan_privileges(JobPlan *plan, List *statements)
{
	ListCell   *lc;

	foreach(lc, statements)
	{
		DumpStatement *statement = lfirst(lc);

		if (statement->class == STATEMENT_ACL)
			add_plain_statement(plan, statement, ITEM_POST_DATA, STAGE_POST_DATA);
	}
}

static void
plan_sequences(JobPlan *plan)
{
	int			no = 1;

	while (no <= plan->nrelations)
	{
		int			last = Min(no + SEQUENCES_PER_ITEM - 1, plan->nrelations);
		int			count = 0;
		JobItem	item = {0};

		for (int i = no; i <= last; i++)
			count += pgcopy_relation_is_set_here(&plan->relations[i - 1].row);
		if (count > 0)
		{
			item.kind = ITEM_SEQUENCE;
			item.stage = STAGE_LATE;
			item.name = psprintf("%d sequences", count);
			item.range_start = no;
			item.range_end = last;
			item.cost = COST_STATEMENT + 64 * count;
			pgcopy_plan_add(plan, &item);
		}
		no = last + 1;
	}
}

/* REFRESH each materialized view, in dependency order, and ANALYZE it. */
static void
plan_refreshes(JobPlan *plan, List *statements)
{
	ListCell   *lc;

	foreach(lc, statements)
	{
		DumpStatement *statement = lfirst(lc);
		PlanRelation *view;
		JobItem	item = {.cost = COST_REFRESH};
		int			no;

		if (statement->class != STATEMENT_REFRESH)
			continue;
		no = pgcopy_plan_add_statement(plan, statement, ITEM_REFRESH, STAGE_LATE,
						   APPLY_AS_WRITTEN, &item, NIL);
		view = pgcopy_plan_find(plan, statement->table_schema, statement->table_name);
		if (view != NULL)
			(void) plan_analyze(plan, view, STAGE_LATE, list_make1_int(no));
	}
}

/* Statistics of a whole tree need the rows of all its leaves. */
static void
plan_parents(JobPlan *plan)
{
	for (int i = 0; i < plan->nrelations; i++)
	{
		PlanRelation *relation = &plan->relations[i];

		if (relation->row.is_ours &&
			(relation->row.relkind == RELKIND_PARTITIONED_TABLE ||
			 (is_loaded(relation) && relation->source->has_children)))
			(void) plan_analyze(plan, relation, STAGE_LATE, NIL);
	}
}

void
pgcopy_plan_store(const Job *job, int source_version, List *relations,
				  List *statements, List *large_objects)
{
	JobPlan		plan;
	List	   *by_stage[STAGE_FINAL + 1] = {NIL};

	pgcopy_plan_begin(&plan, job, relations, statements);
	plan_pre_data(&plan, statements);
	plan_data(&plan, source_version);
	sort_post_data(&plan, statements, by_stage);
	plan_large_objects(&plan, large_objects);
	plan_tables(&plan);
	plan_foreign_keys(&plan, by_stage[STAGE_COPYING], STAGE_COPYING);
	plan_serial(&plan, by_stage[STAGE_POST_DATA], ITEM_POST_DATA, STAGE_POST_DATA);
	plan_privileges(&plan, statements);
	plan_foreign_keys(&plan, by_stage[STAGE_LATE], STAGE_LATE);
	plan_sequences(&plan);
	plan_refreshes(&plan, by_stage[STAGE_LATE]);
	plan_parents(&plan);
	plan_final(&plan, by_stage[STAGE_FINAL]);
	pgcopy_plan_finish(&plan);
}
