/*-------------------------------------------------------------------------
 *
 * job_lock.c
 *	  The advisory locks that show which processes of a job are alive.
 *
 * The leader holds one exclusively, its workers share another, for the life of
 * the process.  A job that has not ended is interrupted if nobody holds its
 * leader's lock.
 *
 * The coordinator of a server clone holds one too, in the database where it was
 * ordered.  While it does, a queued job of the clone, in any database, only waits
 * for its turn.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/lock.h"

#include "catalog/job.h"
#include "catalog/query.h"

/*
 * The first key; the second is the low half of the job's id.  No SQL function
 * can take locks of these kinds (pg_advisory_lock() uses 1 and 2), so nobody
 * can pose as a leader.
 */
#define LOCK_CLASS		1346847600
#define LEADER_KIND		3
#define WORKER_KIND		4
#define COORDINATOR_KIND 5

/* The holders of a leader's lock; with $5 also those that wait for it. */
static CatalogQuery select_leaders = {
	"SELECT pid FROM pg_catalog.pg_locks WHERE locktype = 'advisory' "
	"AND database = $1 AND classid = $2 AND objid = $3 AND objsubid = $4 "
	"AND (granted OR $5)",
	5, {OIDOID, OIDOID, OIDOID, INT4OID, BOOLOID}
};

static CatalogQuery select_is_unended = {
	"SELECT ended IS NULL AS is_unended FROM pgcopy.job WHERE id = $1",
	1, {INT8OID}
};

static CatalogQuery select_server = {
	"SELECT server_database, server_clone FROM pgcopy.job "
	"WHERE id = $1 AND state = 'queued' AND server_clone IS NOT NULL",
	1, {INT8OID}
};

/* The job that this process leads, the server clone that it coordinates. */
static int64 led_job = 0;
static int64 coordinated_clone = 0;

static LOCKTAG
make_tag_in(Oid database, int64 id, int kind)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, database, LOCK_CLASS, (uint32) id, kind);
	return tag;
}

static LOCKTAG
make_tag(int64 id, int kind)
{
	return make_tag_in(MyDatabaseId, id, kind);
}

/* Take a lock for the life of the process. */
static void
take_lock(int64 id, int kind, LOCKMODE mode)
{
	LOCKTAG		tag = make_tag(id, kind);

	Assert(IsTransactionState());
	(void) LockAcquire(&tag, mode, true, false);
}

void
pgcopy_job_lead(int64 id)
{
	take_lock(id, LEADER_KIND, ExclusiveLock);
	led_job = id;
}

void
pgcopy_job_join(int64 id)
{
	take_lock(id, WORKER_KIND, ShareLock);
}

void
pgcopy_job_await_workers(int64 id)
{
	LOCKTAG		tag = make_tag(id, WORKER_KIND);

	take_lock(id, WORKER_KIND, ExclusiveLock);
	(void) LockRelease(&tag, ExclusiveLock, true);
}

/*
 * Probe in share mode, so that two processes that probe do not take each other
 * for a leader.  A leader that starts now waits until the probe is over.
 */
static bool
is_locked(LOCKTAG tag)
{
	Assert(IsTransactionState());
	if (LockAcquire(&tag, ShareLock, false, true) == LOCKACQUIRE_NOT_AVAIL)
		return true;
	(void) LockRelease(&tag, ShareLock, false);
	return false;
}

bool
pgcopy_job_has_leader(int64 id)
{
	if (led_job != 0 && id == led_job)
		return true;			/* its own lock would not conflict */
	return is_locked(make_tag(id, LEADER_KIND));
}

bool
pgcopy_job_has_leader_in(Oid database, int64 id)
{
	return is_locked(make_tag_in(database, id, LEADER_KIND));
}

bool
pgcopy_job_coordinate(int64 clone)
{
	LOCKTAG		tag = make_tag(clone, COORDINATOR_KIND);

	Assert(IsTransactionState());
	if (LockAcquire(&tag, ExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
		return false;
	coordinated_clone = clone;
	return true;
}

/* Of no database: it is the same lock for all coordinators of this server. */
void
pgcopy_job_begin_orders(void)
{
	LOCKTAG		tag = make_tag_in(InvalidOid, 0, COORDINATOR_KIND);

	Assert(IsTransactionState());
	(void) LockAcquire(&tag, ExclusiveLock, true, false);
}

void
pgcopy_job_end_orders(void)
{
	LOCKTAG		tag = make_tag_in(InvalidOid, 0, COORDINATOR_KIND);

	(void) LockRelease(&tag, ExclusiveLock, true);
}

bool
pgcopy_job_has_coordinator(Oid database, int64 clone)
{
	if (coordinated_clone != 0 && clone == coordinated_clone && database == MyDatabaseId)
		return true;			/* its own lock would not conflict */
	return is_locked(make_tag_in(database, clone, COORDINATOR_KIND));
}

static List *
fetch_holders(int64 id, int kind, bool with_waiting)
{
	return pgcopy_query_fetch_ints(&select_leaders,
								   QUERY_ARGS(ObjectIdGetDatum(MyDatabaseId),
											  ObjectIdGetDatum(LOCK_CLASS),
											  ObjectIdGetDatum((uint32) id),
											  Int32GetDatum(kind),
											  BoolGetDatum(with_waiting)));
}

int
pgcopy_job_leader_pid(int64 id)
{
	List	   *pids = pgcopy_job_has_leader(id) ? fetch_holders(id, LEADER_KIND, false) : NIL;

	return pids == NIL ? 0 : linitial_int(pids);
}

bool
pgcopy_job_is_led_by(int64 id, int pid)
{
	return list_member_int(fetch_holders(id, LEADER_KIND, true), pid);
}

int
pgcopy_job_coordinator_pid(int64 clone)
{
	List	   *pids = fetch_holders(clone, COORDINATOR_KIND, false);

	return pids == NIL ? 0 : linitial_int(pids);
}

/* Does a queued job wait for its turn in a server clone? */
static bool
waits_for_turn(int64 id)
{
	CatalogScope scope;
	Oid			database = InvalidOid;
	int64		clone = 0;

	pgcopy_query_begin(&scope);
	if (pgcopy_query_run(&select_server, QUERY_JOB(id)) > 0)
	{
		database = (Oid) pgcopy_query_int64(0, "server_database");
		clone = pgcopy_query_int64(0, "server_clone");
	}
	pgcopy_query_end(&scope);
	return clone != 0 && pgcopy_job_has_coordinator(database, clone);
}

bool
pgcopy_job_is_interrupted(int64 id)
{
	/* the processes of a job run on the primary */
	if (RecoveryInProgress() || pgcopy_job_has_leader(id) || waits_for_turn(id))
		return false;

	/* a leader may just have come, or ended the job and released its lock */
	if (pgcopy_job_has_leader(id))
		return false;
	return pgcopy_query_fetch_int64(&select_is_unended, QUERY_JOB(id)) != 0;
}
