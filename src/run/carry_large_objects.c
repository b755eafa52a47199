/*-------------------------------------------------------------------------
 *
 * carry_large_objects.c
 *	  Bring large objects to what the source's are, while a job follows.
 *
 * No stream carries them.  Once before the fence of a cutover, once in it: look which
 * have changed since the last look (first: since the job's snapshot), and copy those
 * anew, remove those that are gone.  Only objects that the job has created are touched.
 *
 * What a look copies belongs to an item of its own, and its record to that: an object
 * is ours if a transaction of a record made it.  Batches are transactions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "catalog/job.h"
#include "catalog/item.h"
#include "catalog/lorecord.h"
#include "load/largeobject.h"
#include "run/carry.h"
#include "source/names.h"

/* Large objects per transaction: each needs an entry in the lock table. */
#define BATCH_OBJECTS 500

/* So much content is looked through, whatever the counters say. */
#define ALWAYS_LOOKED_AT (256 * 1024 * 1024)

typedef struct Look
{
	Leader	   *leader;
	SourceSession *session;
	MemoryContext context;		/* of the lists */
	List	   *records;		/* LargeObjectRecord */
	List	   *there;			/* OIDs on the source, ascending */
	List	   *written;		/* that may have changed */
	List	   *remarked;		/* that have another comment or label */
	List	   *gone;			/* to remove here */
	List	   *wanted;			/* to copy, after removing them here */
	int64		bytes;
} Look;

static int
compare_oids(const void *a, const void *b)
{
	Oid			x = *(const Oid *) a;
	Oid			y = *(const Oid *) b;

	return x < y ? -1 : x > y;
}

static bool
is_recorded(const LargeObjectRecord *record, Oid oid)
{
	return record->count > 0 &&
		bsearch(&oid, record->oids, record->count, sizeof(Oid), compare_oids) != NULL;
}

static bool
is_ours(const Look *look, Oid oid)
{
	ListCell   *lc;

	foreach(lc, look->records)
	{
		if (is_recorded(lfirst(lc), oid))
			return true;
	}
	return false;
}

/* Which are gone from the source? */
static void
find_gone(Look *look)
{
	ListCell   *lc;

	foreach(lc, look->records)
	{
		const LargeObjectRecord *record = lfirst(lc);

		for (int i = 0; i < record->count; i++)
		{
			if (!pgcopy_largeobject_is_member(look->there, record->oids[i]))
				look->gone = lappend_oid(look->gone, record->oids[i]);
		}
	}
}

/* Which are to be copied?  New ones too. */
static void
find_wanted(Look *look)
{
	ListCell   *lc;

	foreach(lc, look->there)
	{
		Oid			oid = lfirst_oid(lc);

		CHECK_FOR_INTERRUPTS();
		if (pgcopy_largeobject_is_member(look->written, oid) ||
			pgcopy_largeobject_is_member(look->remarked, oid) || !is_ours(look, oid))
			look->wanted = lappend_oid(look->wanted, oid);
	}
}

/* The first transaction that the session's present snapshot may not see. */
static int64
read_xmin(SourceSession *session)
{
	SourceRows *rows =
		pgcopy_session_query_row(session,
								 "SELECT pg_catalog.txid_snapshot_xmin("
								 "pg_catalog.txid_current_snapshot())", 1, 0, NULL);
	int64		xmin = pgcopy_rows_get_int64(rows, 0, 0);

	pgcopy_rows_free(rows);
	return xmin;
}

/*
 * Have the counters of the source's statistics not moved since the last look?  They
 * are relied on only where no session of before is left, and if there is much to look
 * through.
 */
static bool
is_unchanged(Look *look, bool is_in_fence, const char *counters, int64 bytes)
{
	const Carry *carry = pgcopy_carry_state(look->leader);

	return is_in_fence && !look->leader->control->cutover.request.locks_only &&
		carry->has_looked && bytes > ALWAYS_LOOKED_AT && counters != NULL &&
		carry->seen_counters != NULL && strcmp(counters, carry->seen_counters) == 0;
}

/* Remember what this look has seen, once all of it is here. */
static void
keep_look(Leader *leader, int64 xmin, const char *counters)
{
	Carry	   *carry = pgcopy_carry_state(leader);

	carry->has_looked = true;
	carry->seen_xmin = xmin;
	if (carry->seen_counters != NULL)
		pfree(carry->seen_counters);
	carry->seen_counters = counters == NULL ? NULL :
		MemoryContextStrdup(leader->context, counters);
}

static void
find_changes(Look *look)
{
	const Carry *carry = pgcopy_carry_state(look->leader);
	int64		since = carry->has_looked ? carry->seen_xmin :
		pgcopy_job_snapshot_oldest(look->leader->job->id);

	look->there = pgcopy_largeobject_list(look->session);
	look->written = pgcopy_largeobject_find_written(look->session, since);
	look->remarked =
		pgcopy_largeobject_find_remarked(look->session,
										 look->leader->job->options.no_comments);
	list_sort(look->written, list_oid_cmp);
	look->records = pgcopy_lorecord_fetch_all(look->leader->job->id);
	find_gone(look);
	find_wanted(look);
}

