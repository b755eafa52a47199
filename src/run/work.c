/*-------------------------------------------------------------------------
 *
 * work.c
 *	  Do one item, with what load/ and schema/ offer.
 *
 * Tables are copied by work_table.c, statements are run by schema/.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "base/retry.h"
#include "base/testpoint.h"
#include "catalog/job.h"
#include "catalog/lorecord.h"
#include "catalog/notice.h"
#include "catalog/relation.h"
#include "heap/heap.h"
#include "load/largeobject.h"
#include "run/process.h"
#include "run/work_private.h"
#include "schema/apply.h"
#include "source/inventory.h"
#include "source/keyrange.h"
#include "source/snapshot.h"

SourceRelation *
pgcopy_work_source_relation(const JobRelation *row)
{
	SourceRelation *relation = palloc0(sizeof(SourceRelation));

	relation->oid = row->source_oid;
	relation->schema = row->schema;
	relation->name = row->name;
	relation->local_schema = row->local_schema;
	relation->relkind = row->relkind;
	relation->config_condition = row->condition;
	return relation;
}

bool
pgcopy_work_is_chunk(const JobItem *item)
{
	return item->kind == ITEM_TABLE &&
		(item->range_start > 0 || item->range_end >= 0);
}

void
pgcopy_work_test_point(const JobItem *item, const char *moment)
{
	PGCOPY_TEST_POINT(pgcopy_work_is_chunk(item) ? "chunk" : pgcopy_item_kind_traits(item->kind)->name,
					  moment);
}

/* Does the table exist?  Waits for a DROP in progress. */
static bool
is_there(Oid relid)
{
	Relation	relation = OidIsValid(relid) ?
		try_relation_open(relid, AccessShareLock) : NULL;

	if (relation == NULL)
		return false;
	relation_close(relation, AccessShareLock);
	return true;
}

void
pgcopy_work_check_target(const JobRelation *target)
{
	if (!OidIsValid(target->target_oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"%s.%s\" does not exist here",
						target->local_schema, target->name),
				 errdetail("Its definition has failed: see the other rows of pgcopy_errors.")));
	if (!is_there(target->target_oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"%s.%s\" has been dropped",
						target->local_schema, target->name)));
}

const JobRelation *
pgcopy_work_find_target(const Job *job, const JobItem *item, const JobRelation *relation)
{
	return relation->through_root ?
		pgcopy_relation_fetch(job->id, item->referenced) : relation;
}

void
pgcopy_work_take_back_rows(int64 job, const JobItem *item, Oid relid)
{
	LoadAttempts attempts;

	if (item->dirty_from == 0)
		return;
	attempts.first = FullTransactionIdFromU64((uint64) item->dirty_from);
	attempts.loaded = pgcopy_item_fetch_loaded(job, &attempts.loaded_count);
	(void) pgcopy_heap_take_back(relid, &attempts);
	pfree(attempts.loaded);
}

static void
copy_large_objects(const WorkPlace *place, const JobItem *item, LoadResult *load)
{
	LargeObjectCopy copy = {
		.first = (Oid) item->range_start,
		.last = (Oid) item->range_end,
		.no_owner = place->job->options.no_owner,
		.no_privileges = place->job->options.no_privileges,
		.no_comments = place->job->options.no_comments,
		.progress = place->progress,
		.progress_arg = place->progress_arg
	};
	LargeObjectRecord record = {.item = item->no};

	*load = pgcopy_largeobject_copy(place->session, &copy);
	record.xid = copy.xid;
	record.count = copy.count;
	record.oids = copy.oids;
	pgcopy_lorecord_store(place->job->id, &record);
	pgcopy_item_mark_done(place->job->id, item->no, NULL, load->rows,
						  load->bytes);
}

int
pgcopy_work_set_sequences(const Job *job, SourceSession *session, List *rows)
{
	List	   *sequences = NIL;
	ListCell   *lc;

	foreach(lc, rows)
	{
		JobRelation *row = lfirst(lc);
		SourceRelation *sequence;

		if (!pgcopy_relation_is_set_here(row))
			continue;
		sequence = pgcopy_work_source_relation(row);

		/* beside rows that stay it must not go back, as one of an extension */
		if (row->was_here && job->options.append)
			sequence->config_condition = pstrdup("");
		sequences = lappend(sequences, sequence);
	}
	pgcopy_sequence_copy(session, sequences);
	return list_length(sequences);
}

static void
copy_sequences(const WorkPlace *place, const JobItem *item)
{
	List	   *rows = pgcopy_relation_fetch_range(place->job->id,
												   (int) item->range_start,
												   (int) item->range_end);

	pgcopy_item_mark_done(place->job->id, item->no, NULL,
						  pgcopy_work_set_sequences(place->job, place->session, rows), 0);
}

