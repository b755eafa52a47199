/*-------------------------------------------------------------------------
 *
 * work_error.c
 *	  Record an error of an item.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "base/retry.h"
#include "catalog/job.h"
#include "run/process.h"
#include "run/work.h"

/* Record at most this much of a statement with an error, in bytes. */
#define STATEMENT_LENGTH 8192

/* Return the text to record with an error, or NULL. */
static char *
get_shown_statement(int64 job, const JobItem *item)
{
	ItemStatement *statement;

	if (!pgcopy_item_kind_traits(item->kind)->is_statement)
		return NULL;
	statement = pgcopy_item_fetch_statement(job, item->no);
	if (statement->has_secret)
		return NULL;
	return pnstrdup(statement->sql,
					pg_mbcliplen(statement->sql, strlen(statement->sql),
								 STATEMENT_LENGTH));
}

void
pgcopy_work_record_error(int64 job, int no, bool is_final,
						 const ErrorData *error)
{
	MemoryContext caller = CurrentMemoryContext;
	JobError	record = {.item = no,.is_final = is_final,.error = error};

	pgcopy_process_begin_transaction();
	if (no != 0)
	{
		JobItem    *item = pgcopy_item_fetch(job, no);

		record.object = pgcopy_work_describe(item);
		record.statement = get_shown_statement(job, item);
	}
	pgcopy_error_insert(job, &record);
	pgcopy_process_end_transaction();
	MemoryContextSwitchTo(caller);
}
