/*-------------------------------------------------------------------------
 *
 * order.c
 *	  Checks and steps common to pgcopy_clone() and pgcopy_resume().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "api/order.h"
#include "base/compat.h"
#include "catalog/follow.h"
#include "replica/replica_guard.h"

int64
pgcopy_order_get_job(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("job must not be null"),
				 errhint("The view pgcopy_jobs lists your jobs.")));
	return PG_GETARG_INT64(0);
}

void
pgcopy_order_get_options(FunctionCallInfo fcinfo, int first, JobOptions *options)
{
	Oid			function = fcinfo->flinfo->fn_oid;
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Oid		   *types;
	char	  **names;
	char	   *modes;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	(void) get_func_arg_info(tuple, &types, &names, &modes);
	ReleaseSysCache(tuple);

	pgcopy_options_set_defaults(options);
	for (int i = first; i < PG_NARGS(); i++)
	{
		Oid			type = types[i] == ANYOID ? get_fn_expr_argtype(fcinfo->flinfo, i) : types[i];
		Oid			output;
		bool		is_varlena;

		if (PG_ARGISNULL(i) && strcmp(names[i], "database_properties") == 0 && first > 1)
			continue;
		getTypeOutputInfo(type, &output, &is_varlena);
		pgcopy_options_set(options, names[i], PG_ARGISNULL(i) ? NULL :
						   OidOutputFunctionCall(output, PG_GETARG_DATUM(i)));
	}
	pgcopy_option_rules_check(options);
}

/* Does a setting of this session come from there? */
static bool
has_source(const char *setting, const char *source)
{
	static const char *const sql =
		"SELECT s.source OPERATOR(pg_catalog.=) $2 FROM pg_catalog.pg_show_all_settings() AS s "
		"WHERE s.name OPERATOR(pg_catalog.=) $1";
	Oid			types[] = {TEXTOID, TEXTOID};
	Datum		values[] = {CStringGetTextDatum(setting), CStringGetTextDatum(source)};
	bool		isnull;
	bool		result;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute_with_args(sql, lengthof(types), types, values, NULL, true, 1) !=
		SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not ask for %s", setting);
	result = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
										1, &isnull));
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	return result;
}

/*
 * Has the database's setting been lifted since this session began with it?  Then it binds
 * no new session.
 */
static bool
is_lifted(void)
{
	const char *setting = pgcopy_replica_guard_setting();
	bool		is_on = true;

	return has_source("default_transaction_read_only", "database") &&
		(setting == NULL || (parse_bool(setting, &is_on) && !is_on));
}

/*
 * Is the transaction read-only for no other reason than our guard, or what is left of
 * it?  That it was made so by its own command, its setting in this session remembers.
 */
static bool
is_read_only_by_guard(void)
{
	return DefaultXactReadOnly && !has_source("transaction_read_only", "session") &&
		(pgcopy_follow_is_guarded() || is_lifted());
}

void
pgcopy_order_check_server(const char *action)
{
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot %s on a server that is in recovery", action),
				 errhint("Call it on the primary.")));
	if (XactReadOnly && !is_read_only_by_guard())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot %s in a read-only transaction", action),
				 errhint("Call it in a transaction that is READ WRITE.")));
}

void
pgcopy_order_check_role(Oid role)
{
	HeapTuple	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
	bool		can_login;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the role that owns the job does not exist"),
				 errdetail("Its OID was %u.", role),
				 errhint("Start a new clone with pgcopy_clone().")));
	can_login = ((Form_pg_authid) GETSTRUCT(tuple))->rolcanlogin;
	ReleaseSysCache(tuple);

	if (!can_login)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
				 errmsg("role \"%s\" cannot run a job", GetUserNameFromId(role, false)),
				 errdetail("The processes of a job connect as the role that started it, and this role has no LOGIN."),
				 errhint("Call pgcopy_clone() as a role with LOGIN.")));
	if (pgcopy_database_aclcheck(MyDatabaseId, role, ACL_CONNECT) != ACLCHECK_OK ||
		pgcopy_database_aclcheck(MyDatabaseId, role, ACL_CREATE) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("role \"%s\" cannot clone into this database",
						GetUserNameFromId(role, false)),
				 errhint("It needs CONNECT and CREATE on the database.")));
}

void
pgcopy_order_start_leader(const Job *job, ResumeChoice choice)
{
	ProcessArgs args = {
		.job = job->id,
		.database = MyDatabaseId,
		.owner = job->owner,
		.caller_xid = GetTopTransactionId(),
		.choice = choice
	};

	if (!pgcopy_process_start_leader(&args, true))
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("cannot start the leader of the job: no background worker slot is free"),
				 errhint("Raise max_worker_processes (now %d), or try again when other workers have ended.",
						 max_worker_processes)));
}
