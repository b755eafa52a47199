/*-------------------------------------------------------------------------
 *
 * query.c
 *	  Prepared SQL on pgcopy.*, run as the extension's owner.
 *
 * Only the extension's owner may write the tables in schema pgcopy, but jobs
 * run as the role that ordered them.  So every query here runs as the owner,
 * with a search_path that nobody else can write to.  Only constant SQL runs
 * inside such a scope, never a statement of a dump.
 *
 * The scope may write in a transaction that is read-only, which is the rule in a
 * database that follows (replica/replica_guard.c).  Whether the caller may is for him to ask:
 * pgcopy_order_check_server().
 *
 * On ERROR the scope needs no clean-up: the abort of the (sub)transaction
 * restores user and settings and ends SPI.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/pg_lsn.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "catalog/query.h"

#define EXTENSION_NAME "pgcopydb_ext"

/* Rows in one scope, whose memory is freed at its end. */
#define SCOPE_ROWS 1000

Oid
pgcopy_query_owner(void)
{
	Relation	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			owner = InvalidOid;

	Assert(IsTransactionState());
	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber,
				F_NAMEEQ, CStringGetDatum(EXTENSION_NAME));
	scan = systable_beginscan(rel, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		owner = ((Form_pg_extension) GETSTRUCT(tuple))->extowner;
	systable_endscan(scan);
	table_close(rel, AccessShareLock);

	if (!OidIsValid(owner))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("extension \"%s\" is not installed in this database",
						EXTENSION_NAME),
				 errhint("Run CREATE EXTENSION %s.", EXTENSION_NAME)));
	return owner;
}

void
pgcopy_query_begin(CatalogScope *scope)
{
	Assert(IsTransactionState());
	GetUserIdAndSecContext(&scope->user, &scope->security_context);
	scope->guc_nest_level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp",
							 PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	SetUserIdAndSecContext(pgcopy_query_owner(),
						   scope->security_context |
						   SECURITY_LOCAL_USERID_CHANGE);
	scope->is_read_only = XactReadOnly;
	XactReadOnly = RecoveryInProgress();
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
}

void
pgcopy_query_end(const CatalogScope *scope)
{
	Assert(InLocalUserIdChange());
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	XactReadOnly = scope->is_read_only;
	SetUserIdAndSecContext(scope->user, scope->security_context);
	AtEOXact_GUC(true, scope->guc_nest_level);
}

static void
prepare_query(CatalogQuery *query)
{
	SPIPlanPtr	plan = SPI_prepare(query->sql, query->nargs, query->types);

	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", query->sql,
			 SPI_result_code_string(SPI_result));
	if (SPI_keepplan(plan) != 0)
		elog(ERROR, "could not keep the plan of \"%s\"", query->sql);
	query->plan = plan;
}

Datum
pgcopy_query_text_arg(const char *text)
{
	return text ? CStringGetTextDatum(text) : (Datum) 0;
}

Datum
pgcopy_query_array_arg(const List *list, Oid type)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(list_length(list), 1));
	int			n = 0;
	ListCell   *lc;

	Assert(type == TEXTOID || type == INT4OID);
	foreach(lc, list)
		elements[n++] = type == TEXTOID ?
			CStringGetTextDatum((char *) lfirst(lc)) : Int32GetDatum(lfirst_int(lc));
	return PointerGetDatum(construct_array(elements, n, type,
										   type == TEXTOID ? -1 : 4,
										   type != TEXTOID, TYPALIGN_INT));
}

/*
 * Use the latest snapshot at any isolation level: pgcopy_wait() must see a job
 * end.  Fire AFTER triggers here, as no query is around ours: a user's foreign
 * key that refers to a job has some.
 */
uint64
pgcopy_query_run(CatalogQuery *query, Datum *values)
{
	char		nulls[CATALOG_MAX_ARGS];
	int			result;

	Assert(InLocalUserIdChange());
	Assert(query->nargs <= CATALOG_MAX_ARGS);
	Assert(query->nargs == 0 || values != NULL);
	if (query->plan == NULL)
		prepare_query(query);
	for (int i = 0; i < query->nargs; i++)
		nulls[i] = query->types[i] == TEXTOID && values[i] == (Datum) 0 ? 'n' : ' ';

	result = SPI_execute_snapshot(query->plan, values, nulls,
								  GetLatestSnapshot(), InvalidSnapshot,
								  false, true, 0);
	if (result < 0)
		elog(ERROR, "\"%s\" failed: %s", query->sql,
			 SPI_result_code_string(result));
	return SPI_processed;
}

uint64
pgcopy_query_do(CatalogQuery *query, Datum *values)
{
	CatalogScope scope;
	uint64		rows;

	pgcopy_query_begin(&scope);
	rows = pgcopy_query_run(query, values);
	pgcopy_query_end(&scope);
	CommandCounterIncrement();
	return rows;
}

List *
pgcopy_query_fetch(CatalogQuery *query, Datum *values, QueryReadRow read)
{
	MemoryContext caller = CurrentMemoryContext;
	CatalogScope scope;
	List	   *result = NIL;
	uint64		n;

	pgcopy_query_begin(&scope);
	n = pgcopy_query_run(query, values);
	MemoryContextSwitchTo(caller);
	for (uint64 i = 0; i < n; i++)
		result = lappend(result, read((int) i));
	pgcopy_query_end(&scope);
	Assert(CurrentMemoryContext == caller);
	return result;
}

