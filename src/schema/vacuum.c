/*-------------------------------------------------------------------------
 *
 * vacuum.c
 *	  VACUUM a table in which failed loads have left dead rows.
 *
 * The visibility map of a table that was loaded frozen shows nothing to
 * vacuum.  After a failed load some pages are not frozen: VACUUM reads these,
 * removes dead rows with their TOAST values and index entries, and leaves the
 * pages frozen, as all other rows are.
 *
 * Without FREEZE, which would wait for pins of readers.  Index clean-up is
 * forced: VACUUM would skip it if few pages have dead rows.  Empty pages at the
 * end stay: truncation needs a lock that conflicts with other loads and with
 * readers, on standbys too.
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
pgcopy_vacuum_is_wanted(Oid relid)
{
	Relation	relation = try_relation_open(relid, AccessShareLock);
	bool		result = false;

	Assert(IsTransactionState());
	if (relation == NULL)
		return false;
	if (relation->rd_rel->relkind == RELKIND_RELATION &&
		relation->rd_rel->relam == HEAP_TABLE_AM_OID)
		result = !is_all_frozen(relation) ||
			(OidIsValid(relation->rd_rel->reltoastrelid) &&
			 !has_frozen_pages_only(relation->rd_rel->reltoastrelid));
	relation_close(relation, AccessShareLock);
	return result;
}

/*
 * Run it as the command does.  VACUUM allocates in PortalContext, which is NULL
 * in a process without a client.
 */
static void
run_vacuum(Oid relid, List *options)
{
	MemoryContext portal = PortalContext;
	ParseState *pstate = make_parsestate(NULL);
	VacuumStmt *statement = makeNode(VacuumStmt);

	Assert(!IsTransactionState());
	options = lappend(options, makeDefElem("index_cleanup", (Node *) makeString("on"), -1));
	statement->options = lappend(options,
								 makeDefElem("truncate", (Node *) makeString("off"), -1));
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
