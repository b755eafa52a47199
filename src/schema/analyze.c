/*-------------------------------------------------------------------------
 *
 * analyze.c
 *	  ANALYZE one table, inside the transaction of the caller.
 *
 * Not the ANALYZE command: that would go through all partitions again for
 * each partitioned parent, and could not be marked as done in the transaction
 * that does it.
 *
 * The table's rows were loaded frozen and all-visible, so a vacuum would find
 * nothing; it is reported as done, or autovacuum would scan every table whose
 * rows count as inserted (not those of heap/pages.c) and stand in the way of the
 * locks to come.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "commands/vacuum.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "schema/apply.h"

/*
 * Whether a foreign table stands below: ANALYZE of the whole tree would ask
 * its server, which need not be there today.
 */
static bool
has_foreign_child(Oid relid)
{
	List	   *tree;
	ListCell   *lc;
	bool		found = false;

	if (!has_subclass(relid))
		return false;
	tree = find_all_inheritors(relid, NoLock, NULL);
	foreach(lc, tree)
		found = found || get_rel_relkind(lfirst_oid(lc)) == RELKIND_FOREIGN_TABLE;
	list_free(tree);
	return found;
}

/* Read kind and number of rows as ANALYZE left them; false: not there. */
static bool
read_relation(Oid relid, char *relkind, double *rows)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));

	if (!HeapTupleIsValid(tuple))
		return false;
	*relkind = ((Form_pg_class) GETSTRUCT(tuple))->relkind;
	*rows = Max(0, ((Form_pg_class) GETSTRUCT(tuple))->reltuples);
	ReleaseSysCache(tuple);
	return true;
}

/* ANALYZE itself only warns. */
static void
check_owner(Oid relid, char relkind)
{
	if (pgcopy_class_ownercheck(relid, GetUserId()))
		return;
	aclcheck_error(ACLCHECK_NOT_OWNER, get_relkind_objtype(relkind),
				   get_rel_name(relid));
}

void
pgcopy_analyze_table(Oid relid)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pgcopy analyze",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	VacuumParams params = {0};
	char		relkind;
	double		rows;

	Assert(IsTransactionState());
	if (!read_relation(relid, &relkind, &rows))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	check_owner(relid, relkind);
	if (has_foreign_child(relid))
	{
		MemoryContextSwitchTo(before);
		MemoryContextDelete(context);
		return;
	}

	params.options = VACOPT_ANALYZE;
	params.log_min_duration = -1;
	PushActiveSnapshot(GetTransactionSnapshot());
	analyze_rel(relid, NULL, &params, NIL, true, GetAccessStrategy(BAS_VACUUM));
	PopActiveSnapshot();
	CommandCounterIncrement();

	if ((relkind == RELKIND_RELATION || relkind == RELKIND_MATVIEW) &&
		read_relation(relid, &relkind, &rows))
		pgcopy_report_vacuum(relid, (PgStat_Counter) rows);
	MemoryContextSwitchTo(before);
	MemoryContextDelete(context);
}
