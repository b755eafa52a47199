/*-------------------------------------------------------------------------
 *
 * work_statistics.c
 *	  Statistics of the source for the tables of an assignment.
 *
 * They are asked for in the message that asks for the rows, behind them, and commit with
 * them.  A table is marked if all its statistics have come; its item of kind analyze
 * runs ANALYZE for all others.  Whatever goes wrong with statistics alone costs no
 * more than that.
 *
 * They describe all rows of the source's table, as they are there: they are not taken
 * for a table with filters or with values of a user, whose true values they would
 * tell, nor for one that was here.  Those of a partitioned table come with the first of
 * its partitions, if nothing is left out of the whole clone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/partition.h"
#include "partitioning/partdesc.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "catalog/item.h"
#include "run/work_private.h"
#include "source/series.h"
#include "statistics/intake.h"

/* No table has more columns; see MaxHeapAttributeNumber. */
#define MOST_COLUMNS 1600

struct WorkStatistics
{
	SeriesQuery query;
	List	   *tables;			/* IntakeTable * */
	List	   *numbers;		/* of pgcopy.relation, parallel */
};

static bool
has_all_rows(const JobRelation *relation)
{
	return relation->row_condition == NULL && relation->row_join == NULL &&
		relation->row_with == NULL && relation->condition == NULL &&
		relation->column_expressions == NIL;
}

/* Is nothing left out of the clone, nor changed? */
static bool
is_whole(const JobOptions *options)
{
	return options->row_filters == NIL && options->column_values == NIL &&
		options->include_schemas == NIL && options->exclude_schemas == NIL &&
		options->include_tables == NIL && options->exclude_tables == NIL &&
		options->exclude_table_data == NIL && options->include_extensions == NIL &&
		options->exclude_extensions == NIL;
}

static IntakeTable *
add_table(WorkStatistics *statistics, const JobRelation *relation)
{
	IntakeTable *table = palloc0(sizeof(IntakeTable));

	table->source_oid = relation->source_oid;
	table->schema = relation->schema;
	table->name = relation->name;
	table->relid = relation->target_oid;
	table->is_inherited = relation->relkind == RELKIND_PARTITIONED_TABLE;
	table->rows = -1;
	statistics->tables = lappend(statistics->tables, table);
	statistics->numbers = lappend_int(statistics->numbers, relation->no);
	return table;
}

/* Return the partitioned table that a relation is the first partition of, or InvalidOid. */
static Oid
find_parent(Oid relid)
{
	Oid			parent = get_rel_relispartition(relid) ?
		get_partition_parent(relid, true) : InvalidOid;
	Relation	relation = OidIsValid(parent) ?
		try_relation_open(parent, AccessShareLock) : NULL;
	bool		is_first = false;

	if (relation == NULL)
		return InvalidOid;
	if (relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
	{
		PartitionDesc partitions = RelationGetPartitionDesc(relation, true);

		is_first = partitions->nparts > 0 && partitions->oids[0] == relid;
	}
	relation_close(relation, NoLock);
	return is_first ? parent : InvalidOid;
}

static void
add_parents(WorkStatistics *statistics, int64 job, Oid relid)
{
	Oid			parent;

	for (parent = find_parent(relid); OidIsValid(parent); parent = find_parent(parent))
	{
		JobRelation *relation = pgcopy_relation_find_target(job, parent);

		if (relation == NULL || !relation->is_ours)
			return;
		(void) add_table(statistics, relation);
	}
}

WorkStatistics *
pgcopy_work_statistics_begin(const Job *job)
{
	return job->options.statistics == STATISTICS_COPY ?
		palloc0(sizeof(WorkStatistics)) : NULL;
}

IntakeTable *
pgcopy_work_statistics_add(WorkStatistics *statistics, const Job *job, const JobItem *item,
						   const JobRelation *relation)
{
	IntakeTable *table;

	/* a table in chunks comes with its first one */
	if (statistics == NULL || !relation->is_ours || relation->was_here ||
		relation->through_root || !has_all_rows(relation) || item->range_start > 0)
		return NULL;
	table = add_table(statistics, relation);
	if (is_whole(&job->options))
		add_parents(statistics, job->id, relation->target_oid);
	return table;
}

const SeriesQuery *
pgcopy_work_statistics_query(WorkStatistics *statistics, const SourceSession *session)
{
	if (statistics == NULL || statistics->tables == NIL)
		return NULL;
	statistics->query.sql = pgcopy_intake_sql(statistics->tables,
											  pgcopy_session_version(session));
	statistics->query.columns = INTAKE_COLUMNS;
	statistics->query.rows = MOST_COLUMNS * list_length(statistics->tables);
	return &statistics->query;
}

void
pgcopy_work_statistics_take(WorkStatistics *statistics, int64 job, struct CopySeries *series)
{
	List	   *numbers = NIL;
	List	   *rows = NIL;
	bool		has_snapshot = ActiveSnapshotSet();
	int			nesting;
	ListCell   *lc;

	if (statistics == NULL || statistics->tables == NIL)
		return;

	/* TOAST and functions in types need a snapshot */
	if (!has_snapshot)
		PushActiveSnapshot(GetTransactionSnapshot());
	nesting = pgcopy_intake_begin();
	if (!pgcopy_series_read_query(series, pgcopy_intake_take, statistics->tables))
		statistics->tables = NIL;
	AtEOXact_GUC(false, nesting);
	if (!has_snapshot)
		PopActiveSnapshot();
	foreach(lc, statistics->tables)
	{
		IntakeTable *table = lfirst(lc);

		if (!pgcopy_intake_is_complete(table))
			continue;
		numbers = lappend_int(numbers, list_nth_int(statistics->numbers,
													foreach_current_index(lc)));
		rows = lappend(rows, psprintf(INT64_FORMAT, table->rows));
	}
	if (numbers != NIL)
		pgcopy_relation_set_statistics(job, numbers, rows);
}

/* How many rows the job has copied into a table; -1 if an index build has counted them. */
static int64
count_rows(const Job *job, const JobRelation *relation)
{
	if (relation->statistics_rows >= 0 || relation->relkind != RELKIND_RELATION ||
		pgcopy_enough_is_counted(relation->target_oid))
		return relation->statistics_rows;
	return pgcopy_item_sum_rows(job->id, relation->no);
}

bool
pgcopy_work_statistics_suffice(const Job *job, const JobRelation *relation)
{
	if (job->options.statistics == STATISTICS_NONE)
	{
		if (relation->is_ours && relation->relkind == RELKIND_RELATION)
			pgcopy_enough_leave(relation->target_oid, count_rows(job, relation));
		return true;
	}
	if (job->options.statistics != STATISTICS_COPY || !relation->has_statistics ||
		relation->was_here || !pgcopy_enough_for(relation->target_oid))
		return false;
	pgcopy_enough_report(relation->target_oid, count_rows(job, relation));
	return true;
}
