/*-------------------------------------------------------------------------
 *
 * applied.c
 *	  How far a subscription is, and what its worker says.
 *
 * Two positions say how far it is.  latest_end_lsn moves with keepalives only, once all
 * that the source sent before is applied; it is exact, also when nothing happens, but
 * lives in the worker's memory.  The replication origin has the end of the last
 * transaction; it moves with each commit and survives a crash, but not with WAL that
 * carries nothing for us.
 *
 * The text of a worker's error is in the server log only.  If the library is preloaded,
 * a hook keeps the last one of each of our subscriptions in shared memory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_subscription.h"
#include "catalog/pg_subscription_rel.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "replication/origin.h"
#include "replication/worker_internal.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "utils/fmgroids.h"
#include "utils/pg_lsn.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "replica/applied.h"

/* How subscriptions of jobs begin. */
#define OUR_PREFIX "pgcopy_"

/* Subscriptions with an error that is kept, and its length in bytes. */
#define KEPT_ERRORS 32
#define KEPT_LENGTH 1024

/* It only names waits on the lock: one of the server's, as in run/control.c. */
#define KEPT_TRANCHE LWTRANCHE_PARALLEL_QUERY_DSA

typedef struct KeptError
{
	Oid			database;		/* InvalidOid: the place is free */
	Oid			subscription;
	TimestampTz at;
	char		text[KEPT_LENGTH];
} KeptError;

/* In shared memory, under the lock: workers write, anybody reads. */
typedef struct KeptErrors
{
	LWLock		lock;
	KeptError	errors[KEPT_ERRORS];
} KeptErrors;

static KeptErrors *kept = NULL;

static void (*previous_request) (void) = NULL;
static shmem_startup_hook_type previous_startup = NULL;
static emit_log_hook_type previous_emit_log = NULL;

/* Names are qualified: also run for users who look at a view. */
static const char *const worker_sql =
	"SELECT pid, received_lsn, latest_end_lsn "
	"FROM pg_catalog.pg_stat_get_subscription($1) WHERE relid IS NULL" PGCOPY_NO_HELPER_SQL;

static const char *const errors_sql =
	"SELECT apply_error_count FROM pg_catalog.pg_stat_get_subscription_stats($1)";

static SPIPlanPtr worker_plan = NULL;
static SPIPlanPtr errors_plan = NULL;

/* Ask about a subscription; returns whether there is a row, in SPI_tuptable. */
static bool
ask(SPIPlanPtr *plan, const char *sql, Oid subscription)
{
	Oid			type = OIDOID;
	Datum		value = ObjectIdGetDatum(subscription);

	if (*plan == NULL)
	{
		*plan = SPI_prepare(sql, 1, &type);
		if (*plan == NULL || SPI_keepplan(*plan) != 0)
			elog(ERROR, "could not prepare \"%s\"", sql);
	}
	if (SPI_execute_plan(*plan, &value, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "\"%s\" failed", sql);
	return SPI_processed > 0;
}

/* A column of the row; 0 for NULL. */
static Datum
get(int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
									  column, &isnull);

	return isnull ? (Datum) 0 : value;
}

static void
look_at_worker(Oid subscription, Applied *applied)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (ask(&worker_plan, worker_sql, subscription))
	{
		applied->pid = DatumGetInt32(get(1));
		applied->received = DatumGetLSN(get(2));
		applied->ended = DatumGetLSN(get(3));
	}
	applied->errors = -1;
	if (COMPAT_COUNTS_APPLY_ERRORS)
		applied->errors = ask(&errors_plan, errors_sql, subscription) ?
			DatumGetInt64(get(1)) : 0;
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
}

static void
look_at_subscription(Oid subscription, Applied *applied)
{
	HeapTuple	tuple = SearchSysCache1(SUBSCRIPTIONOID, ObjectIdGetDatum(subscription));

	if (!HeapTupleIsValid(tuple))
		return;
	applied->exists = true;
	applied->is_enabled = ((Form_pg_subscription) GETSTRUCT(tuple))->subenabled;
	ReleaseSysCache(tuple);
}

static void
look_at_origin(Oid subscription, Applied *applied)
{
	char		name[NAMEDATALEN];
	RepOriginId origin;

	snprintf(name, sizeof(name), "pg_%u", subscription);
	origin = replorigin_by_name(name, true);
	if (origin != InvalidRepOriginId)
		applied->committed = replorigin_get_progress(origin, false);
}

