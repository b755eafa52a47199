/*-------------------------------------------------------------------------
 *
 * slot_lock.c
 *	  Snapshots of tables that have a position without a slot that exports them.
 *
 * While nobody can write to the locked tables, what is committed in them is before the
 * present position, and what comes is behind it.  A writer holds its lock until it is
 * no longer in progress, even if its commit waits for a standby, and so does a prepared
 * transaction.
 *
 * A table that is always in use can be locked when its present writers end, since new
 * ones queue behind us.  Many such tables cannot be locked together: writers hold one
 * of them while they wait for another.  So take as many as can be had; whoever waits for
 * us waits less than the time after which applications look for deadlocks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/timestamp.h"

#include "source/snapshot.h"
#include "stream/slot.h"

/* Tries at all locks together, and the time for all, in times of that for one. */
#define LOCK_TRIES		3
#define LOCKS_TIME(lock_ms) ((lock_ms) * 4)

/* The time for more tables once one is locked, and for each lock of theirs, ms. */
#define MORE_TIME(lock_ms) ((lock_ms) * 2)
#define MORE_LOCK_TIME	20

/* Lock "count" tables of a list, in one statement. */
static char *
lock_statement(List *tables, int first, int count)
{
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = first; i < first + count; i++)
		appendStringInfo(&sql, "%s %s", i == first ? "LOCK TABLE" : ",",
						 (const char *) list_nth(tables, i));
	appendStringInfoString(&sql, " IN SHARE MODE");
	return sql.data;
}

/* The limits come first, on their own: sources before 11 look at them once a query. */
static void
begin_locking(SourceSession *locker, int lock_ms)
{
	pgcopy_session_exec(locker,
						psprintf("BEGIN; SET LOCAL lock_timeout = %d;"
								 " SET LOCAL statement_timeout = %d",
								 lock_ms, LOCKS_TIME(lock_ms)));
}

static bool
lock(SourceSession *locker, const char *sql)
{
	return pgcopy_session_try(locker, sql, ERRCODE_LOCK_NOT_AVAILABLE,
							  ERRCODE_QUERY_CANCELED, ERRCODE_T_R_DEADLOCK_DETECTED);
}

static void
note_locked(LockedSnapshot *snapshot, int first, int count)
{
	for (int i = first; i < first + count; i++)
		snapshot->locked = lappend_int(snapshot->locked, i);
}

/* Begin a transaction that holds all locks.  Leaves none open if it fails. */
static bool
try_all(LockedSnapshot *snapshot, const char *sql)
{
	begin_locking(snapshot->locker, snapshot->lock_ms);
	if (lock(snapshot->locker, sql))
		return true;
	pgcopy_session_exec(snapshot->locker, "ROLLBACK");
	return false;
}

/* Other writers get through in the pauses. */
static bool
lock_all(LockedSnapshot *snapshot)
{
	int			count = list_length(snapshot->tables);
	char	   *sql = lock_statement(snapshot->tables, 0, count);

	for (int i = 1; !try_all(snapshot, sql); i++)
	{
		if (i == LOCK_TRIES)
			return false;
		pgcopy_session_pause(snapshot->locker, snapshot->lock_ms);
	}
	note_locked(snapshot, 0, count);
	return true;
}

/* Lock a range of tables within the transaction, all or none of them. */
static bool
try_range(LockedSnapshot *snapshot, int first, int count)
{
	pgcopy_session_exec(snapshot->locker, "SAVEPOINT pgcopy_lock");
	if (!lock(snapshot->locker, lock_statement(snapshot->tables, first, count)))
	{
		pgcopy_session_exec(snapshot->locker, "ROLLBACK TO SAVEPOINT pgcopy_lock");
		return false;
	}
	pgcopy_session_exec(snapshot->locker, "RELEASE SAVEPOINT pgcopy_lock");
	note_locked(snapshot, first, count);
	return true;
}

/* Lock those of a range that can be, as long as there is time. */
static void
lock_range(LockedSnapshot *snapshot, int first, int count, TimestampTz end)
{
	int			half = count / 2;

	if (count == 0 || GetCurrentTimestamp() >= end ||
		try_range(snapshot, first, count) || count == 1)
		return;
	lock_range(snapshot, first, half, end);
	lock_range(snapshot, first + half, count - half, end);
}

/* Lock one table, the first that can be, then more. */
static bool
lock_some(LockedSnapshot *snapshot)
{
	int			count = list_length(snapshot->tables);
	int			first = 0;
	TimestampTz end;

	begin_locking(snapshot->locker, snapshot->lock_ms);
	while (first < count && !try_range(snapshot, first, 1))
		first++;
	if (first == count)
	{
		pgcopy_session_exec(snapshot->locker, "ROLLBACK");
		return false;
	}
	end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), MORE_TIME(snapshot->lock_ms));
	pgcopy_session_exec(snapshot->locker,
						psprintf("SET LOCAL lock_timeout = %d", MORE_LOCK_TIME));
	lock_range(snapshot, first + 1, count - first - 1, end);
	return true;
}

/* That locker can commit shows that it had the locks all the time. */
static char *
export_under_locks(LockedSnapshot *snapshot)
{
	char	   *name = pgcopy_snapshot_export_at(snapshot->reader, &snapshot->lsn);

	pgcopy_session_exec(snapshot->locker, "COMMIT");
	return name;
}

char *
pgcopy_slot_snapshot_by_lock(LockedSnapshot *snapshot)
{
	char	   *volatile name = NULL;

	Assert(snapshot->tables != NIL);
	snapshot->locked = NIL;
	pgcopy_snapshot_begin(snapshot->reader);
	PG_TRY();
	{
		if (snapshot->takes_some ? lock_some(snapshot) : lock_all(snapshot))
			name = export_under_locks(snapshot);
	}
	PG_CATCH();
	{
		/* writers wait for its locks */
		pgcopy_session_close(snapshot->locker);
		PG_RE_THROW();
	}
	PG_END_TRY();
	if (name == NULL)
		pgcopy_snapshot_release(snapshot->reader);
	return name;
}
