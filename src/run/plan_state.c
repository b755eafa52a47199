/*-------------------------------------------------------------------------
 *
 * plan_state.c
 *	  What a plan is made of while it is made.
 *
 * Relations are found by name and by oid, entries of the dump by pg_dump's
 * number.  Rows go into the catalog in scopes of a limited number, each row in
 * a memory context of its own: there may be a million of them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "run/plan_state.h"

/* Rows per catalog scope: what they need in memory is freed in between. */
#define SCOPE_ROWS 1000

typedef struct NameEntry
{
	NameData	key[2];			/* schema, name */
	int			no;
} NameEntry;

typedef struct OidEntry
{
	Oid			key;
	int			no;
} OidEntry;

static void
fill_name_key(NameData *key, const char *schema, const char *name)
{
	memset(key, 0, sizeof(NameData) * 2);
	strlcpy(NameStr(key[0]), schema, NAMEDATALEN);
	strlcpy(NameStr(key[1]), name, NAMEDATALEN);
}

/* The relation of that name, or NULL. */
PlanRelation *
pgcopy_plan_find(JobPlan *plan, const char *schema, const char *name)
{
	NameData	key[2];
	NameEntry  *entry;

	if (schema == NULL || name == NULL)
		return NULL;
	fill_name_key(key, schema, name);
	entry = hash_search(plan->by_name, key, HASH_FIND, NULL);
	return entry ? &plan->relations[entry->no - 1] : NULL;
}

PlanRelation *
pgcopy_plan_find_oid(JobPlan *plan, Oid oid)
{
	OidEntry   *entry = hash_search(plan->by_oid, &oid, HASH_FIND, NULL);

	return entry ? &plan->relations[entry->no - 1] : NULL;
}

static void
make_relation(JobPlan *plan, int no, SourceRelation *source)
{
	PlanRelation *relation = &plan->relations[no - 1];
	JobRelation *row = &relation->row;
	NameEntry  *by_name;
	OidEntry   *by_oid;
	NameData	key[2];

	relation->source = source;
	row->no = no;
	row->source_oid = source->oid;
	row->schema = source->schema;
	row->name = source->name;
	row->relkind = source->relkind;
	row->through_root = source->through_root;
	row->heap_bytes = source->heap_bytes;
	row->toast_bytes = source->toast_bytes;
	row->columns = source->columns;
	row->condition = source->config_condition;
	row->split_key = source->split_key;
	row->split_bounds = source->split_bounds;

	fill_name_key(key, source->schema, source->name);
	by_name = hash_search(plan->by_name, key, HASH_ENTER, NULL);
	by_name->no = no;
	by_oid = hash_search(plan->by_oid, &source->oid, HASH_ENTER, NULL);
	by_oid->no = no;
}

