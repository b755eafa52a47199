/*-------------------------------------------------------------------------
 *
 * pgcopy_plan.c
 *	  Planning without a source: a plan from an inventory that is written down.
 *
 * The planner is compiled in here.  Its input comes out of tables in the
 * search_path.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_event_trigger.h"
#include "catalog/pg_proc.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "catalog/query.h"
#include "plan/plan.h"

PG_MODULE_MAGIC;

PGDLLEXPORT PG_FUNCTION_INFO_V1(pgcopy_plan_text);

#define MB ((int64) 1024 * 1024)

static const char *const class_names[] = {
	[STATEMENT_PLAIN] = "plain",
	[STATEMENT_INDEX] = "index",
	[STATEMENT_INDEX_CONSTRAINT] = "index constraint",
	[STATEMENT_WHOLE_CONSTRAINT] = "whole constraint",
	[STATEMENT_FOREIGN_KEY] = "foreign key",
	[STATEMENT_TABLE_FOLLOW_UP] = "follow-up",
	[STATEMENT_REPLICA_IDENTITY] = "replica identity",
	[STATEMENT_STATISTICS] = "statistics",
	[STATEMENT_REPLICA_TRIGGER] = "replica trigger",
	[STATEMENT_REFRESH] = "refresh",
	[STATEMENT_ACL] = "acl",
	[STATEMENT_COMMENT] = "comment",
	[STATEMENT_EVENT_TRIGGER] = "event trigger",
	[STATEMENT_SUBSCRIPTION] = "subscription"
};

static const char *const stage_names[] = {
	"pre-data", "copying", "post-data", "late", "final", "cutover", "open"
};

/* Integers, of which none is large, of an array that is shown as text. */
static List *
split_array(const char *text)
{
	List	   *integers = NIL;

	for (const char *at = text; at != NULL && at[1] != '}' && at[1] != '\0';
		 at = strchr(at + 1, ','))
		integers = lappend_int(integers, atoi(at + 1));
	return integers;
}

static SourceRelation *
read_relation(int row)
{
	SourceRelation *relation = palloc0(sizeof(SourceRelation));
	ListCell   *lc;

	relation->oid = (Oid) pgcopy_query_int64(row, "oid");
	relation->schema = "s";
	relation->name = pgcopy_query_text(row, "name");
	relation->relkind = (char) pgcopy_query_int64(row, "kind");
	relation->has_data_of_its_own = relation->relkind == RELKIND_RELATION;
	relation->has_children = pgcopy_query_bool(row, "has_children");
	relation->parent = (Oid) pgcopy_query_int64(row, "parent");
	relation->is_partition = OidIsValid(relation->parent);
	relation->through_root = pgcopy_query_bool(row, "through_root");
	relation->heap_bytes = pgcopy_query_int64(row, "mb") * MB;
	relation->toast_bytes = pgcopy_query_int64(row, "toast_mb") * MB;
	relation->blocks = relation->heap_bytes / BLCKSZ;
	relation->config_condition = pgcopy_query_text(row, "condition");
	relation->carry = (char) pgcopy_query_int64(row, "carry");
	relation->is_extension_member = relation->config_condition != NULL;
	if (!pgcopy_query_is_null(row, "reference"))
		relation->config_references =
			list_make1_oid((Oid) pgcopy_query_int64(row, "reference"));
	foreach(lc, split_array(pgcopy_query_text(row, "bounds")))
		relation->split_bounds = lappend(relation->split_bounds,
										 psprintf("%d", lfirst_int(lc)));
	relation->split_key = relation->split_bounds != NIL ? "key" : NULL;
	return relation;
}

static StatementClass
parse_class(const char *name)
{
	for (int i = 0; i < lengthof(class_names); i++)
	{
		if (strcmp(class_names[i], name) == 0)
			return (StatementClass) i;
	}
	elog(ERROR, "no class of statements is called \"%s\"", name);
}

static DumpStatement *
read_statement(int row)
{
	DumpStatement *statement = palloc0(sizeof(DumpStatement));

	statement->toc_id = (int) pgcopy_query_int64(row, "toc");
	statement->class = parse_class(pgcopy_query_text(row, "class"));
	statement->tag = pgcopy_query_text(row, "tag");
	statement->object_oid = (Oid) pgcopy_query_int64(row, "relation");
	if (OidIsValid(statement->object_oid))
		statement->class_oid = RelationRelationId;
	if (strcmp(statement->tag, "CREATE FUNCTION") == 0)
		statement->class_oid = ProcedureRelationId;
	statement->text = pgcopy_query_text(row, "body");
	statement->length = strlen(statement->text);
	if (strstr(statement->tag, "EVENT TRIGGER") != NULL)
		statement->class_oid = EventTriggerRelationId;
	statement->schema = "s";
	statement->name = pgcopy_query_text(row, "name");
	statement->table_schema = "s";
	statement->table_name = pgcopy_query_text(row, "on_table");
	statement->referenced_schema = "s";
	statement->referenced_name = pgcopy_query_text(row, "referenced");
	statement->is_post_data = pgcopy_query_bool(row, "is_post_data");
	statement->wants_validation = pgcopy_query_bool(row, "validate");
	statement->dependencies = split_array(pgcopy_query_text(row, "depends"));
	return statement;
}

