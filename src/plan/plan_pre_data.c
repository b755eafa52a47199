/*-------------------------------------------------------------------------
 *
 * plan_pre_data.c
 *	  Plan the statements of pre-data.
 *
 * All run in dump order, but for runs of tables and sequences that do not need each
 * other.  Such a run is divided into blocks: a table, and what directly follows it and
 * needs nothing else of the run, as its sequences and comments.  Blocks of one run
 * may run in any order, side by side (run/pre_data.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"

#include "plan/draft.h"

/* The run that is being planned; numbers of items. */
typedef struct BlockRun
{
	int			start;			/* of the run */
	int			block;			/* of its last block, if there is any */
} BlockRun;

/* Has a CREATE TABLE a generated column?  At worst a literal says so. */
static bool
has_generated_column(const DumpStatement *statement)
{
	static const char phrase[] = "GENERATED ALWAYS AS (";
	const char *end = statement->text + statement->length;
	const char *at = statement->text;

	while ((at = memchr(at, phrase[0], end - at)) != NULL)
	{
		if (end - at < (ptrdiff_t) strlen(phrase))
			return false;
		if (memcmp(at, phrase, strlen(phrase)) == 0)
			return true;
		at++;
	}
	return false;
}

/* Return the first item of the run that a statement needs, or 0. */
static int
find_needed(const Draft *draft, const BlockRun *run, const DumpStatement *statement)
{
	int			first = draft->item_of_toc[statement->toc_id];
	ListCell   *lc;

	if (first < run->start)
		first = 0;
	foreach(lc, statement->dependencies)
	{
		int			toc_id = lfirst_int(lc);
		int			no = toc_id <= draft->max_toc_id ? draft->item_of_toc[toc_id] : 0;

		if (no >= run->start && (first == 0 || no < first))
			first = no;
	}
	return first;
}

/* Does it create a table or a sequence, or belong to its entry? */
static bool
is_of_table(Draft *draft, const DumpStatement *statement)
{
	DraftRelation *relation = statement->class_oid == RelationRelationId ?
		pgcopy_draft_find_oid(draft, statement->object_oid) : NULL;

	return relation != NULL &&
		(relation->row->relkind == RELKIND_RELATION ||
		 relation->row->relkind == RELKIND_PARTITIONED_TABLE ||
		 relation->row->relkind == RELKIND_SEQUENCE);
}

/* Is it what pg_dump says of a table or sequence in an entry of its own? */
static bool
is_about_table(const DumpStatement *statement)
{
	return strcmp(statement->tag, "COMMENT") == 0 ||
		strcmp(statement->tag, "ALTER SEQUENCE") == 0;
}

/* Place the next statement in the run, or end it. */
static ItemTurn
choose_turn(Draft *draft, BlockRun *run, const DumpStatement *statement)
{
	int			no = draft->plan->nitems + 1;
	int			needed = find_needed(draft, run, statement);
	bool		is_table = is_of_table(draft, statement);

	if (needed == 0 && is_table)
	{
		run->block = no;
		return TURN_BLOCK;
	}
	if (needed != 0 && needed >= run->block && (is_table || is_about_table(statement)))
		return TURN_IN_BLOCK;
	run->start = no + 1;
	return TURN_AT_ONCE;
}

/* Note which item creates which relation. */
static void
note_relation(Draft *draft, const DumpStatement *statement, int no)
{
	DraftRelation *relation = pgcopy_draft_find_oid(draft, statement->object_oid);

	if (relation == NULL || relation->create_item != 0)
		return;
	relation->create_item = no;
	relation->is_computed = pgcopy_draft_calls_functions(draft, statement) &&
		has_generated_column(statement);

	/* a sequence that cannot be read keeps the value it is made with */
	relation->row->is_ours = relation->source->relkind != RELKIND_SEQUENCE ||
		!relation->source->is_unreadable;
}

/* Plan pre-data, without privileges. */
void
pgcopy_plan_pre_data(Draft *draft)
{
	BlockRun	run = {.start = draft->plan->nitems + 1};
	ListCell   *lc;

	foreach(lc, draft->input->statements)
	{
		DumpStatement *statement = lfirst(lc);
		PlanItem	item = {.kind = ITEM_PRE_DATA,.stage = STAGE_PRE_DATA};
		int			no;

		if (statement->is_post_data || statement->class == STATEMENT_ACL)
			continue;
		item.turn = choose_turn(draft, &run, statement);
		no = pgcopy_draft_add_statement(draft, statement, &item, NIL);
		if (statement->class_oid == RelationRelationId)
			note_relation(draft, statement, no);
	}
}
