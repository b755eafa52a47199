/*-------------------------------------------------------------------------
 *
 * work_table.c
 *	  Copy tables: all small ones of an assignment by one request.
 *
 * Only this file decides how to load a relation.  Only relations that the job
 * created are truncated here or loaded frozen; others get ordinary rows, which
 * vanish with an attempt that fails.  A first attempt loads the empty
 * relation without TRUNCATE, a later one cleans up first.  A relation that
 * several items load, in chunks or with rows routed from its root, is never
 * truncated: rows of earlier attempts are marked dead, and VACUUM removes them
 * when the table is complete, before its ANALYZE.
 *
 * The first table of an assignment asks the source for the rows of all of them
 * (source/series.h); each is loaded when its stream's turn comes.  One of several is
 * loaded in a subtransaction, so that those before it can be kept if it fails.  Not so
 * one whose rows are routed: what takes back rows of failed attempts knows transactions,
 * not their parts (heap/clean.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/resowner.h"

#include "catalog/relation.h"
#include "load/columns.h"
#include "run/work_private.h"
#include "source/inventory.h"
#include "source/series.h"
#include "statistics/intake.h"

/* What is to be loaded for one item. */
typedef struct TableWork
{
	LoadTable	table;
	CopyRequest *request;
	IntakeTable *statistics;	/* that are asked for, or NULL */
} TableWork;

static void
refuse_text(Relation relation, const JobRelation *sent, int column)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("table \"%s\" cannot be copied in binary format",
					RelationGetRelationName(relation)),
			 errdetail("Column \"%s\" is of type %s, whose binary format differs between databases or which is another type here.",
					   (char *) list_nth(sent->columns, column),
					   (char *) list_nth(sent->types, column)),
			 errhint("Use format => 'auto'.")));
}

/* Choose the COPY format; "auto" and "binary" depend on the types. */
static void
choose_format(const Job *job, const JobRelation *sent, LoadTable *table)
{
	Relation	relation;

	/* a row without columns is no row as text if the table here has some */
	table->format = sent->columns != NIL || table->start != LOAD_EXISTING ?
		FORMAT_TEXT : FORMAT_BINARY;
	if (job->options.format == FORMAT_OPTION_TEXT)
		return;
	relation = relation_open(table->relid, AccessShareLock);
	table->as_text = pgcopy_load_choose_text(relation, sent->columns, sent->types);
	table->format = table->as_text != NULL ? FORMAT_MIXED : FORMAT_BINARY;
	if (table->as_text != NULL && job->options.format == FORMAT_OPTION_BINARY)
		refuse_text(relation, sent, bms_next_member(table->as_text, -1));
	relation_close(relation, AccessShareLock);
}

static LoadStart
choose_start(const JobItem *item, const JobRelation *relation,
			 const JobRelation *target)
{
	bool		is_first = item->attempts <= 1;

	if (target->was_here)
		return LOAD_EXISTING;
	if (!relation->is_ours || !target->is_ours)
		return LOAD_APPEND;
	if (relation->through_root)
		return LOAD_ROUTED;
	if (pgcopy_work_is_chunk(item))
		return LOAD_BESIDE_CHUNKS;
	if (is_first && (XLogIsNeeded() || item->bytes_total < WORK_TRUNCATE_PAYS_FROM))
		return LOAD_INTO_EMPTY;
	return LOAD_AFTER_TRUNCATE;
}

static const JobRelation *
choose_target(const Job *job, const JobItem *item, const JobRelation *relation)
{
	const JobRelation *target = pgcopy_work_find_target(job, item, relation);

	pgcopy_work_check_target(target);
	return target;
}

/* Set which rows to read: all, or a range of blocks or keys. */
static void
set_range(LoadTable *table, const JobItem *item, const JobRelation *relation)
{
	List	   *bounds = relation->split_bounds;

	table->is_chunk = pgcopy_work_is_chunk(item);
	if (!table->is_chunk || relation->split_key == NULL)
	{
		table->first_block = (BlockNumber) item->range_start;
		table->end_block = item->range_end < 0 ? InvalidBlockNumber :
			(BlockNumber) item->range_end;
		return;
	}
	table->key = relation->split_key;
	if (item->range_start > 0)
		table->first_key = list_nth(bounds, (int) item->range_start - 1);
	if (item->range_end >= 0)
		table->end_key = list_nth(bounds, (int) item->range_end - 1);
}

/* Set what is read of a table, and how it comes. */
static void
describe_rows(const Job *job, JobRelation *relation, LoadTable *table)
{
	table->columns = relation->columns;
	choose_format(job, relation, table);
	table->row_with = relation->row_with;
	table->row_join = relation->row_join;
	table->condition = relation->condition;
	table->row_condition = relation->row_condition;
	table->expressions = relation->column_expressions;
	table->search_path = relation->expression_path;
}

