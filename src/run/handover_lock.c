/*-------------------------------------------------------------------------
 *
 * handover_lock.c
 *	  Snapshots for a source that cannot export one: taken by lock.
 *
 * All tables that are left to read are locked for a moment, if they can be.  On a source
 * where many are always in use they cannot, so as many are as can be had; they are read,
 * and then comes the next snapshot (pgcopy_resume_next_snapshot()).  Each snapshot begins
 * with another table, so that all have their turn.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"

#include "base/compat.h"
#include "run/follow.h"
#include "source/inventory.h"
#include "source/snapshot.h"

/* Attempts to lock any table, how long one lock may take, and the pause, ms. */
#define MOST_LOCKS 60
#define LOCK_LIMIT 200
#define LOCK_PAUSE 1000

static void report_no_snapshot(void) pg_attribute_noreturn();

static void
report_no_snapshot(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
			 errmsg("no snapshot of the source with a position could be taken"),
			 errdetail("Its transactions roll back too many savepoints to export one with a slot, and none of the tables could be locked in SHARE mode within %d ms, in %d attempts.",
					   LOCK_LIMIT, MOST_LOCKS),
			 errhint("Clone when fewer transactions write, or raise max_connections on the source.")));
}

/* Begin a list with another of its members. */
static List *
rotate(List *list, int first)
{
	List	   *rotated = list_copy_tail(list, first);

	return list_concat(rotated, list_truncate(list_copy(list), first));
}

/* The tables that are published, and left to read unless that is NIL; none: all. */
static List *
list_tables(const Leader *leader, List *relations, List *left)
{
	List	   *tables = NIL;
	ListCell   *lc;

	foreach(lc, relations)
	{
		const SourceRelation *relation = lfirst(lc);

		if (relation->relkind == RELKIND_RELATION && pgcopy_follow_is_sent(relation->carry) &&
			(left == NIL || list_member_oid(left, relation->oid)))
			tables = lappend(tables, lfirst(lc));
	}
	return tables == NIL ? NIL :
		rotate(tables, leader->control->snapshot_no % list_length(tables));
}

static List *
name_tables(List *tables)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, tables)
		names = lappend(names, pgcopy_inventory_quoted_name(lfirst(lc)));
	return names;
}

/* Lock what can be locked.  A first attempt is at all tables together. */
static char *
lock_and_take(Leader *leader, LockedSnapshot *snapshot)
{
	char	   *name = pgcopy_slot_snapshot_by_lock(snapshot);

	snapshot->takes_some = true;
	for (int i = 0; name == NULL; i++)
	{
		if (i == MOST_LOCKS)
			report_no_snapshot();
		if (i > 0)
			pgcopy_process_wait(LOCK_PAUSE);
		name = pgcopy_slot_snapshot_by_lock(snapshot);
		if (name == NULL)
			pgcopy_progress_set_message(leader->progress,
										"waiting for a SHARE lock on any of the source's tables, to take a snapshot: see pg_locks there");
	}
	return name;
}

char *
pgcopy_handover_lock(Leader *leader, LockedSnapshot *snapshot, List *relations,
					 List *left, List **exact)
{
	List	   *tables = list_tables(leader, relations, left);
	char	   *name;
	ListCell   *lc;

	if (tables == NIL)
	{
		pgcopy_snapshot_begin(snapshot->reader);
		return pgcopy_snapshot_export_at(snapshot->reader, &snapshot->lsn);
	}
	snapshot->tables = name_tables(tables);
	snapshot->lock_ms = LOCK_LIMIT;
	name = lock_and_take(leader, snapshot);
	foreach(lc, snapshot->locked)
		*exact = lappend_oid(*exact, ((SourceRelation *) list_nth(tables, lfirst_int(lc)))->oid);
	return name;
}
