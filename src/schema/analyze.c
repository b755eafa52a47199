/*-------------------------------------------------------------------------
 *
 * analyze.c
 *	  ANALYZE one table, inside the transaction of the caller.
 *
 * Not by the ANALYZE command: for a partitioned parent that would analyze all
 * partitions again, and it commits by itself, so "done" could not commit with
 * it.  But by vacuum(), which refuses an ANALYZE that a function of an index
 * runs meanwhile: analyze_rel() has static variables and would crash.
 *
 * Rows are loaded frozen and all-visible, so there is nothing to vacuum.  The
 * table is reported as vacuumed: autovacuum would scan it where the rows count
 * as inserted (not those of heap/pages.c) and delay the locks of later items.
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
#include "nodes/makefuncs.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "schema/apply.h"

/*
 * Whether a descendant is a foreign table: ANALYZE of the tree would connect to
 * its server, which may not be reachable.
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

/* Read relkind and reltuples.  Returns false if there is no such relation. */
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

/* Throw where ANALYZE would only warn. */
static void
check_owner(Oid relid, char relkind)
{
	if (pgcopy_class_ownercheck(relid, GetUserId()))
		return;
	aclcheck_error(ACLCHECK_NOT_OWNER, get_relkind_objtype(relkind),
				   get_rel_name(relid));
}

/*
 * Whether an error may come from a function that ANALYZE calls: an expression
 * of a statistics object, an operator, a type's own routine.  All others are
 * this server's, and ANALYZE may succeed when they are over.
 */
static bool
is_of_function(int sqlerrcode)
{
	switch (ERRCODE_TO_CATEGORY(sqlerrcode))
	{
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE:
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_SYSTEM_ERROR:
		case ERRCODE_INTERNAL_ERROR:
			return false;
	}
	return true;
}

static void
analyze(Oid relid)
{
	VacuumParams params = {.options = VACOPT_ANALYZE,.log_min_duration = -1};

	PushActiveSnapshot(GetTransactionSnapshot());
	pgcopy_vacuum(list_make1(makeVacuumRelation(NULL, relid, NIL)), &params,
				  GetAccessStrategy(BAS_VACUUM));
	PopActiveSnapshot();
	CommandCounterIncrement();
}

/* Returns the error, in context "result", if a function raised one. */
static ErrorData *
try_analyze(Oid relid, MemoryContext result)
{
	MemoryContext context = CurrentMemoryContext;
	MemoryContext portal = PortalContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	PortalContext = context;
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		analyze(relid);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(result);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	PortalContext = portal;
	CurrentResourceOwner = owner;
	if (error != NULL && !is_of_function(error->sqlerrcode))
		ReThrowError(error);
	return error;
}

ErrorData *
pgcopy_analyze_table(Oid relid)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pgcopy analyze",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	ErrorData  *error = NULL;
	char		relkind;
	double		rows;

	Assert(IsTransactionState());
	if (!read_relation(relid, &relkind, &rows))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	check_owner(relid, relkind);
	if (!has_foreign_child(relid))
	{
		error = try_analyze(relid, before);
		if ((relkind == RELKIND_RELATION || relkind == RELKIND_MATVIEW) &&
			read_relation(relid, &relkind, &rows))
			pgcopy_report_vacuum(relid, (PgStat_Counter) rows);
	}
	MemoryContextSwitchTo(before);
	MemoryContextDelete(context);
	return error;
}
