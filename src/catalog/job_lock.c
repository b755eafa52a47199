/*-------------------------------------------------------------------------
 *
 * job_lock.c
 *	  The advisory locks of a job's processes, which say that they are there.
 *
 * A leader holds one for its life, alone; the workers another one, together.  A
 * job that has not ended and whose leader's lock nobody holds is interrupted.
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
 * The first key; the second is the low half of the job's number.  The kinds are
 * such that no SQL function can take (pg_advisory_lock() has 1 and 2): nobody
 * else can pass for a leader.
 */
#define LOCK_CLASS		1346847600
#define LEADER_KIND		3
#define WORKER_KIND		4

/* All that have the lock of a leader, and with $5 those who wait for it. */
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

/* The job that this process leads. */
static int64 led_job = 0;

static LOCKTAG
make_tag(int64 id, int kind)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, LOCK_CLASS, (uint32) id, kind);
	return tag;
}

/* Wait for a lock and keep it for the life of the process. */
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
 * The lock is shared among those who look, so they do not take each other for
 * a leader, and let go at once: a leader that comes now waits that long.
 */
bool
pgcopy_job_has_leader(int64 id)
{
	LOCKTAG		tag = make_tag(id, LEADER_KIND);

	Assert(IsTransactionState());
	if (led_job != 0 && id == led_job)
		return true;			/* nobody is in his own way */
	if (LockAcquire(&tag, ShareLock, false, true) == LOCKACQUIRE_NOT_AVAIL)
		return true;
	(void) LockRelease(&tag, ShareLock, false);
	return false;
}

static List *
fetch_leaders(int64 id, bool with_waiting)
{
	return pgcopy_query_fetch_ints(&select_leaders,
								   QUERY_ARGS(ObjectIdGetDatum(MyDatabaseId),
											  ObjectIdGetDatum(LOCK_CLASS),
											  ObjectIdGetDatum((uint32) id),
											  Int32GetDatum(LEADER_KIND),
											  BoolGetDatum(with_waiting)));
}

int
pgcopy_job_leader_pid(int64 id)
{
	List	   *pids = pgcopy_job_has_leader(id) ? fetch_leaders(id, false) : NIL;

	return pids == NIL ? 0 : linitial_int(pids);
}

bool
pgcopy_job_is_led_by(int64 id, int pid)
{
	return list_member_int(fetch_leaders(id, true), pid);
}

bool
pgcopy_job_is_interrupted(int64 id)
{
	/* the processes of what a standby shows are the primary's */
	if (RecoveryInProgress() || pgcopy_job_has_leader(id))
		return false;

	/* the leader may have ended the job just now, after our last look */
	return pgcopy_query_fetch_int64(&select_is_unended,
									QUERY_ARGS(Int64GetDatum(id))) != 0;
}
