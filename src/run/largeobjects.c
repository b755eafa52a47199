/*-------------------------------------------------------------------------
 *
 * largeobjects.c
 *	  The items of a job that copy large objects.
 *
 * An item is a range of numbers with at least one object in it: where there is
 * nothing to read there is no item, or a resume would take it for something that
 * was read.  Under a new snapshot ranges are cut anew, around those that are
 * done.  Numbers of items have no gaps, so an item that is left over stays, done,
 * with nothing in it, until a later snapshot needs it.
 *
 * What is to be read again is removed by its record in pgcopy.large_object, some
 * hundred objects in one transaction, as each needs an entry in the lock table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "catalog/lorecord.h"
#include "catalog/query.h"
#include "catalog/survey.h"
#include "plan/plan.h"
#include "run/largeobjects.h"

/* Large objects in one item. */
#define OBJECTS_PER_ITEM 2000

/* Large objects that are removed in one transaction. */
#define REMOVE_BATCH 500

List *
pgcopy_largeobjects_plan(Leader *leader)
{
	List	   *firsts;
	List	   *lasts;

	if (!leader->job->options.large_objects)
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

/* Items are numbered from 1 on without a gap. */
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

/* Items that have copied nothing take the new ranges. */
void
pgcopy_largeobjects_plan_again(Leader *leader)
{
	int64		job = leader->job->id;
	List	   *ranges = pgcopy_largeobjects_plan(leader);
	List	   *free = pgcopy_survey_large_object_items_left(job);
	int			at = 0;
	ListCell   *lc;

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

/* The last "n" of a record; those that stay are told in the server's log. */
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

/* One transaction of the removal; false when there is nothing left. */
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
