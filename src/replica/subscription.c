/*-------------------------------------------------------------------------
 *
 * subscription.c
 *	  The subscription of a job that follows its source.
 *
 * It is PostgreSQL's own; only its rows in pg_subscription_rel are ours, since it
 * is we who copied the tables.  A table that the source sends and that has no row
 * is skipped without a word.  State "r": apply all that comes; "s": apply what was
 * committed at or after a position, then become "r".
 *
 * Statements run as trees, under a text without options: neither the log nor
 * pg_stat_activity nor modules that look at statements see the password.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_subscription.h"
#include "catalog/pg_subscription_rel.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "pgstat.h"
#include "replication/worker_internal.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "replica/subscription.h"

/* Time for a worker to start and to end, and the pause between looks, ms. */
#define START_LIMIT		10000
#define END_LIMIT		60000
#define LOOK_PAUSE		10

/* Sources and targets from these versions on stream transactions in progress. */
#define VERSION_WITH_STREAMING 14
#define VERSION_WITH_PARALLEL_APPLY 16

/*
 * Run a statement, in the current transaction.  What others see of it is "text".
 * Sessions may be read-only: the guard (replica_guard.c) is against what is not ours.
 */
static void
run_statement(Node *node, const char *text)
{
	PlannedStmt *planned = makeNode(PlannedStmt);
	const char *before = debug_query_string;
	bool		was_read_only = XactReadOnly;

	planned->commandType = CMD_UTILITY;
	planned->canSetTag = true;
	planned->utilityStmt = node;
	planned->stmt_location = -1;
	debug_query_string = text;
	pgstat_report_activity(STATE_RUNNING, text);
	PushActiveSnapshot(GetTransactionSnapshot());
	XactReadOnly = false;
	PG_TRY();
	{
		ProcessUtility(planned, text, false, PROCESS_UTILITY_QUERY, NULL, NULL,
					   None_Receiver, NULL);
	}
	PG_FINALLY();
	{
		debug_query_string = before;
		XactReadOnly = was_read_only;
	}
	PG_END_TRY();
	PopActiveSnapshot();
	CommandCounterIncrement();
}

static DefElem *
make_option(const char *name, const char *value)
{
	return makeDefElem(pstrdup(name), (Node *) makeString(pstrdup(value)), -1);
}

static const char *
choose_streaming(int source_version)
{
	int			version = Min(source_version / 10000, COMPAT_MAJOR_VERSION);

	if (version >= VERSION_WITH_PARALLEL_APPLY)
		return "parallel";
	return version >= VERSION_WITH_STREAMING ? "on" : "off";
}

/* With connect = false PostgreSQL wants the next three to be false in words. */
static List *
make_options(const SubscriptionOrder *order)
{
	return list_make5(make_option("connect", "false"),
					  make_option("enabled", "false"),
					  make_option("create_slot", "false"),
					  make_option("copy_data", "false"),
					  make_option("slot_name", order->name));
}

Oid
pgcopy_subscription_create(const SubscriptionOrder *order)
{
	CreateSubscriptionStmt *create = makeNode(CreateSubscriptionStmt);
	ListCell   *lc;

	Assert(IsTransactionState());
	create->subname = pstrdup(order->name);
	create->conninfo = pstrdup(order->conninfo);
	foreach(lc, order->publications)
		create->publication = lappend(create->publication, makeString(lfirst(lc)));
	create->options = list_concat(make_options(order),
								  list_make2(make_option("synchronous_commit", "off"),
											 make_option("streaming",
														 choose_streaming(order->source_version))));
	run_statement((Node *) create, psprintf("CREATE SUBSCRIPTION %s", order->name));
	return pgcopy_subscription_find(order->name);
}

void
pgcopy_subscription_add_relation(Oid subscription, Oid relation, XLogRecPtr lsn)
{
	pgcopy_add_subscription_rel(subscription, relation,
								XLogRecPtrIsInvalid(lsn) ? SUBREL_STATE_READY :
								SUBREL_STATE_SYNCDONE, lsn);
}