/* Mark a statement's item as done, with who has built its index. */
static void
mark_statement_done(int64 job, const JobItem *item, const IndexOutcome *outcome)
{
	switch (outcome->builder)
	{
		case INDEX_NOT_BUILT:
			pgcopy_item_mark_done(job, item->no, NULL, 0, 0);
			break;
		case INDEX_BUILT_FAST:
			pgcopy_item_mark_built(job, item->no, "fast", NULL);
			break;
		case INDEX_BUILT_BY_SERVER:
			pgcopy_item_mark_built(job, item->no, "server", outcome->reason);
			break;
	}
}

static void
run_statement(const WorkPlace *place, const JobItem *item)
{
	ItemStatement *statement = pgcopy_item_fetch_statement(place->job->id, item->no);
	DumpSettings settings = {
		.default_tablespace = statement->default_tablespace,
		.default_table_access_method = statement->default_table_access_method,
		.session_authorization = statement->session_authorization,
		.check_function_bodies = statement->check_function_bodies,
		.search_path = place->search_path
	};
	IndexOutcome outcome = {0};

	pgcopy_apply_statement(statement->sql, &settings,
						   (ApplyForm) statement->form, statement->has_secret,
						   &outcome);

	/* many run in one transaction, and their texts may be long */
	pfree(statement->sql);
	mark_statement_done(place->job->id, item, &outcome);
}

/*
 * ANALYZE a table.  One that is partitioned here may have partitions that the source
 * has not: those get no item of their own.  Returns the first error.
 */
static ErrorData *
analyze_tree(const JobRelation *relation)
{
	ErrorData  *error = NULL;
	ListCell   *lc;

	if (!relation->was_here ||
		get_rel_relkind(relation->target_oid) != RELKIND_PARTITIONED_TABLE)
		return pgcopy_analyze_table(relation->target_oid);
	foreach(lc, find_all_inheritors(relation->target_oid, AccessShareLock, NULL))
	{
		ErrorData  *next = pgcopy_analyze_table(lfirst_oid(lc));

		if (error == NULL)
			error = next;
	}
	return error;
}

/*
 * ANALYZE a table, unless its statistics came from the source or none are wanted; dead
 * rows of failed attempts go first.  One that always fails, as on the source, leaves a
 * complete copy: the job goes on.  If a name was not found, the other search_path comes
 * first.
 */
static WorkResult
analyze_table(const WorkPlace *place, const JobItem *item)
{
	JobRelation *relation = pgcopy_relation_fetch(place->job->id, item->relation);
	ErrorData  *error;

	pgcopy_work_check_target(relation);
	if (place->can_vacuum && !item->is_vacuumed && relation->is_ours &&
		pgcopy_vacuum_is_wanted(relation->target_oid))
		return WORK_WANTS_VACUUM;
	if (pgcopy_work_statistics_suffice(place->job, relation))
	{
		pgcopy_item_mark_done(place->job->id, item->no, NULL, 0, 0);
		return WORK_DONE;
	}
	if (relation->was_here &&
		!pgcopy_class_ownercheck(relation->target_oid, GetUserId()))
	{
		pgcopy_notice_tell(place->job->id,
						   quote_qualified_identifier(relation->schema, relation->name),
						   "the table was not analyzed: the job's role is not its owner",
						   "Let its owner run ANALYZE.");
		pgcopy_item_mark_done(place->job->id, item->no, NULL, 0, 0);
		return WORK_DONE;
	}
	error = analyze_tree(relation);
	if (error != NULL && pgcopy_retry_need(error->sqlerrcode) == NEED_OBJECTS &&
		pgcopy_work_path_is_left(place->job, item))
		ReThrowError(error);
	if (error != NULL)
		pgcopy_notice_tell(place->job->id,
						   quote_qualified_identifier(relation->local_schema, relation->name),
						   psprintf("ANALYZE failed, the table has no new statistics: %s", error->message),
						   "Repair what ANALYZE meets there, then run it. The rows are complete.");
	pgcopy_item_mark_done(place->job->id, item->no, NULL, 0, 0);
	return WORK_DONE;
}

