/*-------------------------------------------------------------------------
 *
 * left_rows.c
 *	  Whose rows are left out, and what that means for foreign keys.
 *
 * A foreign key would not hold if rows that are cloned reference rows that are not:
 * of a table without its rows, or of a partition that is left out.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "select/graph.h"

/* Are some rows of the table, or of its partitions, cloned? */
static bool
has_some_rows(const GraphNode *table)
{
	ListCell   *lc;

	if (!table->is_kept)
		return false;
	if (table->subkind != 'p')
		return !table->has_no_rows;
	foreach(lc, table->partitions)
	{
		if (has_some_rows(lfirst(lc)))
			return true;
	}
	return false;
}

static bool
has_all_rows(const GraphNode *table)
{
	ListCell   *lc;

	if (!table->is_kept || table->has_no_rows)
		return false;
	foreach(lc, table->partitions)
	{
		if (!has_all_rows(lfirst(lc)))
			return false;
	}
	return true;
}

void
pgcopy_selection_decide_rows(Selection *selection)
{
	ListCell   *lc;

	foreach(lc, selection->all)
	{
		GraphNode	   *node = lfirst(lc);

		if (node->kind == NODE_CONSTRAINT && node->subkind == 'f' && node->is_kept &&
			node->owner != NULL && node->references != NULL)
			node->is_unvalidated = has_some_rows(node->owner) &&
				!has_all_rows(node->references);
	}
}