static void
make_relations(JobPlan *plan, List *relations)
{
	HASHCTL		ctl = {.keysize = sizeof(NameData) * 2,.entrysize = sizeof(NameEntry),.hcxt = CurrentMemoryContext};
	HASHCTL		oid_ctl = {.keysize = sizeof(Oid),.entrysize = sizeof(OidEntry),.hcxt = CurrentMemoryContext};
	ListCell   *lc;
	int			no = 0;

	plan->nrelations = list_length(relations);
	plan->relations = MemoryContextAllocHuge(CurrentMemoryContext,
											 sizeof(PlanRelation) * Max(plan->nrelations, 1));
	memset(plan->relations, 0, sizeof(PlanRelation) * plan->nrelations);
	plan->by_name = hash_create("pgcopy relations by name", 1024, &ctl,
								HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	plan->by_oid = hash_create("pgcopy relations by oid", 1024, &oid_ctl,
							   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	foreach(lc, relations)
		make_relation(plan, ++no, lfirst(lc));

	for (int i = 0; i < plan->nrelations; i++)
	{
		PlanRelation *root = &plan->relations[i];

		if (!root->row.through_root)
			continue;
		while (OidIsValid(root->source->parent))
		{
			PlanRelation *parent = pgcopy_plan_find_oid(plan, root->source->parent);

			if (parent == NULL) /* of an extension */
				break;
			root = parent;
		}
		plan->relations[i].root = root->row.no;
	}
}

/* Rows go into the catalog in scopes of a limited number. */
static void
begin_rows(JobPlan *plan)
{
	plan->pending_rows = 0;
	pgcopy_query_begin(&plan->scope);
	MemoryContextSwitchTo(plan->context);
}

static void
end_rows(JobPlan *plan)
{
	pgcopy_query_end(&plan->scope);
}

static void
count_row(JobPlan *plan)
{
	if (++plan->pending_rows < SCOPE_ROWS)
		return;
	end_rows(plan);
	CHECK_FOR_INTERRUPTS();
	begin_rows(plan);
}

/* Store an item under the next number. */
int
pgcopy_plan_add(JobPlan *plan, JobItem *item)
{
	item->no = ++plan->nitems;
	MemoryContextSwitchTo(plan->row_context);
	pgcopy_item_insert(plan->job->id, item);
	MemoryContextSwitchTo(plan->context);
	MemoryContextReset(plan->row_context);
	count_row(plan);
	return item->no;
}

/* The items that must be done before what depends on these entries. */
static List *
items_of_tocs(JobPlan *plan, const DumpStatement *statement)
{
	List	   *items = NIL;
	ListCell   *lc;

	if (plan->item_of_toc[statement->toc_id] != 0)
		items = lappend_int(items, plan->item_of_toc[statement->toc_id]);
	foreach(lc, statement->dependencies)
	{
		int			toc_id = lfirst_int(lc);

		if (toc_id <= plan->max_toc_id && plan->item_of_toc[toc_id] != 0)
			items = lappend_int(items, plan->item_of_toc[toc_id]);
	}
	return items;
}

/*
 * Store a statement item.  depends: what it needs beside the entries that
 * pg_dump says it depends on.
 */
int
pgcopy_plan_add_statement(JobPlan *plan, const DumpStatement *statement, ItemKind kind,
			  ItemStage stage, ApplyForm form, JobItem *item, List *depends)
{
	ItemStatement text = {
		.sql = (char *) statement->text,
		.length = statement->length,
		.form = form,
		.has_secret = statement->has_secret,
		.default_tablespace = statement->settings->default_tablespace,
		.default_table_access_method = statement->settings->default_table_access_method,
		.session_authorization = statement->settings->session_authorization,
		.check_function_bodies = statement->settings->check_function_bodies
	};

	item->kind = kind;
	item->stage = stage;
	item->schema = statement->schema ? statement->schema : statement->table_schema;
	item->name = statement->name ? statement->name :
		statement->table_name ? statement->table_name : statement->tag;
	item->range_end = -1;
	if (item->cost == 0)
		item->cost = COST_STATEMENT;
	item->depends = list_concat_unique_int(items_of_tocs(plan, statement), depends);
	pgcopy_plan_add(plan, item);
	MemoryContextSwitchTo(plan->row_context);
	pgcopy_item_insert_statement(plan->job->id, item->no, &text);
	MemoryContextSwitchTo(plan->context);
	MemoryContextReset(plan->row_context);

	if (plan->item_of_toc[statement->toc_id] == 0)
		plan->item_of_toc[statement->toc_id] = item->no;
	if (plan->stage_of_toc[statement->toc_id] < stage)
		plan->stage_of_toc[statement->toc_id] = stage;
	return item->no;
}

static void
make_toc_arrays(JobPlan *plan, List *statements)
{
	ListCell   *lc;

	foreach(lc, statements)
		plan->max_toc_id = Max(plan->max_toc_id, ((DumpStatement *) lfirst(lc))->toc_id);
	plan->item_of_toc = palloc0(sizeof(int) * (plan->max_toc_id + 1));
	plan->stage_of_toc = palloc0(sizeof(ItemStage) * (plan->max_toc_id + 1));
}

static void
store_relations(JobPlan *plan)
{
	for (int i = 0; i < plan->nrelations; i++)
	{
		MemoryContextSwitchTo(plan->row_context);
		pgcopy_relation_insert(plan->job->id, &plan->relations[i].row);
		MemoryContextSwitchTo(plan->context);
		MemoryContextReset(plan->row_context);
		count_row(plan);
	}
}

void
pgcopy_plan_begin(JobPlan *plan, const Job *job, List *relations,
				  List *statements)
{
	memset(plan, 0, sizeof(JobPlan));
	plan->job = job;
	plan->context = CurrentMemoryContext;
	plan->row_context = AllocSetContextCreate(CurrentMemoryContext,
											  "pgcopy plan row",
											  ALLOCSET_DEFAULT_SIZES);
	make_relations(plan, relations);
	make_toc_arrays(plan, statements);
	begin_rows(plan);
}

/* The relations go last: only now it is known which of them are ours. */
void
pgcopy_plan_finish(JobPlan *plan)
{
	store_relations(plan);
	end_rows(plan);
	MemoryContextSwitchTo(plan->context);
	MemoryContextDelete(plan->row_context);
}
