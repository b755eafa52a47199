/*-------------------------------------------------------------------------
 *
 * vacuum.c
 *	  VACUUM one table that failed loads have left dead rows in.
 *
 * A table that was loaded frozen has nothing to vacuum, and its visibility map
 * says so.  After a failed load some pages are not frozen: VACUUM reads these,
 * takes their dead rows away with the values in TOAST and the index entries, and
 * leaves the page frozen, since all other rows are.
 *
 * Not FREEZE, which would wait for each reader who has a page pinned.  Indexes
 * are always cleaned: else a page with few dead rows keeps their line pointers.
 * Empty pages at the end stay: to cut them off needs a lock that other loads
 * and readers, also of a standby, are in the way of.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/visibilitymap.h"
#include "access/xact.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "commands/vacuum.h"
#include "nodes/makefuncs.h"
#include "parser/parse_node.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "schema/apply.h"

static bool
is_all_frozen(Relation relation)
{
	BlockNumber visible;
	BlockNumber frozen;

	visibilitymap_count(relation, &visible, &frozen);
	return frozen >= RelationGetNumberOfBlocks(relation);
}

static bool
has_frozen_pages_only(Oid relid)
{
	Relation	relation = relation_open(relid, AccessShareLock);
	bool		result = is_all_frozen(relation);

	relation_close(relation, AccessShareLock);
	return result;
}

bool
pgcopy_vacuum_is_wanted(Oid relid, bool has_frozen_toast)
{
	Relation	relation = try_relation_open(relid, AccessShareLock);
	bool		result = false;

	Assert(IsTransactionState());
	if (relation == NULL)
		return false;
	if (relation->rd_rel->relkind == RELKIND_RELATION &&
		relation->rd_rel->relam == HEAP_TABLE_AM_OID)
		result = !is_all_frozen(relation) ||
			(has_frozen_toast &&
			 OidIsValid(relation->rd_rel->reltoastrelid) &&
			 !has_frozen_pages_only(relation->rd_rel->reltoastrelid));
	relation_close(relation, AccessShareLock);
	return result;
}

/*
 * As the command; its memory hangs on a portal's, which processes without a
 * client have none of.
 */
static void
run_vacuum(Oid relid, List *options)
{
	MemoryContext portal = PortalContext;
	ParseState *pstate = make_parsestate(NULL);
	VacuumStmt *statement = makeNode(VacuumStmt);

	Assert(!IsTransactionState());
	options = lappend(options, makeDefElem("index_cleanup", (Node *) makeString("on"), -1));
	options = lappend(options, makeDefElem("truncate", (Node *) makeString("off"), -1));
	statement->options = options;
	statement->rels = list_make1(makeVacuumRelation(NULL, relid, NIL));
	statement->is_vacuumcmd = true;

	PG_TRY();
	{
		PortalContext = CurrentMemoryContext;
		StartTransactionCommand();
		ExecVacuum(pstate, statement, true);
		CommitTransactionCommand();
	}
	PG_FINALLY();
	{
		PortalContext = portal;
	}
	PG_END_TRY();
	Assert(!IsTransactionState());
}

void
pgcopy_vacuum_table(Oid relid)
{
	run_vacuum(relid, NIL);
}

void
pgcopy_vacuum_try_table(Oid relid)
{
	run_vacuum(relid, list_make1(makeDefElem("skip_locked", NULL, -1)));
}