static WorkResult
do_item(const WorkPlace *place, const JobItem *item, LoadResult *load)
{
	WorkResult	result = WORK_DONE;

	switch (item->kind)
	{
		case ITEM_TABLE:
			result = pgcopy_work_table(place, item, load);
			break;
		case ITEM_LARGE_OBJECTS:
			copy_large_objects(place, item, load);
			break;
		case ITEM_SEQUENCE:
			copy_sequences(place, item);
			break;
		case ITEM_ANALYZE:
			result = analyze_table(place, item);
			break;
		case ITEM_PRE_DATA:
		case ITEM_INDEX:
		case ITEM_CONSTRAINT:
		case ITEM_FOREIGN_KEY:
		case ITEM_VALIDATE:
		case ITEM_POST_DATA:
		case ITEM_REFRESH:
		case ITEM_TRUNCATE:
		case ITEM_FINAL:
			run_statement(place, item);
			break;
		case ITEM_ROLE:
		case ITEM_DATABASE:
			pgcopy_work_shared(place, item);
			break;
	}
	return result;
}

WorkResult
pgcopy_work_do(const WorkPlace *place, const JobItem *item, LoadResult *load)
{
	WorkPlace	here = *place;
	WorkResult	result;
	int			nest_level = NewGUCNestLevel();

	Assert(IsTransactionState());
	Assert(place->session != NULL ||
		   !pgcopy_item_kind_traits(item->kind)->needs_source);
	memset(load, 0, sizeof(LoadResult));
	pgcopy_work_test_point(item, "begun");

	here.search_path = pgcopy_work_path_choose(place->job, item);
	if (here.search_path != NULL)
		(void) set_config_option("search_path", here.search_path, PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	result = do_item(&here, item, load);
	AtEOXact_GUC(true, nest_level);
	if (result == WORK_DONE)
		pgcopy_work_path_tell(place->job, item);
	if (result == WORK_DONE)
		pgcopy_work_test_point(item, "done");
	return result;
}

void
pgcopy_work_clean_up(const Job *job, const JobItem *item)
{
	const JobRelation *relation;
	const JobRelation *target;

	if (item->kind != ITEM_TABLE)
		return;
	relation = pgcopy_relation_fetch(job->id, item->relation);
	target = pgcopy_work_find_target(job, item, relation);
	if (!target->is_ours || get_rel_relkind(target->target_oid) == '\0')
		return;
	if (pgcopy_work_is_chunk(item) || relation->through_root ||
		!pgcopy_load_try_truncate(target->target_oid))
		pgcopy_work_take_back_rows(job->id, item, target->target_oid);
}

/*
 * List the tables that hold an item's rows: its own, or the leaves of its root.
 */
static List *
find_heaps(const Job *job, const JobItem *item, const JobRelation *relation)
{
	const JobRelation *target = pgcopy_work_find_target(job, item, relation);

	if (!target->is_ours || get_rel_relkind(target->target_oid) == '\0')
		return NIL;
	if (!relation->through_root)
		return list_make1_oid(target->target_oid);
	return find_all_inheritors(target->target_oid, AccessShareLock, NULL);
}

void
pgcopy_work_vacuum(const Job *job, JobItem *item)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid			relid;

	pgcopy_process_begin_transaction();
	relid = pgcopy_relation_fetch(job->id, item->relation)->target_oid;
	pgcopy_process_end_transaction();
	pgcopy_vacuum_table(relid);
	item->is_vacuumed = true;
	MemoryContextSwitchTo(caller);
}

void
pgcopy_work_vacuum_failed(const Job *job, const JobItem *item)
{
	MemoryContext caller = CurrentMemoryContext;
	const JobRelation *relation;
	List	   *wanted = NIL;
	List	   *heaps;
	ListCell   *lc;

	if (item->kind != ITEM_TABLE)
		return;
	pgcopy_process_begin_transaction();
	relation = pgcopy_relation_fetch(job->id, item->relation);
	heaps = find_heaps(job, item, relation);
	MemoryContextSwitchTo(caller);
	foreach(lc, heaps)
	{
		if (pgcopy_vacuum_is_wanted(lfirst_oid(lc)))
			wanted = lappend_oid(wanted, lfirst_oid(lc));
	}
	pgcopy_process_end_transaction();
	foreach(lc, wanted)
		pgcopy_vacuum_try_table(lfirst_oid(lc));
	MemoryContextSwitchTo(caller);
}

void
pgcopy_work_clean_up_at_end(const Job *job, const JobItem *item)
{
	JobRelation *relation;

	if (item->kind != ITEM_TABLE ||
		pgcopy_item_is_part_of_done(job->id, item->relation))
		return;
	relation = pgcopy_relation_fetch(job->id, item->relation);
	if (relation->is_ours && !relation->through_root &&
		get_rel_relkind(relation->target_oid) == RELKIND_RELATION)
		(void) pgcopy_load_try_truncate(relation->target_oid);
}

char *
pgcopy_work_describe(const JobItem *item)
{
	return psprintf("%s %s%s%s", pgcopy_item_kind_traits(item->kind)->name,
					item->schema ? item->schema : "",
					item->schema ? "." : "",
					item->name ? item->name : "");
}
