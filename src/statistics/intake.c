/*-------------------------------------------------------------------------
 *
 * intake.c
 *	  Ask the source for statistics of tables, and write them here.
 *
 * The view pg_stats shows each role what it may read; it is asked for the tables of a
 * series of COPYs by one query, whose rows are written as they come.  Tables with
 * many changes since their last ANALYZE are left out there, as autovacuum counts.
 *
 * Statistics of a table are of use only if those of all its columns are here and in
 * order.  Else the table is refused: nothing more is written for it, and ANALYZE will
 * replace what is there.  An error of a type's function refuses it too.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/xact.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "base/attempt.h"
#include "base/compat.h"
#include "statistics/column.h"
#include "statistics/intake.h"

/* Columns before the figures. */
#define VALUE_TABLE		0		/* index in the list */
#define VALUE_COLUMN	1
#define VALUE_ROWS		2		/* by its last ANALYZE there */
#define FIRST_FIGURE	3

StaticAssertDecl(INTAKE_COLUMNS == FIRST_FIGURE + FIGURE_COUNT, "columns of the answer");

/* What a table and its rows may differ from its last ANALYZE, beside 50 rows. */
#define CHANGED_SHARE	0.2

/* Larger than statistics with the largest target are. */
#define MOST_BYTES		(64 * 1024 * 1024)

/* A row of the answer. */
typedef struct Arrival
{
	IntakeTable *table;
	const char *const *values;
	ColumnStatistics column;
	bool		is_read;		/* all of it: it can be written */
} Arrival;

/*
 * The conditions by ANY are redundant: the view is a security barrier, which lets them
 * in, but not those of a join.
 */
#define SELECT_STATISTICS \
"SELECT w.no, s.attname, c.reltuples, s.null_frac, s.avg_width, s.n_distinct," \
" s.most_common_vals::pg_catalog.text, s.most_common_freqs::pg_catalog.text," \
" s.histogram_bounds::pg_catalog.text, s.correlation," \
" s.most_common_elems::pg_catalog.text, s.most_common_elem_freqs::pg_catalog.text," \
" s.elem_count_histogram::pg_catalog.text, %s" \
" FROM (VALUES %s) AS w(no, oid, schema, name, inherited)" \
" JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) w.oid::pg_catalog.oid" \
" JOIN pg_catalog.pg_stats AS s ON s.tablename OPERATOR(pg_catalog.=) w.name::pg_catalog.name" \
" AND s.schemaname OPERATOR(pg_catalog.=) w.schema::pg_catalog.name" \
" AND s.inherited OPERATOR(pg_catalog.=) w.inherited" \
" WHERE s.tablename OPERATOR(pg_catalog.=) ANY (ARRAY[%s]::pg_catalog.name[])" \
" AND s.schemaname OPERATOR(pg_catalog.=) ANY (ARRAY[%s]::pg_catalog.name[])" \
" AND pg_catalog.pg_stat_get_mod_since_analyze(c.oid)::pg_catalog.float8" \
" OPERATOR(pg_catalog.<=) (50 OPERATOR(pg_catalog.+) c.reltuples::pg_catalog.float8" \
" OPERATOR(pg_catalog.*) 0.1::pg_catalog.float8)"

#define RANGES_FROM_17 \
"s.range_length_histogram::pg_catalog.text, s.range_empty_frac, s.range_bounds_histogram::pg_catalog.text"

char *
pgcopy_intake_sql(const List *tables, int version)
{
	StringInfoData rows;
	StringInfoData names;
	StringInfoData schemas;
	ListCell   *lc;

	initStringInfo(&rows);
	initStringInfo(&names);
	initStringInfo(&schemas);
	foreach(lc, tables)
	{
		const IntakeTable *table = lfirst(lc);
		const char *comma = foreach_current_index(lc) > 0 ? ", " : "";
		char	   *schema = quote_literal_cstr(table->schema);
		char	   *name = quote_literal_cstr(table->name);

		appendStringInfo(&rows, "%s(%d, %u, %s, %s, %s)", comma, foreach_current_index(lc),
						 table->source_oid, schema, name,
						 table->is_inherited ? "true" : "false");
		appendStringInfo(&names, "%s%s", comma, name);
		appendStringInfo(&schemas, "%s%s", comma, schema);
	}
	return psprintf(SELECT_STATISTICS, version >= 170000 ? RANGES_FROM_17 : "NULL, NULL, NULL",
					rows.data, names.data, schemas.data);
}

/* Note which columns need statistics here.  Returns false if there can be more of them. */
static bool
list_columns(IntakeTable *table)
{
	Relation	relation = relation_open(table->relid, NoLock);
	bool		is_plain = true;

	for (int i = 0; i < RelationGetNumberOfAttributes(relation); i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(relation), i);
		HeapTuple	tuple;

		if (attribute->attisdropped || pgcopy_is_virtual(attribute))
			continue;
		tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(table->relid), Int16GetDatum(i + 1));
		if (HeapTupleIsValid(tuple))
		{
			if (pgcopy_statistics_target((Form_pg_attribute) GETSTRUCT(tuple), tuple) != 0)
				table->missing = bms_add_member(table->missing, i + 1);
			ReleaseSysCache(tuple);
		}
		is_plain = is_plain && !pgcopy_column_is_special(attribute->atttypid);
	}
	relation_close(relation, NoLock);
	return is_plain;
}

