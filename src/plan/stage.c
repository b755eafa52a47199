/*-------------------------------------------------------------------------
 *
 * stage.c
 *	  The stage of a statement of post-data (src/README.md).
 *
 * No statement gets an earlier stage than anything pg_dump says it depends on.  One
 * that cannot run in a parallel stage goes to the serial one after it.
 *
 * A job that follows its source gets changes after its post-data.  What must be there
 * before is: indexes, constraints, foreign keys.  What would fire for changes that
 * arrive, or stand in their way, waits for the cutover; a foreign key does unless all
 * changes of both tables arrive by the stream: TRUNCATE would not pass it.  So does one
 * that refers to a part of a table's rows: changes that arrive are not checked, and may
 * leave rows without what they refer to.  Rows are validated beside the changes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/follow.h"
#include "plan/draft.h"

/* Do all changes of a table arrive by the stream? */
static bool
is_streamed(const DraftRelation *relation)
{
	return relation != NULL &&
		(relation->row->carry == CARRY_STREAM || relation->row->carry == CARRY_INSERTS);
}

/* Does a key between these hold for whatever arrives? */
static bool
holds_for_changes(const DraftRelation *table, const DraftRelation *referenced)
{
	return is_streamed(table) && is_streamed(referenced) &&
		referenced->row->row_condition == NULL;
}

/*
 * A partitioned table cannot have a foreign key NOT VALID: its rows are looked at when
 * it is added, which the cutover does not wait for.
 */
static ItemStage
stage_of_foreign_key(Draft *draft, const DraftRelation *table, const DraftRelation *referenced)
{
	if (draft->input->options->follow && !holds_for_changes(table, referenced))
		return pgcopy_draft_is_loaded(table) && referenced != NULL ? STAGE_CUTOVER : STAGE_OPEN;
	if (!pgcopy_draft_is_loaded(table) || referenced == NULL)
		return STAGE_POST_DATA;
	if (pgcopy_draft_is_loaded(referenced))
		return STAGE_COPYING;
	return draft->input->options->follow ? STAGE_POST_DATA : STAGE_LATE;
}

/* Choose the stage of a statement of post-data by its class alone. */
static ItemStage
stage_by_class(Draft *draft, const DumpStatement *statement)
{
	DraftRelation *table = pgcopy_draft_find_table(draft, statement);
	DraftRelation *referenced = pgcopy_draft_find_referenced(draft, statement);

	switch (statement->class)
	{
		case STATEMENT_INDEX:
		case STATEMENT_INDEX_CONSTRAINT:
		case STATEMENT_WHOLE_CONSTRAINT:
		case STATEMENT_TABLE_FOLLOW_UP:
		case STATEMENT_STATISTICS:
			return pgcopy_draft_is_loaded(table) ? STAGE_COPYING : STAGE_POST_DATA;
		case STATEMENT_FOREIGN_KEY:
			return stage_of_foreign_key(draft, table, referenced);
		case STATEMENT_REFRESH:
			return STAGE_LATE;
		case STATEMENT_REPLICA_TRIGGER:
			return draft->input->options->follow ? STAGE_CUTOVER : STAGE_POST_DATA;
		case STATEMENT_EVENT_TRIGGER:
			return draft->input->options->follow ? STAGE_CUTOVER : STAGE_FINAL;
		case STATEMENT_SUBSCRIPTION:
			return STAGE_FINAL;
		case STATEMENT_REPLICA_IDENTITY:
		case STATEMENT_PLAIN:
		case STATEMENT_ACL:
		case STATEMENT_COMMENT:
			return STAGE_POST_DATA;
	}
	return STAGE_POST_DATA;
}

ItemStage
pgcopy_stage_choose(Draft *draft, const DumpStatement *statement)
{
	ItemStage	own = stage_by_class(draft, statement);
	ItemStage	stage = own;
	ListCell   *lc;

	foreach(lc, statement->dependencies)
	{
		int			toc_id = lfirst_int(lc);

		if (toc_id <= draft->max_toc_id && draft->stage_of_toc[toc_id] > stage)
			stage = draft->stage_of_toc[toc_id];
	}
	if (stage == own || stage > STAGE_FINAL)
		return stage;
	if (statement->class == STATEMENT_FOREIGN_KEY && own != STAGE_POST_DATA)
	{
		if (stage > STAGE_LATE)
			return STAGE_FINAL;
		return draft->input->options->follow ? STAGE_POST_DATA : STAGE_LATE;
	}
	return stage == STAGE_LATE ? STAGE_FINAL : stage;
}