static AlterSubscriptionStmt *
make_alter(AlterSubscriptionType kind, const char *name, DefElem *option)
{
	AlterSubscriptionStmt *alter = makeNode(AlterSubscriptionStmt);

	alter->kind = kind;
	alter->subname = pstrdup(name);
	alter->options = list_make1(option);
	return alter;
}

static void
set_enabled(const char *name, bool is_enabled)
{
	DefElem    *option = make_option("enabled", is_enabled ? "true" : "false");

	run_statement((Node *) make_alter(ALTER_SUBSCRIPTION_ENABLED, name, option),
				  psprintf("ALTER SUBSCRIPTION %s %s", name,
						   is_enabled ? "ENABLE" : "DISABLE"));
}

void
pgcopy_subscription_enable(Oid subscription, const char *name)
{
	set_enabled(name, true);
}

void
pgcopy_subscription_disable(Oid subscription, const char *name)
{
	set_enabled(name, false);
}

/* Does a worker run, or "also_starting" be about to? */
static bool
has_worker(Oid subscription, bool also_starting)
{
	List	   *workers;

	LWLockAcquire(LogicalRepWorkerLock, LW_SHARED);
	workers = pgcopy_workers_of_subscription(subscription, !also_starting);
	LWLockRelease(LogicalRepWorkerLock);
	return workers != NIL;
}

/* Wait until a worker runs, or none is left; false if that takes longer than limit ms. */
static bool
await_worker(Oid subscription, bool is_wanted, int limit)
{
	TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), limit);

	while (has_worker(subscription, !is_wanted) != is_wanted)
	{
		if (GetCurrentTimestamp() > end)
			return false;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 LOOK_PAUSE, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	return true;
}

bool
pgcopy_subscription_await_start(Oid subscription)
{
	return await_worker(subscription, true, START_LIMIT);
}

void
pgcopy_subscription_await_end(Oid subscription)
{
	if (!await_worker(subscription, false, END_LIMIT))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("the worker of the disabled subscription does not end"),
				 errdetail("It was given %d s.", END_LIMIT / 1000),
				 errhint("It may be busy with a large transaction: see pg_stat_subscription, and try again.")));
}

Oid
pgcopy_subscription_find(const char *name)
{
	return get_subscription_oid(name, true);
}

/*
 * Without rows DROP SUBSCRIPTION has no reason to connect to the source: it would
 * look there for slots of tables that are not ready.
 */
void
pgcopy_subscription_drop(const char *name)
{
	Oid			subscription = pgcopy_subscription_find(name);
	DropSubscriptionStmt *drop = makeNode(DropSubscriptionStmt);

	Assert(IsTransactionState());
	if (!OidIsValid(subscription))
		return;
	pgcopy_subscription_disable(subscription, name);
	run_statement((Node *) make_alter(ALTER_SUBSCRIPTION_OPTIONS, name,
									  make_option("slot_name", "none")),
				  psprintf("ALTER SUBSCRIPTION %s SET (slot_name = NONE)", name));
	RemoveSubscriptionRel(subscription, InvalidOid);
	CommandCounterIncrement();
	drop->subname = pstrdup(name);
	drop->missing_ok = true;
	drop->behavior = DROP_RESTRICT;
	run_statement((Node *) drop, psprintf("DROP SUBSCRIPTION %s", name));
}

List *
pgcopy_subscription_relations(Oid subscription)
{
	Relation	relation = table_open(SubscriptionRelRelationId, AccessShareLock);
	List	   *result = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_subscription_rel_srsubid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(subscription));
	scan = systable_beginscan(relation, InvalidOid, false, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		result = lappend_oid(result,
							 ((Form_pg_subscription_rel) GETSTRUCT(tuple))->srrelid);
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	list_sort(result, list_oid_cmp);
	return result;
}
