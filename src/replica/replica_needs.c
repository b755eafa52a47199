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
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

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

List *
pgcopy_replica_needs_check_room(void)
{
	/* 18 has a setting of its own for them */
	const char *origins = "max_active_replication_origins";

	if (GetConfigOption(origins, true, false) == NULL)
		origins = "max_replication_slots";
	return list_concat(check_room("max_logical_replication_workers",
								  count_rows(SubscriptionRelationId, true), "the worker"),
					   check_room(origins, count_rows(ReplicationOriginRelationId, false),
								  "the origin"));
}
