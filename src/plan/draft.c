/*-------------------------------------------------------------------------
 *
 * draft.c
 *	  A plan in the making.
 *
 * Relations are found by name and by OID, entries of the dump by pg_dump's
 * number.  There may be a million items, so items and dependencies are arrays;
 * the texts of statements stay in the input.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "base/options.h"
#include "base/sqltext.h"
#include "catalog/follow.h"
#include "plan/draft.h"

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

DraftRelation *
pgcopy_draft_find(Draft *draft, const char *schema, const char *name)
{
	NameData	key[2];
	NameEntry  *entry;

	if (schema == NULL || name == NULL)
		return NULL;
	fill_name_key(key, schema, name);
	entry = hash_search(draft->by_name, key, HASH_FIND, NULL);
	return entry ? &draft->relations[entry->no - 1] : NULL;
}

DraftRelation *
pgcopy_draft_find_oid(Draft *draft, Oid oid)
{
	OidEntry   *entry = hash_search(draft->by_oid, &oid, HASH_FIND, NULL);

	return entry ? &draft->relations[entry->no - 1] : NULL;
}

bool
pgcopy_draft_is_loaded(const DraftRelation *relation)
{
	if (relation == NULL || relation->row->relkind != RELKIND_RELATION)
		return false;
	if (relation->row->was_here)
		return relation->source->here_kind == RELKIND_RELATION;
	return relation->row->is_ours &&
		(relation->copies != NIL || relation->source->is_left_empty);
}

DraftRelation *
pgcopy_draft_find_table(Draft *draft, const DumpStatement *statement)
{
	return pgcopy_draft_find(draft, statement->table_schema, statement->table_name);
}

DraftRelation *
pgcopy_draft_find_referenced(Draft *draft, const DumpStatement *statement)
{
	return pgcopy_draft_find(draft, statement->referenced_schema,
							 statement->referenced_name);
}

/* Give types, "schema.name ...", the schemas that they have here. */
static List *
map_types(const Draft *draft, List *types)
{
	const List *map = draft->input->options->schema_map;
	MemoryContext caller = MemoryContextSwitchTo(draft->plan_context);
	List	   *mapped = NIL;
	ListCell   *lc;
	ListCell   *pair;

	foreach(lc, types)
	{
		char	   *type = lfirst(lc);

		foreach(pair, map)
		{
			const OptionPair *names = lfirst(pair);
			size_t		length = strlen(names->key);

			if (strncmp(type, names->key, length) != 0 || type[length] != '.')
				continue;
			type = psprintf("%s%s", names->value, type + length);
			break;
		}
		mapped = lappend(mapped, type);
	}
	MemoryContextSwitchTo(caller);
	return mapped;
}

static void
make_relation(Draft *draft, int no, const SourceRelation *source)
{
	DraftRelation *relation = &draft->relations[no - 1];
	JobRelation *row = &draft->plan->relations[no - 1];
	NameEntry  *by_name;
	OidEntry   *by_oid;
	NameData	key[2];
	const List *map = draft->input->options->schema_map;

	relation->row = row;
	relation->source = source;
	row->no = no;
	row->source_oid = source->oid;
	row->schema = source->schema;
	row->name = source->name;
	row->local_schema = unconstify(char *, pgcopy_sqltext_map(map, source->schema));
	row->relkind = source->relkind;
	row->carry = source->carry != '\0' ? source->carry : CARRY_NOTHING;
	row->updates_before = source->updates_before;
	row->was_here = OidIsValid(source->here) && source->config_condition == NULL &&
		(source->relkind != RELKIND_SEQUENCE ||
		 (source->here_kind == RELKIND_SEQUENCE && !source->is_unreadable));
	row->through_root = source->has_data_of_its_own &&
		(source->through_root ||
		 (OidIsValid(source->rows_go_to) && source->rows_go_to != source->oid));
	row->heap_bytes = source->heap_bytes;
	row->toast_bytes = source->toast_bytes;
	row->columns = source->columns;
	row->types = map != NIL ? map_types(draft, source->types) : source->types;
	row->condition = source->is_unreadable ? NULL : source->config_condition;
	row->row_condition = source->row_condition;
	row->column_expressions = source->column_expressions;
	row->expression_path = source->expression_path;
	row->row_with = source->row_with;
	row->row_join = source->row_join;
	row->split_key = source->split_key;
	row->split_bounds = source->split_bounds;

	fill_name_key(key, row->local_schema, source->name);
	by_name = hash_search(draft->by_name, key, HASH_ENTER, NULL);
	by_name->no = no;
	by_oid = hash_search(draft->by_oid, &source->oid, HASH_ENTER, NULL);
	by_oid->no = no;
}

