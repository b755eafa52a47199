/*-------------------------------------------------------------------------
 *
 * replica_guard.c
 *	  Keep others from writing into a database that follows.
 *
 * The guard is a setting of the database, so it holds on after a crash, and a client
 * that looks for the server that takes writes (target_session_attrs = read-write)
 * passes by.  Our processes set the same to off when they begin, apply workers take no
 * notice, and who must write all the same can: SET default_transaction_read_only = off.
 *
 * A session that began before is not bound.  It is ended while it is idle, as clients
 * expect of a server that restarts, but not that of a superuser or of the job's owner:
 * most likely it is whoever ordered the job, and watches it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_database.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "replica/replica_guard.h"

#define GUARD_SETTING "default_transaction_read_only"

static const char *const end_sql =
	"SELECT count(*) FILTER (WHERE CASE WHEN w.may_end AND w.state = 'idle' "
	"THEN pg_terminate_backend(w.pid) END)::integer, "
	"count(*) FILTER (WHERE w.may_end AND w.state <> 'idle')::integer, "
	"count(*) FILTER (WHERE w.may_end IS NOT TRUE AND NOT w.watches)::integer "
	"FROM (SELECT a.pid, a.state, COALESCE(a.query ILIKE '%pgcopy%', false) AS watches, NOT r.rolsuper AND r.rolname <> current_user "
	"AND (m.rolsuper OR pg_has_role(r.oid, 'USAGE') "
	"OR pg_has_role('pg_signal_backend', 'USAGE')) AS may_end "
	"FROM pg_stat_activity AS a "
	"JOIN pg_roles AS r ON r.oid = a.usesysid "
	"JOIN pg_roles AS m ON m.rolname = current_user "
	"WHERE a.datname = current_database() AND a.backend_type = 'client backend' "
	"AND a.backend_start < $1) AS w";

/* Find a setting in "name=value" of an array of text; NULL: it is not there. */
static char *
find_setting(ArrayType *settings)
{
	Datum	   *elements;
	int			n;

	deconstruct_array(settings, TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL, &n);
	for (int i = 0; i < n; i++)
	{
		char	   *setting = TextDatumGetCString(elements[i]);

		if (strncmp(setting, GUARD_SETTING "=", strlen(GUARD_SETTING "=")) == 0)
			return setting + strlen(GUARD_SETTING "=");
	}
	return NULL;
}

char *
pgcopy_replica_guard_setting(void)
{
	Relation	catalog = table_open(DbRoleSettingRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	char	   *value = NULL;

	ScanKeyInit(&keys[0], Anum_pg_db_role_setting_setdatabase, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(MyDatabaseId));
	ScanKeyInit(&keys[1], Anum_pg_db_role_setting_setrole, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(InvalidOid));
	scan = systable_beginscan(catalog, DbRoleSettingDatidRolidIndexId, true, NULL, 2, keys);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		Datum		settings = heap_getattr(tuple, Anum_pg_db_role_setting_setconfig,
											RelationGetDescr(catalog), &isnull);

		if (!isnull)
			value = find_setting(DatumGetArrayTypePCopy(settings));
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return value;
}

/*
 * ALTER DATABASE ... SET, or RESET for NULL.  Not as a statement of a session: nobody
 * else's hooks or triggers are to have a say, nor the guard itself.
 */
static void
set_setting(const char *value)
{
	char	   *sql = psprintf("ALTER DATABASE %s %s " GUARD_SETTING "%s%s",
							   quote_identifier(get_database_name(MyDatabaseId)),
							   value != NULL ? "SET" : "RESET", value != NULL ? " = " : "",
							   value != NULL ? quote_literal_cstr(value) : "");
	RawStmt    *parsed = linitial_node(RawStmt, pg_parse_query(sql));

	(void) AlterDatabaseSet(castNode(AlterDatabaseSetStmt, parsed->stmt));
	CommandCounterIncrement();
}

void
pgcopy_replica_guard_set(void)
{
	set_setting("on");
}

void
pgcopy_replica_guard_lift(const char *before)
{
	set_setting(before);
}

bool
pgcopy_replica_guard_is_allowed(void)
{
	return pgcopy_database_ownercheck(MyDatabaseId, GetUserId());
}

/* A column of the row, a count. */
static int
get_count(int column)
{
	bool		isnull;

	return DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
									   column, &isnull));
}

void
pgcopy_replica_guard_end_writers(TimestampTz since, GuardWriters *writers)
{
	Oid			type = TIMESTAMPTZOID;
	Datum		value = TimestampTzGetDatum(since);

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute_with_args(end_sql, 1, &type, &value, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not end sessions");
	writers->ended = get_count(1);
	writers->busy = get_count(2);
	writers->spared = get_count(3);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
}
