/*-------------------------------------------------------------------------
 *
 * largeobjects.c
 *	  The items of a job that copy large objects.
 *
 * An item is a range of OIDs that holds at least one large object; an empty
 * one would look to a resume like something that was read.  A new snapshot
 * gets new ranges, around those that are done.  Item numbers have no gaps: a
 * surplus item stays, done and empty, until a later snapshot needs it.
 *
 * Objects to be read again are removed by their record in pgcopy.large_object,
 * some hundreds per transaction, since each needs an entry in the lock table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"

#include "catalog/lorecord.h"
#include "catalog/query.h"
#include "catalog/survey.h"
#include "load/largeobject.h"
#include "plan/plan.h"
#include "run/leader.h"

/* Large objects in one item. */
#define OBJECTS_PER_ITEM 2000

/* Large objects removed in one transaction. */
#define REMOVE_BATCH 500

List *
pgcopy_largeobjects_plan(Leader *leader)
{
	List	   *firsts;
	List	   *lasts;

	if (!pgcopy_chosen_has_large_objects(leader) ||
		!(leader->job->options.sections & SECTION_DATA))
		return NIL;
	pgcopy_survey_large_object_gaps(leader->job->id, &firsts, &lasts);
	if (firsts == NIL)
		return NIL;
	return pgcopy_largeobject_plan(pgcopy_link_session(leader->link),
								   firsts, lasts, OBJECTS_PER_ITEM);
}

static void
describe_range(JobItem *row, const LargeObjectRange *range)
{
	PlanItem	item = pgcopy_plan_make_range(range);

	pgcopy_plan_fill_row(row, &item);
}

/* Add items behind the last one. */
static void
add_items(int64 job, List *ranges, int first)
{
	Survey		survey;
	CatalogScope scope;

	pgcopy_survey_fetch(job, &survey);
	pgcopy_query_begin(&scope);
	for (int i = first; i < list_length(ranges); i++)
	{
		JobItem		item = {.no = ++survey.items};

		CHECK_FOR_INTERRUPTS();
		describe_range(&item, list_nth(ranges, i));
		pgcopy_item_insert(job, &item);
	}
	pgcopy_query_end(&scope);
}

int
pgcopy_largeobjects_add_done(int64 job, const char *name)
{
	JobItem		item = {
		.kind = ITEM_LARGE_OBJECTS,
		.stage = STAGE_COPYING,
		.state = ITEM_DONE,
		.name = pstrdup(name),
		.range_end = -1
	};
	Survey		survey;
	CatalogScope scope;

	pgcopy_survey_fetch(job, &survey);
	item.no = survey.items + 1;
	pgcopy_query_begin(&scope);
	pgcopy_item_insert(job, &item);
	pgcopy_query_end(&scope);
	return item.no;
}

/* Reuse the items that have copied nothing. */
void
pgcopy_largeobjects_plan_again(Leader *leader)
{
	int64		job = leader->job->id;
	List	   *ranges = pgcopy_largeobjects_plan(leader);
	List	   *free = pgcopy_survey_large_object_items_left(job);
	int			at = 0;
	ListCell   *lc;

	Assert(IsTransactionState());
	foreach(lc, free)
	{
		JobItem		item = {.no = lfirst_int(lc)};

		CHECK_FOR_INTERRUPTS();
		if (at < list_length(ranges))
		{
			describe_range(&item, list_nth(ranges, at++));
			pgcopy_item_plan_again(job, &item);
		}
		else
			pgcopy_item_mark_empty(job, item.no);
	}
	add_items(job, ranges, at);
}

/* Remove the last "n" objects of a record; log those that stay. */
static void
remove_last(const LargeObjectRecord *record, int n)
{
	Oid			first = InvalidOid;
	int			kept = pgcopy_largeobject_remove(record->oids + record->count - n,
												 n, record->xid, &first);

	if (kept > 0)
		ereport(LOG,
				(errmsg("%d large objects were not removed, the first is %u", kept, first),
				 errdetail("Item %d created large objects with these OIDs, but these may be others.",
						   record->item)));
}

/* Remove a batch in one transaction.  Returns false if nothing is left. */
static bool
remove_batch(Leader *leader)
{
	LargeObjectRecord *record;

	pgcopy_leader_begin(leader);
	record = pgcopy_lorecord_fetch_left(leader->job->id);
	if (record != NULL)
	{
		int			n = Min(record->count, REMOVE_BATCH);

		remove_last(record, n);
		record->count -= n;
		pgcopy_lorecord_store(leader->job->id, record);
	}
	pgcopy_leader_commit(leader);
	return record != NULL;
}

void
pgcopy_largeobjects_remove(Leader *leader)
{
	while (remove_batch(leader))
		CHECK_FOR_INTERRUPTS();
}