static void
count_relations(Oid subscription, Applied *applied)
{
	Relation	catalog = table_open(SubscriptionRelRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_subscription_rel_srsubid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(subscription));
	scan = systable_beginscan(catalog, InvalidOid, false, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_subscription_rel row = (Form_pg_subscription_rel) GETSTRUCT(tuple);

		applied->tables++;
		if (row->srsubstate != SUBREL_STATE_READY)
			applied->waiting++;
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
}

void
pgcopy_applied_look(Oid subscription, Applied *applied)
{
	memset(applied, 0, sizeof(*applied));
	look_at_subscription(subscription, applied);
	look_at_worker(subscription, applied);
	look_at_origin(subscription, applied);
	count_relations(subscription, applied);
}

char *
pgcopy_applied_last_error(Oid subscription)
{
	char	   *text;
	bool		is_found = false;

	if (kept == NULL)
		return NULL;
	text = palloc(KEPT_LENGTH);
	LWLockAcquire(&kept->lock, LW_SHARED);
	for (int i = 0; i < KEPT_ERRORS && !is_found; i++)
	{
		const KeptError *error = &kept->errors[i];

		is_found = error->database == MyDatabaseId && error->subscription == subscription;
		if (is_found)
			memcpy(text, error->text, KEPT_LENGTH);
	}
	LWLockRelease(&kept->lock);
	return is_found ? text : NULL;
}

bool
pgcopy_applied_keeps_errors(void)
{
	return kept != NULL;
}

/* The place of a subscription, else the one that was written first. */
static KeptError *
find_place(Oid subscription)
{
	KeptError  *oldest = &kept->errors[0];

	for (int i = 0; i < KEPT_ERRORS; i++)
	{
		KeptError  *error = &kept->errors[i];

		if (error->database == MyDatabaseId && error->subscription == subscription)
			return error;
		if (error->at < oldest->at)
			oldest = error;
	}
	return oldest;
}

/* The last line of a context: what apply was doing. */
static const char *
outermost(const char *context)
{
	const char *line = context != NULL ? strrchr(context, '\n') : NULL;

	return line != NULL ? line + 1 : context;
}

/*
 * Does an apply worker say only that another, which has said why, is gone?  From 16 on
 * others apply large transactions for it; before, nobody says that.
 */
static bool
is_about_parallel(const ErrorData *error)
{
	const char *id = error->message_id != NULL ? error->message_id : "";

	return strcmp(id, "logical replication parallel apply worker exited due to error") == 0 ||
		strcmp(id, "could not send data to shared-memory queue") == 0;
}

/* Views show it in one line; a conflict has several from 18 on. */
static void
join_lines(char *text)
{
	for (char *c = text; *c != '\0'; c++)
	{
		if (*c == '\n')
			*c = ' ';
	}
}

/* Memory may be short: allocates nothing.  Nobody takes a lock while he has this one. */
static void
keep_error(const ErrorData *error)
{
	const char *context = outermost(error->context);
	TimestampTz now = GetCurrentTimestamp();
	KeptError  *place;
	char		text[KEPT_LENGTH];

	snprintf(text, sizeof(text), "%s%s%s%s%s", error->message,
			 error->detail ? "; " : "", error->detail ? error->detail : "",
			 context ? "; " : "", context ? context : "");
	text[pg_mbcliplen(text, strlen(text), sizeof(text) - 1)] = '\0';
	join_lines(text);

	LWLockAcquire(&kept->lock, LW_EXCLUSIVE);
	place = find_place(MySubscription->oid);
	place->database = MyDatabaseId;
	place->subscription = MySubscription->oid;
	place->at = now;
	memcpy(place->text, text, sizeof(text));
	LWLockRelease(&kept->lock);
}

/* emit_log_hook, in every process. */
static void
keep_if_ours(ErrorData *error)
{
	if (error->elevel == ERROR && kept != NULL && MyProc != NULL && MySubscription != NULL &&
		error->message != NULL && !is_about_parallel(error) &&
		strncmp(MySubscription->name, OUR_PREFIX, strlen(OUR_PREFIX)) == 0)
		keep_error(error);
	if (previous_emit_log != NULL)
		previous_emit_log(error);
}

static void
request_memory(void)
{
	if (previous_request != NULL)
		previous_request();
	RequestAddinShmemSpace(sizeof(KeptErrors));
}

static void
start_memory(void)
{
	bool		is_found;

	if (previous_startup != NULL)
		previous_startup();
	kept = ShmemInitStruct("pgcopydb_ext errors of apply", sizeof(KeptErrors), &is_found);
	if (is_found)
		return;
	memset(kept, 0, sizeof(KeptErrors));
	LWLockInitialize(&kept->lock, KEPT_TRANCHE);
}

void
pgcopy_applied_keep_errors(void)
{
	pgcopy_on_shmem_request(previous_request, request_memory);
	previous_startup = shmem_startup_hook;
	shmem_startup_hook = start_memory;
	previous_emit_log = emit_log_hook;
	emit_log_hook = keep_if_ours;
}