/* Lock the table as ANALYZE does, without waiting; or refuse it. */
static void
begin_table(IntakeTable *table)
{
	MemoryContext caller = MemoryContextSwitchTo(GetMemoryChunkContext(table));

	table->is_begun = true;
	if (!ConditionalLockRelationOid(table->relid, ShareUpdateExclusiveLock) ||
		get_rel_relkind(table->relid) == '\0' ||
		!pgcopy_class_ownercheck(table->relid, GetUserId()) ||
		!list_columns(table))
		table->is_refused = true;
	MemoryContextSwitchTo(caller);
}

/* Has the table as many rows as the source counted?  Counters are lost in a crash. */
static bool
has_changed(const IntakeTable *table, const char *text)
{
	double		counted = DatumGetFloat4(DirectFunctionCall1(float4in, CStringGetDatum(text)));

	return table->rows >= 0 &&
		!(fabs(counted - table->rows) <= 50 + CHANGED_SHARE * table->rows);
}

/* Throw if a row cannot be what was asked for. */
static void
check_texts(const char *const *values)
{
	Size		bytes = 0;

	for (int i = 0; i < INTAKE_COLUMNS; i++)
	{
		if (values[i] == NULL)
			continue;
		bytes += strlen(values[i]);
		(void) pg_verifymbstr(values[i], strlen(values[i]), false);
	}
	if (bytes > MOST_BYTES || values[VALUE_COLUMN] == NULL || values[VALUE_ROWS] == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the source's statistics have no valid size or names")));
}

/* AttemptWork: read the statistics of one column.  Writes nothing, so that it has no xid. */
static void
read_column(void *arg)
{
	Arrival    *arrival = arg;
	IntakeTable *table = arrival->table;
	ColumnStatistics *column = &arrival->column;

	check_texts(arrival->values);
	column->relid = table->relid;
	column->is_inherited = table->is_inherited;
	column->figures = arrival->values + FIRST_FIGURE;
	column->attnum = get_attnum(table->relid, arrival->values[VALUE_COLUMN]);
	if (column->attnum <= 0 || has_changed(table, arrival->values[VALUE_ROWS]))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the source's statistics are not of this table's rows or columns")));
	if (!bms_is_member(column->attnum, table->missing))
		return;					/* one that ANALYZE would leave out */
	pgcopy_column_read(column);
	arrival->is_read = true;
}

/* Whether an error says nothing of the statistics. */
static bool
is_of_server(int sqlerrcode)
{
	switch (ERRCODE_TO_CATEGORY(sqlerrcode))
	{
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_SYSTEM_ERROR:
			return true;
	}
	return false;
}

static void
store_column(Arrival *arrival)
{
	IntakeTable *table = arrival->table;

	if (pgcopy_store_column(&arrival->column))
		table->missing = bms_del_member(table->missing, arrival->column.attnum);
	else
		table->is_refused = true;
}

static void
take_arrival(Arrival *arrival)
{
	ErrorData  *error = pgcopy_attempt_run(read_column, arrival);

	if (error == NULL)
	{
		if (arrival->is_read)
			store_column(arrival);
		return;
	}
	if (is_of_server(error->sqlerrcode))
		ReThrowError(error);
	ereport(DEBUG1, (errmsg_internal("statistics of table \"%s.%s\" are not taken: %s",
									 arrival->table->schema, arrival->table->name,
									 error->message)));
	arrival->table->is_refused = true;
}

static void
set_as_there(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
}

int
pgcopy_intake_begin(void)
{
	int			nesting = NewGUCNestLevel();

	set_as_there("DateStyle", "ISO");
	set_as_there("IntervalStyle", "postgres");
	return nesting;
}

void
pgcopy_intake_take(void *arg, const char *const *values)
{
	List	   *tables = arg;
	int			no = values[VALUE_TABLE] != NULL ? atoi(values[VALUE_TABLE]) : -1;
	Arrival		arrival = {.values = values};
	MemoryContext context;
	MemoryContext caller;

	if (no < 0 || no >= list_length(tables))
		return;
	arrival.table = list_nth(tables, no);
	if (arrival.table->rows == 0)
		return;
	if (!arrival.table->is_begun)
		begin_table(arrival.table);
	if (arrival.table->is_refused)
		return;
	context = AllocSetContextCreate(CurrentMemoryContext, "pgcopy statistics",
									ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(context);
	take_arrival(&arrival);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}

bool
pgcopy_intake_is_complete(IntakeTable *table)
{
	if (table->rows == 0)
		return true;
	return table->is_begun && !table->is_refused && bms_is_empty(table->missing);
}
