/*-------------------------------------------------------------------------
 *
 * here_state.c
 *	  Whether tables that exist may be loaded, and are empty.
 *
 * Rights and row security are those of COPY FROM and TRUNCATE.  Rows are looked
 * for without a right to read them: that there are some is all that is told.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/acl.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

#include "base/compat.h"
#include "schema/here_private.h"

/* Does the table itself have a row? */
static bool
has_rows_of_its_own(Oid relid)
{
	Relation	relation = table_open(relid, AccessShareLock);
	bool		has_rows = false;

	if (relation->rd_rel->relkind == RELKIND_RELATION &&
		RelationGetNumberOfBlocks(relation) > 0)
	{
		TupleTableSlot *slot = table_slot_create(relation, NULL);
		TableScanDesc scan = table_beginscan(relation, GetActiveSnapshot(), 0, NULL);

		has_rows = table_scan_getnextslot(scan, ForwardScanDirection, slot);
		table_endscan(scan);
		ExecDropSingleTupleTableSlot(slot);
	}
	table_close(relation, AccessShareLock);
	return has_rows;
}

/* Does the table, or a partition of it, have a row? */
static bool
has_rows(const HereTarget *target)
{
	ListCell   *lc;

	if (target->relkind == RELKIND_RELATION)
		return has_rows_of_its_own(target->relid);
	foreach(lc, find_all_inheritors(target->relid, AccessShareLock, NULL))
	{
		CHECK_FOR_INTERRUPTS();
		if (has_rows_of_its_own(lfirst_oid(lc)))
			return true;
	}
	return false;
}

static bool
may_insert(Oid relid)
{
	return pgcopy_class_ownercheck(relid, GetUserId()) ||
		pg_class_aclcheck(relid, GetUserId(), ACL_INSERT) == ACLCHECK_OK;
}

static List *
check_rights(const HereRequest *request, List *targets)
{
	static const Finding no_right = {
		.sqlerrcode = ERRCODE_INSUFFICIENT_PRIVILEGE,
		.message = "the job's role may not fill or empty %d tables",
		.detail = "Tables",
		.hint = "Grant INSERT on them, and TRUNCATE if they are to be emptied, to the job's role."
	};
	static const Finding row_security = {
		.sqlerrcode = ERRCODE_FEATURE_NOT_SUPPORTED,
		.message = "cannot load %d tables with row-level security",
		.detail = "Tables",
		.hint = "Run the job as the owner of the tables or as a role with BYPASSRLS."
	};
	List	   *denied = NIL;
	List	   *secured = NIL;
	ListCell   *lc;

	foreach(lc, targets)
	{
		Oid			relid = ((HereTarget *) lfirst(lc))->relid;

		if (!may_insert(relid) ||
			(request->truncates &&
			 pg_class_aclcheck(relid, GetUserId(), ACL_TRUNCATE) != ACLCHECK_OK))
			denied = lappend(denied, pgcopy_here_name(relid));
		if (check_enable_rls(relid, InvalidOid, true) == RLS_ENABLED)
			secured = lappend(secured, pgcopy_here_name(relid));
	}
	return list_concat(pgcopy_here_report(denied, &no_right,
										  "the job's role may not fill or empty %d table"),
					   pgcopy_here_report(secured, &row_security,
										  "cannot load %d table with row-level security"));
}

static List *
check_rows(List *targets)
{
	static const Finding not_empty = {
		.sqlerrcode = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		.message = "%d tables here are not empty",
		.detail = "Tables",
		.hint = "Use truncate => true to empty them first, or append => true to keep the rows that they have."
	};
	List	   *filled = NIL;
	ListCell   *lc;

	foreach(lc, targets)
	{
		HereTarget *target = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (has_rows(target))
			filled = lappend(filled, pgcopy_here_name(target->relid));
	}
	return pgcopy_here_report(filled, &not_empty, "%d table here is not empty");
}

List *
pgcopy_here_state_check(const HereRequest *request, List *targets)
{
	List	   *findings = check_rights(request, targets);

	if (request->truncates || request->appends)
		return findings;
	return list_concat(findings, check_rows(targets));
}