/* Take the objects out of a record, and remove them. */
static void
remove_recorded(Look *look, LargeObjectRecord *record, const List *oids)
{
	Oid		   *removed = palloc(sizeof(Oid) * list_length(oids));
	int			count = 0;
	int			left = 0;
	Oid			kept;

	for (int i = 0; i < record->count; i++)
	{
		if (pgcopy_largeobject_is_member(oids, record->oids[i]))
			removed[count++] = record->oids[i];
		else
			record->oids[left++] = record->oids[i];
	}
	if (count == 0)
		return;
	record->count = left;
	if (pgcopy_largeobject_remove(removed, count, record->xid, &kept) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("large object %u has been replaced in this database", kept),
				 errdetail("The source has changed or removed it too, but this job did not create the one that is here."),
				 errhint("Remove it with SELECT lo_unlink(%u).", kept)));
	pgcopy_lorecord_store(look->leader->job->id, record);
}

static void
remove_here(Look *look, const List *oids)
{
	ListCell   *lc;

	foreach(lc, look->records)
		remove_recorded(look, lfirst(lc), oids);
	CommandCounterIncrement();
}

/* Copy objects that are not here, as an item of their own. */
static void
copy_objects(Look *look, const List *oids)
{
	const Job  *job = look->leader->job;
	LargeObjectCopy copy = {
		.first = linitial_oid(oids),
		.last = llast_oid(oids),
		.only = pgcopy_names_oids_literal(oids),
		.no_owner = job->options.no_owner,
		.no_privileges = job->options.no_privileges,
		.no_comments = job->options.no_comments
	};
	LargeObjectRecord record;
	LoadResult	load = pgcopy_largeobject_copy(look->session, &copy);

	record.item = pgcopy_largeobjects_add_done(job->id, "changed since");
	record.xid = copy.xid;
	record.count = copy.count;
	record.oids = copy.oids;
	pgcopy_lorecord_store(job->id, &record);
	CommandCounterIncrement();
	pgcopy_item_mark_done(job->id, record.item, NULL, load.rows, load.bytes);
	look->bytes += load.bytes;
}

/* Do the next objects of a list, in a transaction. */
static void
do_batch(Look *look, const List *oids, int first, bool copies)
{
	List	   *batch = NIL;

	pgcopy_leader_begin(look->leader);
	for (int i = first; i < Min(first + BATCH_OBJECTS, list_length(oids)); i++)
		batch = lappend_oid(batch, list_nth_oid(oids, i));
	remove_here(look, batch);
	if (copies)
		copy_objects(look, batch);
	pgcopy_leader_commit(look->leader);
}

static void
apply_changes(Look *look)
{
	list_sort(look->gone, list_oid_cmp);
	for (int i = 0; i < list_length(look->gone); i += BATCH_OBJECTS)
		do_batch(look, look->gone, i, false);
	for (int i = 0; i < list_length(look->wanted); i += BATCH_OBJECTS)
		do_batch(look, look->wanted, i, true);
}

static void
run_look(Look *look, bool is_in_fence, StringInfo report)
{
	TimestampTz begun = GetCurrentTimestamp();
	int64		bytes;
	char	   *counters;
	int64		xmin;

	pgcopy_leader_begin(look->leader);
	MemoryContextSwitchTo(look->context);
	xmin = read_xmin(look->session);
	counters = pgcopy_largeobject_counters(look->session, &bytes);
	if (!is_unchanged(look, is_in_fence, counters, bytes))
		find_changes(look);
	pgcopy_leader_commit(look->leader);
	apply_changes(look);
	keep_look(look->leader, xmin, counters);
	if (look->gone == NIL && look->wanted == NIL)
		return;
	appendStringInfo(report,
					 "large objects: %d copied, %d removed, %s in %ld ms\n",
					 list_length(look->wanted), list_length(look->gone),
					 pgcopy_carry_size(look->bytes),
					 TimestampDifferenceMilliseconds(begun, GetCurrentTimestamp()));
}

void
pgcopy_carry_large_objects(Leader *leader, bool is_in_fence, StringInfo report)
{
	Look		look = {.leader = leader};

	if (!pgcopy_chosen_has_large_objects(leader) ||
		!(leader->job->options.sections & SECTION_DATA))
		return;
	look.context = AllocSetContextCreate(leader->context, "pgcopy large objects",
										 ALLOCSET_DEFAULT_SIZES);
	look.session = pgcopy_link_session(leader->link);
	run_look(&look, is_in_fence, report);
	MemoryContextDelete(look.context);
}