static HTAB *
make_hash(const char *name, Size keysize, Size entrysize)
{
	HASHCTL		ctl = {
		.keysize = keysize,.entrysize = entrysize,.hcxt = CurrentMemoryContext
	};

	return hash_create(name, 1024, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/*
 * Find what the rows of a leaf are routed from: the topmost relation above it
 * that may divide its rows in another way here.
 */
static int
find_root(Draft *draft, const DraftRelation *leaf)
{
	const DraftRelation *relation = leaf;
	int			root = 0;

	for (int i = 0; i < draft->nrelations && relation != NULL; i++)
	{
		relation = pgcopy_draft_find_oid(draft, relation->source->parent);
		if (relation != NULL && relation->source->through_root)
			root = relation->row->no;
	}
	return root;
}

static void
make_relations(Draft *draft)
{
	List	   *relations = draft->input->relations;
	ListCell   *lc;
	int			no = 0;

	draft->nrelations = list_length(relations);
	draft->relations = palloc_extended(sizeof(DraftRelation) * (Size) Max(draft->nrelations, 1),
									   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	draft->by_name = make_hash("pgcopy relations by name", sizeof(NameData) * 2,
							   sizeof(NameEntry));
	draft->by_oid = make_hash("pgcopy relations by oid", sizeof(Oid), sizeof(OidEntry));
	foreach(lc, relations)
		make_relation(draft, ++no, lfirst(lc));

	for (int i = 0; i < draft->nrelations; i++)
	{
		DraftRelation *relation = &draft->relations[i];

		if (!relation->row->through_root)
			continue;
		relation->root = OidIsValid(relation->source->rows_go_to) ?
			pgcopy_draft_find_oid(draft, relation->source->rows_go_to)->row->no :
			find_root(draft, relation);
	}
}

/* Make room for one more item with ndepends dependencies. */
static void
make_room(Draft *draft, int ndepends)
{
	JobPlan    *plan = draft->plan;

	if (plan->nitems == draft->max_items)
	{
		draft->max_items *= 2;
		plan->items = repalloc_huge(plan->items,
									sizeof(PlanItem) * (Size) draft->max_items);
	}
	if (plan->ndepends + ndepends > draft->max_depends)
	{
		draft->max_depends = 2 * draft->max_depends + ndepends;
		plan->depends = repalloc_huge(plan->depends,
									  sizeof(int) * draft->max_depends);
	}
}

static void
append_depends(JobPlan *plan, List *depends)
{
	ListCell   *lc;

	foreach(lc, depends)
		plan->depends[plan->ndepends++] = lfirst_int(lc);
}

int
pgcopy_draft_add(Draft *draft, PlanItem *item, List *depends)
{
	JobPlan    *plan = draft->plan;

	CHECK_FOR_INTERRUPTS();
	make_room(draft, list_length(depends));
	item->first_depend = plan->ndepends;
	item->ndepends = list_length(depends);
	append_depends(plan, depends);
	plan->items[plan->nitems++] = *item;
	return plan->nitems;
}

static void
note_item_of_toc(const Draft *draft, int toc_id, List **items)
{
	if (toc_id <= draft->max_toc_id && draft->item_of_toc[toc_id] != 0)
		*items = lappend_int(*items, draft->item_of_toc[toc_id]);
}

/* List the items that a statement depends on: as pg_dump says, and "others". */
static List *
items_before(const Draft *draft, const DumpStatement *statement, List *others)
{
	List	   *items = NIL;
	List	   *rest = NIL;
	ListCell   *lc;

	note_item_of_toc(draft, statement->toc_id, &items);
	foreach(lc, statement->dependencies)
		note_item_of_toc(draft, lfirst_int(lc), &items);
	foreach(lc, others)
	{
		if (!list_member_int(items, lfirst_int(lc)))
			rest = lappend_int(rest, lfirst_int(lc));
	}
	items = list_concat(items, rest);
	list_free(rest);
	return items;
}

int
pgcopy_draft_add_statement(Draft *draft, const DumpStatement *statement,
						   PlanItem *item, List *depends)
{
	List	   *before = items_before(draft, statement, depends);
	int			no;

	item->statement = statement;
	item->is_done = statement->presence == IS_HERE ||
		(statement->presence == IS_HERE_NOT_VALID && item->kind == ITEM_FOREIGN_KEY) ||
		(statement->presence == INDEX_IS_HERE && item->kind == ITEM_INDEX);
	item->schema = statement->schema ? statement->schema : statement->table_schema;
	item->name = statement->name ? statement->name :
		statement->table_name ? statement->table_name : statement->tag;
	item->range_end = -1;
	if (item->cost == 0)
		item->cost = COST_STATEMENT;
	no = pgcopy_draft_add(draft, item, before);
	list_free(before);

	if (draft->item_of_toc[statement->toc_id] == 0)
		draft->item_of_toc[statement->toc_id] = no;
	if (draft->stage_of_toc[statement->toc_id] < item->stage)
		draft->stage_of_toc[statement->toc_id] = item->stage;
	return no;
}

bool
pgcopy_draft_calls_functions(const Draft *draft, const DumpStatement *statement)
{
	ListCell   *lc;

	foreach(lc, statement->dependencies)
	{
		int			toc_id = lfirst_int(lc);

		if (toc_id <= draft->max_toc_id && draft->is_function[toc_id])
			return true;
	}
	return false;
}

static void
make_toc_arrays(Draft *draft)
{
	ListCell   *lc;

	foreach(lc, draft->input->statements)
		draft->max_toc_id = Max(draft->max_toc_id, ((DumpStatement *) lfirst(lc))->toc_id);
	draft->item_of_toc = palloc0(sizeof(int) * (draft->max_toc_id + 1));
	draft->stage_of_toc = palloc0(sizeof(ItemStage) * (draft->max_toc_id + 1));
	draft->is_function = palloc0(sizeof(bool) * (draft->max_toc_id + 1));
	foreach(lc, draft->input->statements)
	{
		DumpStatement *statement = lfirst(lc);

		if (statement->class_oid == ProcedureRelationId ||
			statement->class_oid == OperatorRelationId)
			draft->is_function[statement->toc_id] = true;
	}
}

static JobPlan *
make_plan(Draft *draft, int nrelations)
{
	JobPlan    *plan = palloc0(sizeof(JobPlan));

	draft->max_items = 1024;
	draft->max_depends = 1024;
	plan->items = palloc(sizeof(PlanItem) * draft->max_items);
	plan->depends = palloc(sizeof(int) * draft->max_depends);
	plan->nrelations = nrelations;
	plan->relations = palloc_extended(sizeof(JobRelation) * (Size) Max(nrelations, 1),
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	return plan;
}

void
pgcopy_draft_begin(Draft *draft, const PlanInput *input)
{
	memset(draft, 0, sizeof(Draft));
	draft->input = input;
	draft->plan = make_plan(draft, list_length(input->relations));
	draft->context = AllocSetContextCreate(CurrentMemoryContext, "pgcopy draft",
										   ALLOCSET_DEFAULT_SIZES);
	draft->plan_context = MemoryContextSwitchTo(draft->context);
	make_relations(draft);
	make_toc_arrays(draft);
}

JobPlan *
pgcopy_draft_finish(Draft *draft)
{
	MemoryContextSwitchTo(draft->plan_context);
	MemoryContextDelete(draft->context);
	return draft->plan;
}
