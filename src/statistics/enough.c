/*-------------------------------------------------------------------------
 *
 * enough.c
 *	  What of an ANALYZE is left to do for a table whose columns have statistics.
 *
 * ANALYZE also makes those of expressions of indexes and of CREATE STATISTICS, which
 * the source cannot tell: a table with such is analyzed.  And it counts pages and rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/visibilitymap.h"
#include "access/htup_details.h"
#include "access/multixact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "commands/vacuum.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "statistics/intake.h"

/* Does an index have expressions, whose statistics ANALYZE makes? */
static bool
has_expression(Relation relation)
{
	List	   *indexes = RelationGetIndexList(relation);
	bool		found = false;
	ListCell   *lc;

	foreach(lc, indexes)
	{
		Relation	index = relation_open(lfirst_oid(lc), AccessShareLock);

		found = found || !heap_attisnull(index->rd_indextuple, Anum_pg_index_indexprs, NULL);
		relation_close(index, AccessShareLock);
	}
	list_free(indexes);
	return found;
}

/* Has somebody analyzed the table, maybe while it was being filled? */
static bool
is_analyzed(Oid relid)
{
	PgStat_StatTabEntry *entry = pgstat_fetch_stat_tabentry(relid);

	return entry != NULL && pgcopy_count_analyzed(entry) > 0;
}

bool
pgcopy_enough_for(Oid relid)
{
	Relation	relation;
	bool		enough;

	LockRelationOid(relid, ShareUpdateExclusiveLock);
	relation = try_relation_open(relid, NoLock);
	if (relation == NULL)
		return false;
	enough = RelationGetStatExtList(relation) == NIL && !has_expression(relation) &&
		!is_analyzed(relid);
	relation_close(relation, NoLock);
	return enough;
}

/* Read a relation's number of rows; -1: it is not known. */
static double
read_rows(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	double		rows;

	if (!HeapTupleIsValid(tuple))
		return -1;
	rows = ((Form_pg_class) GETSTRUCT(tuple))->reltuples;
	ReleaseSysCache(tuple);
	return rows;
}

bool
pgcopy_enough_is_counted(Oid relid)
{
	return read_rows(relid) >= 0;
}

/* The rows of all partitions. */
static double
sum_partitions(Oid relid)
{
	double		sum = 0;
	ListCell   *lc;

	foreach(lc, find_all_inheritors(relid, AccessShareLock, NULL))
	{
		if (get_rel_relkind(lfirst_oid(lc)) != RELKIND_PARTITIONED_TABLE)
			sum += Max(read_rows(lfirst_oid(lc)), 0);
	}
	return sum;
}

/* Tell the planner. */
static void
set_counts(Relation relation, double rows)
{
	bool		has_pages = RELKIND_HAS_STORAGE(relation->rd_rel->relkind);
	BlockNumber visible = 0;
	BlockNumber frozen = 0;

	if (has_pages)
		visibilitymap_count(relation, &visible, &frozen);
	pgcopy_update_relation_counts(relation,
								  has_pages ? RelationGetNumberOfBlocks(relation) :
								  InvalidBlockNumber,
								  rows, visible, frozen, relation->rd_rel->relhasindex);
}

void
pgcopy_enough_report(Oid relid, int64 rows)
{
	Relation	relation = relation_open(relid, ShareUpdateExclusiveLock);
	double		count = read_rows(relid);

	if (relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		set_counts(relation, sum_partitions(relid));
	else if (count < 0 && rows >= 0)
	{
		count = rows;
		set_counts(relation, count);
	}
	if (relation->rd_rel->relkind == RELKIND_RELATION)
	{
		pgcopy_report_analyze(relation, (PgStat_Counter) Max(count, 0));
		pgcopy_report_vacuum(relid, (PgStat_Counter) Max(count, 0));
	}
	relation_close(relation, NoLock);
}

void
pgcopy_enough_leave(Oid relid, int64 rows)
{
	PgStat_StatTabEntry *entry = pgstat_fetch_stat_tabentry(relid);
	double		counted = read_rows(relid);
	Relation	relation;

	if (counted >= 0)
		rows = (int64) counted;

	/* rows that were inserted one by one are counted already */
	if (rows <= 0 || (entry != NULL && pgcopy_count_live(entry) > 0))
		return;
	relation = relation_open(relid, AccessShareLock);
	if (relation->rd_rel->relkind == RELKIND_RELATION)
		pgstat_count_heap_insert(relation, (PgStat_Counter) rows);
	relation_close(relation, NoLock);
}
