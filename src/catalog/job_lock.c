/*-------------------------------------------------------------------------
 *
 * job_lock.c
 *	  The advisory locks that show which processes of a job are alive.
 *
 * The leader holds one exclusively, its workers share another, for the life of
 * the process.  A job that has not ended is interrupted if nobody holds its
 * leader's lock.
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

/* The job that this process leads. */
static int64 led_job = 0;

static LOCKTAG
make_tag(int64 id, int kind)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, LOCK_CLASS, (uint32) id, kind);
	return tag;
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
bool
pgcopy_job_has_leader(int64 id)
{
	LOCKTAG		tag = make_tag(id, LEADER_KIND);

	Assert(IsTransactionState());
	if (led_job != 0 && id == led_job)
		return true;			/* its own lock would not conflict */
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
	/* the processes of a job run on the primary */
	if (RecoveryInProgress() || pgcopy_job_has_leader(id))
		return false;

	/* the leader may just have ended the job and released its lock */
	return pgcopy_query_fetch_int64(&select_is_unended, QUERY_JOB(id)) != 0;
}