void *
pgcopy_query_fetch_one(CatalogQuery *query, Datum *values, QueryReadRow read)
{
	List	   *rows = pgcopy_query_fetch(query, values, read);

	return rows == NIL ? NULL : linitial(rows);
}

static const char *
first_column(void)
{
	return NameStr(TupleDescAttr(SPI_tuptable->tupdesc, 0)->attname);
}

void *
pgcopy_query_read_text(int row)
{
	return pgcopy_query_text(row, first_column());
}

uint32 *
pgcopy_query_fetch_array(CatalogQuery *query, Datum *values, int *count)
{
	MemoryContext caller = CurrentMemoryContext;
	CatalogScope scope;
	uint32	   *result;

	pgcopy_query_begin(&scope);
	*count = (int) pgcopy_query_run(query, values);
	result = MemoryContextAllocHuge(caller, sizeof(uint32) * Max(*count, 1));
	for (int i = 0; i < *count; i++)
		result[i] = (uint32) pgcopy_query_int64(i, first_column());
	pgcopy_query_end(&scope);
	return result;
}

List *
pgcopy_query_fetch_ints(CatalogQuery *query, Datum *values)
{
	int			n;
	uint32	   *numbers = pgcopy_query_fetch_array(query, values, &n);
	List	   *result = NIL;

	for (int i = 0; i < n; i++)
		result = lappend_int(result, (int) numbers[i]);
	pfree(numbers);
	return result;
}

int64
pgcopy_query_fetch_int64(CatalogQuery *query, Datum *values)
{
	CatalogScope scope;
	int64		result = 0;

	pgcopy_query_begin(&scope);
	if (pgcopy_query_run(query, values) > 0)
		result = pgcopy_query_int64(0, first_column());
	pgcopy_query_end(&scope);
	return result;
}

void
pgcopy_query_write_rows(int n, CatalogWriter write, void *arg)
{
	MemoryContext row_context = AllocSetContextCreate(CurrentMemoryContext,
													  "pgcopy catalog row",
													  ALLOCSET_DEFAULT_SIZES);
	int			i = 0;

	while (i < n)
	{
		int			end = Min(n, i + SCOPE_ROWS);
		CatalogScope scope;

		CHECK_FOR_INTERRUPTS();
		pgcopy_query_begin(&scope);
		while (i < end)
		{
			MemoryContext caller = MemoryContextSwitchTo(row_context);

			write(i++, arg);
			MemoryContextSwitchTo(caller);
			MemoryContextReset(row_context);
		}
		pgcopy_query_end(&scope);
	}
	MemoryContextDelete(row_context);
}

static Datum
get_value(int row, const char *column, bool *isnull, Oid *type)
{
	TupleDesc	tupdesc = SPI_tuptable->tupdesc;
	int			attno = SPI_fnumber(tupdesc, column);

	Assert(row >= 0 && (uint64) row < SPI_tuptable->numvals);
	if (attno == SPI_ERROR_NOATTRIBUTE)
		elog(ERROR, "no column \"%s\" in the catalog of jobs", column);
	*type = SPI_gettypeid(tupdesc, attno);
	return SPI_getbinval(SPI_tuptable->vals[row], tupdesc, attno, isnull);
}

/* SPI_palloc() allocates in the context that was current at SPI_connect(). */
char *
pgcopy_query_text(int row, const char *column)
{
	bool		isnull;
	Oid			type;
	Datum		value = get_value(row, column, &isnull, &type);
	Oid			output;
	bool		is_varlena;
	char	   *text;
	char	   *copy;

	if (isnull)
		return NULL;
	getTypeOutputInfo(type, &output, &is_varlena);
	text = OidOutputFunctionCall(output, value);
	copy = SPI_palloc(strlen(text) + 1);
	strcpy(copy, text);
	pfree(text);
	return copy;
}

int64
pgcopy_query_int64(int row, const char *column)
{
	bool		isnull;
	Oid			type;
	Datum		value = get_value(row, column, &isnull, &type);

	if (isnull)
		return 0;
	switch (type)
	{
		case INT8OID:
			return DatumGetInt64(value);
		case INT4OID:
			return DatumGetInt32(value);
		case OIDOID:
			return DatumGetObjectId(value);
		case LSNOID:
			return (int64) DatumGetLSN(value);
		case CHAROID:
			return DatumGetChar(value);
		case BOOLOID:
			return DatumGetBool(value);
	}
	elog(ERROR, "column \"%s\" is not an integer", column);
}

bool
pgcopy_query_bool(int row, const char *column)
{
	return pgcopy_query_int64(row, column) != 0;
}

bool
pgcopy_query_is_null(int row, const char *column)
{
	bool		isnull;
	Oid			type;

	(void) get_value(row, column, &isnull, &type);
	return isnull;
}

ArrayType *
pgcopy_query_array(int row, const char *column)
{
	bool		isnull;
	Oid			type;
	Datum		value = get_value(row, column, &isnull, &type);

	Assert(!isnull);
	return DatumGetArrayTypeP(value);
}