/* Find out what an item loads, and how.  Locks the relation here, if it is opened. */
static TableWork *
describe_item(const WorkPlace *place, const JobItem *item)
{
	JobRelation *relation = pgcopy_relation_fetch(place->job->id, item->relation);
	const JobRelation *target = choose_target(place->job, item, relation);
	TableWork  *work = palloc0(sizeof(TableWork));
	LoadTable  *table = &work->table;

	table->source_name = pgcopy_inventory_quoted_name(pgcopy_work_source_relation(relation));
	table->relid = target->target_oid;
	table->start = choose_start(item, relation, target);
	if (table->start == LOAD_EXISTING)
		pgcopy_load_choose_columns(table->relid, &relation->columns, &relation->types,
								   &relation->column_expressions);
	describe_rows(place->job, relation, table);
	set_range(table, item, relation);
	work->request = pgcopy_columns_request(table);
	if (!place->is_leader)
		work->request->lock = table->source_name;
	work->statistics = pgcopy_work_statistics_add(place->batch->statistics, place->job, item,
												  relation);
	return work;
}

/*
 * Ask the source for the rows of all items.  Returns false if the table of the current
 * one, then, cannot be locked there now.
 */
static bool
open_series(const WorkPlace *place)
{
	WorkBatch  *batch = place->batch;
	MemoryContext caller = MemoryContextSwitchTo(TopTransactionContext);
	List	   *requests = NIL;
	const SeriesQuery *query;
	ListCell   *lc;

	Assert(*batch->current == 0);
	batch->statistics = pgcopy_work_statistics_begin(place->job);
	foreach(lc, batch->items)
	{
		TableWork  *work;

		*batch->current = foreach_current_index(lc);
		work = describe_item(place, lfirst(lc));
		batch->tables = lappend(batch->tables, work);
		requests = lappend(requests, work->request);
	}
	query = pgcopy_work_statistics_query(batch->statistics, place->session);
	batch->series = pgcopy_series_open_with(place->session, requests, query, batch->current);
	MemoryContextSwitchTo(caller);
	return batch->series != NULL;
}

/* Load the current item's rows and mark it done. */
static void
load_item(const WorkPlace *place, const JobItem *item, LoadResult *load)
{
	const WorkBatch *batch = place->batch;
	TableWork  *work = list_nth(batch->tables, *batch->current);
	const LoadTable *table = &work->table;

	if (item->attempts > 1 &&
		(table->start == LOAD_BESIDE_CHUNKS || table->start == LOAD_ROUTED))
		pgcopy_work_take_back_rows(place->job->id, item, table->relid);
	*load = pgcopy_load_table(batch->series, table, place->progress, place->progress_arg);
	pgcopy_item_mark_done(place->job->id, item->no,
						  pgcopy_words_of_format(table->format),
						  load->rows, load->bytes);
	if (work->statistics != NULL && !table->is_chunk)
		work->statistics->rows = load->rows;
}

static void
load_item_in_subtransaction(const WorkPlace *place, const JobItem *item, LoadResult *load)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		load_item(place, item, load);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		CurrentResourceOwner = owner;
		MemoryContextSwitchTo(context);
		place->batch->is_undone = true;
		ReThrowError(error);
	}
	PG_END_TRY();
	CurrentResourceOwner = owner;
	MemoryContextSwitchTo(context);
}

static bool
is_routed(const WorkBatch *batch)
{
	return ((TableWork *) list_nth(batch->tables, *batch->current))->table.start == LOAD_ROUTED;
}

WorkResult
pgcopy_work_table(const WorkPlace *place, const JobItem *item, LoadResult *load)
{
	WorkBatch  *batch = place->batch;

	if (batch->series == NULL && !open_series(place))
		return WORK_SOURCE_LOCKED;
	batch->begun = *batch->current + 1;
	if (*batch->current == 0 || is_routed(batch))
		load_item(place, item, load);
	else
		load_item_in_subtransaction(place, item, load);
	if (batch->begun == list_length(batch->items))
		pgcopy_work_statistics_take(batch->statistics, place->job->id, batch->series);
	return WORK_DONE;
}

LoadResult
pgcopy_work_copy_again(const Job *job, SourceSession *session, JobRelation *relation,
					   const JobRelation *target, LoadStart start)
{
	LoadTable	table = {
		.source_name = pgcopy_inventory_quoted_name(pgcopy_work_source_relation(relation)),
		.relid = target->target_oid,
		.start = start,
		.end_block = InvalidBlockNumber
	};
	List	   *requests;
	int			at;

	pgcopy_work_check_target(target);
	describe_rows(job, relation, &table);
	requests = list_make1(pgcopy_columns_request(&table));
	return pgcopy_load_table(pgcopy_series_open(session, requests, &at), &table, NULL, NULL);
}