static LargeObjectRange *
read_range(int row)
{
	LargeObjectRange *range = palloc0(sizeof(LargeObjectRange));

	range->first = (Oid) pgcopy_query_int64(row, "first");
	range->last = (Oid) pgcopy_query_int64(row, "last");
	range->count = pgcopy_query_int64(row, "count");
	return range;
}

static int
run_query(const char *sql)
{
	if (SPI_execute(sql, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "\"%s\" failed", sql);
	return (int) SPI_processed;
}

static void
read_input(PlanInput *input)
{
	int			n = run_query("SELECT * FROM relation ORDER BY oid");

	for (int i = 0; i < n; i++)
		input->relations = lappend(input->relations, read_relation(i));
	n = run_query("SELECT *, depends::text FROM statement ORDER BY is_post_data, toc");
	for (int i = 0; i < n; i++)
		input->statements = lappend(input->statements, read_statement(i));
	n = run_query("SELECT * FROM large_objects ORDER BY first");
	for (int i = 0; i < n; i++)
		input->large_objects = lappend(input->large_objects, read_range(i));
}

static const char *
form_name(ApplyForm form)
{
	switch (form)
	{
		case APPLY_AS_WRITTEN:
			return "";
		case APPLY_INDEX_OF_CONSTRAINT:
			return " (index of it)";
		case APPLY_CONSTRAINT_USING_INDEX:
			return " (using index)";
		case APPLY_FOREIGN_KEY_NOT_VALID:
			return " (not valid)";
		case APPLY_VALIDATE_CONSTRAINT:
			return " (validate)";
		case APPLY_DROP:
			return " (drop)";
	}
	return NULL;
}

static const char *
turn_name(const PlanItem *item)
{
	switch (item->turn)
	{
		case TURN_AT_ONCE:
			return item->kind == ITEM_TABLE ? " (first)" : "";
		case TURN_ROWS:
			return "";
		case TURN_COMPUTED_ROWS:
			return " (after other tables)";
		case TURN_COMPUTED_BUILDS:
			return " (after all rows)";
		case TURN_BLOCK:
		case TURN_IN_BLOCK:
			return "";
	}
	return NULL;
}

static void
append_item(StringInfo text, const JobPlan *plan, int no)
{
	const PlanItem *item = &plan->items[no - 1];

	appendStringInfo(text, "%s%d\t%s\t%s\t%s%s%s", no == 1 ? "" : "\n", no,
					 stage_names[item->stage], pgcopy_item_kind_traits(item->kind)->name,
					 item->name, form_name(item->form), turn_name(item));
	if (item->kind == ITEM_TABLE && item->referenced != 0)
		appendStringInfo(text, " (through %s)",
						 plan->relations[item->referenced - 1].name);
	appendStringInfoChar(text, '\t');
	if (item->range_start > 0 || item->range_end >= 0)
		appendStringInfo(text, INT64_FORMAT "-", item->range_start);
	if (item->range_end >= 0)
		appendStringInfo(text, INT64_FORMAT, item->range_end);
	appendStringInfoChar(text, '\t');
	for (int i = 0; i < item->ndepends; i++)
		appendStringInfo(text, "%s%d", i == 0 ? "" : " ",
						 plan->depends[item->first_depend + i]);
}

Datum
pgcopy_plan_text(PG_FUNCTION_ARGS)
{
	JobOptions	options = {
		.sections = SECTIONS_ALL,
		.table_jobs = PG_GETARG_INT32(0),
		.split_bytes = PG_GETARG_INT64(1),
		.follow = PG_GETARG_BOOL(4),
		.foreign_keys = PG_GETARG_BOOL(3) ? FOREIGN_KEYS_VALIDATE : FOREIGN_KEYS_NOT_VALID
	};
	PlanInput	input = {
		.can_read_blocks = PG_GETARG_BOOL(2),
		.options = &options
	};
	StringInfoData text;
	JobPlan    *plan;

	initStringInfo(&text);
	SPI_connect();
	read_input(&input);
	pgcopy_chunks_decide(&input);
	plan = pgcopy_plan_make(&input);
	for (int no = 1; no <= plan->nitems; no++)
		append_item(&text, plan, no);
	SPI_finish();
	PG_RETURN_TEXT_P(cstring_to_text(text.data));
}
