/*-------------------------------------------------------------------------
 *
 * store.c
 *	  Write a plan to the catalog.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"

#include "catalog/query.h"
#include "plan/plan.h"

typedef struct StoreJob
{
	int64		id;
	const JobPlan *plan;
} StoreJob;

void
pgcopy_plan_fill_row(JobItem *row, const PlanItem *item)
{
	row->kind = item->kind;
	row->state = item->is_done ? ITEM_DONE : ITEM_PENDING;
	row->stage = item->stage;
	row->relation = item->relation;
	row->referenced = item->referenced;
	row->turn = item->turn;
	row->schema = unconstify(char *, item->schema);
	row->name = unconstify(char *, item->name);
	row->cost = item->cost;
	row->range_start = item->range_start;
	row->range_end = item->range_end;
	row->bytes_total = item->bytes_total;
}

static void
store_relation(int i, void *arg)
{
	const StoreJob *job = arg;

	pgcopy_relation_insert(job->id, &job->plan->relations[i]);
}

static void
store_statement(int64 job, int no, const PlanItem *item)
{
	const DumpStatement *statement = item->statement;
	const DumpSettings *settings = statement->settings;
	ItemStatement row = {
		.sql = unconstify(char *, statement->text),
		.length = statement->length,
		.form = item->form,
		.has_secret = statement->has_secret,
		.default_tablespace = settings->default_tablespace,
		.default_table_access_method = settings->default_table_access_method,
		.session_authorization = settings->session_authorization,
		.check_function_bodies = settings->check_function_bodies
	};

	pgcopy_item_insert_statement(job, no, &row);
}

static void
store_item(int i, void *arg)
{
	const StoreJob *job = arg;
	const PlanItem *item = &job->plan->items[i];
	const int  *depends = job->plan->depends + item->first_depend;
	JobItem		row = {.no = i + 1};

	pgcopy_plan_fill_row(&row, item);
	for (int j = 0; j < item->ndepends; j++)
		row.depends = lappend_int(row.depends, depends[j]);
	pgcopy_item_insert(job->id, &row);
	if (item->statement != NULL)
		store_statement(job->id, row.no, item);
}

void
pgcopy_plan_store(int64 job, const JobPlan *plan)
{
	StoreJob	store = {.id = job,.plan = plan};

	Assert(IsTransactionState());
	pgcopy_query_write_rows(plan->nitems, store_item, &store);
	pgcopy_query_write_rows(plan->nrelations, store_relation, &store);
}
