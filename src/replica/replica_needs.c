/*-------------------------------------------------------------------------
 *
 * replica_needs.c
 *	  What this server must have, and a role may do here, to follow a source.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_replication_origin.h"
#include "catalog/pg_subscription.h"
#include "commands/dbcommands.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/compat.h"
#include "replica/replica_needs.h"

List *
pgcopy_replica_needs_check_role(Oid role)
{
	/* from 16 on */
	Oid			may_subscribe = get_role_oid("pg_create_subscription", true);
	Finding		finding = {
		.level = FINDING_ERROR,
		.sqlerrcode = ERRCODE_INSUFFICIENT_PRIVILEGE,
		.message = psprintf("role \"%s\" cannot follow a source", GetUserNameFromId(role, false)),
		.detail = "It may not create a subscription here.",
		.hint = OidIsValid(may_subscribe) ?
		"GRANT pg_create_subscription to it, or call pgcopy_clone() as a superuser." :
		"Call pgcopy_clone() as a superuser: before PostgreSQL 16 nobody else may."
	};

	if (superuser_arg(role) ||
		(OidIsValid(may_subscribe) && has_privs_of_role(role, may_subscribe)))
		return NIL;
	return pgcopy_finding_list(&finding);
}

/* Count the rows of a catalog; only_enabled: of pg_subscription. */
static int
count_rows(Oid catalog, bool only_enabled)
{
	Relation	table = table_open(catalog, AccessShareLock);
	TableScanDesc scan = table_beginscan_catalog(table, 0, NULL);
	HeapTuple	tuple;
	int			count = 0;

	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
		count += !only_enabled || ((Form_pg_subscription) GETSTRUCT(tuple))->subenabled;
	table_endscan(scan);
	table_close(table, AccessShareLock);
	return count;
}

static List *
check_room(const char *setting, int used, const char *what)
{
	int			limit = atoi(GetConfigOption(setting, false, false));
	Finding		finding = {
		.level = FINDING_ERROR,
		.sqlerrcode = ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
		.message = psprintf("this server has no room for %s of one more subscription", what),
		.hint = psprintf("Raise %s (now %d, of which %d are in use) and restart this server.",
						 setting, limit, used)
	};

	return limit > used ? NIL : pgcopy_finding_list(&finding);
}

static int
count_background_workers(void)
{
	int			count = 0;

	for (int i = 1; i <= pgstat_fetch_stat_numbackends(); i++)
	{
		const LocalPgBackendStatus *entry = pgcopy_session_entry(i);

		count += entry != NULL && entry->backendStatus.st_backendType == B_BG_WORKER;
	}
	return count;
}

/* Others' workers come and go: no more than a notice. */
static List *
find_no_process(void)
{
	int			used = count_background_workers();
	Finding		finding = {
		.level = FINDING_NOTICE,
		.message = "no background worker is free for the subscription",
		.hint = psprintf("Raise max_worker_processes (now %d, of which %d run) and restart this server: nothing comes before one is free.",
						 max_worker_processes, used)
	};

	return used < max_worker_processes ? NIL : pgcopy_finding_list(&finding);
}

List *
pgcopy_replica_needs_check_room(void)
{
	/* 18 has a setting of its own for them */
	const char *origins = "max_active_replication_origins";

	if (GetConfigOption(origins, true, false) == NULL)
		origins = "max_replication_slots";
	return list_concat(list_concat(check_room("max_logical_replication_workers",
											  count_rows(SubscriptionRelationId, true),
											  "the worker"),
								   check_room(origins,
											  count_rows(ReplicationOriginRelationId, false),
											  "the origin")),
					   find_no_process());
}

/*
 * The timeouts that the subscription's workers obey.  The others belong to the loop of a
 * backend that takes statements from a client.
 */
static const char *const worker_timeouts[] = {
	"lock_timeout",
	"transaction_timeout"		/* 17 */
};

/*
 * The workers are the server's own, so we cannot set theirs: they have what the role, the
 * database and the server's configuration say.  So has the caller, as its defaults.
 */
List *
pgcopy_replica_needs_check_timeouts(Oid role)
{
	const char *whose = psprintf("ALTER ROLE %s IN DATABASE %s",
								 quote_identifier(GetUserNameFromId(role, false)),
								 quote_identifier(get_database_name(MyDatabaseId)));
	StringInfoData found;
	StringInfoData hint;
	Finding		finding = {.level = FINDING_NOTICE};

	initStringInfo(&found);
	initStringInfo(&hint);
	for (int i = 0; i < lengthof(worker_timeouts); i++)
	{
		const char *name = worker_timeouts[i];
		const char *value;

		if (GetConfigOption(name, true, false) == NULL)
			continue;
		value = GetConfigOptionResetString(name);
		if (strcmp(value, "0") == 0)
			continue;
		appendStringInfo(&found, "%s%s = %s ms", found.len > 0 ? ", " : "", name, value);
		appendStringInfo(&hint, "%s%s SET %s = 0", hint.len > 0 ? "; " : "", whose, name);
	}
	if (found.len == 0)
		return NIL;
	finding.message = psprintf("timeouts here may end the subscription's workers again and again: %s",
							   found.data);
	finding.hint = psprintf("%s until the job is done.", hint.data);
	return pgcopy_finding_list(&finding);
}
