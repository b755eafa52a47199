/*-------------------------------------------------------------------------
 *
 * row.c
 *	  Rows of pgcopy.* with texts that must not appear in a statement.
 *
 * auto_explain, pgaudit and the debug_print settings log the parameters of a
 * statement and the constants of its plan.  So connection strings and
 * definitions are stored without SQL.  They are read by SQL: nothing logs the
 * rows that a query returns.
 *
 * Indexes are maintained, constraints are not checked, and triggers of a user
 * are not fired: no key is ever changed here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/toast_internals.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "executor/tuptable.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "catalog/row.h"

#define CATALOG_SCHEMA "pgcopy"

/* From this size on a text is compressed before the row is formed. */
#define LONG_TEXT (1024 * 1024)

Relation
pgcopy_row_open(const char *table)
{
	Oid			schema = get_namespace_oid(CATALOG_SCHEMA, false);
	Oid			relid = get_relname_relid(table, schema);

	Assert(IsTransactionState());
	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"%s.%s\" does not exist", CATALOG_SCHEMA, table),
				 errhint("Drop and create extension pgcopydb_ext again.")));
	return table_open(relid, RowExclusiveLock);
}

void
pgcopy_row_close(Relation table)
{
	table_close(table, NoLock);
}

Datum
pgcopy_row_text(const char *text, size_t length)
{
	struct varlena *value = palloc(length + VARHDRSZ);
	Datum		compressed;

	SET_VARSIZE(value, length + VARHDRSZ);
	memcpy(VARDATA(value), text, length);
	if (length < LONG_TEXT)
		return PointerGetDatum(value);

	compressed = toast_compress_datum(PointerGetDatum(value), '\0');
	if (DatumGetPointer(compressed) == NULL)
		return PointerGetDatum(value);
	pfree(value);
	return compressed;
}

void
pgcopy_row_insert(Relation table, Datum *values, bool *nulls)
{
	HeapTuple	tuple = heap_form_tuple(RelationGetDescr(table), values, nulls);

	Assert(CheckRelationLockedByMe(table, RowExclusiveLock, true));
	CatalogTupleInsert(table, tuple);
	heap_freetuple(tuple);
}

void
pgcopy_row_set(Relation table, ItemPointer tid, const char *column, Datum value)
{
	TupleDesc	tupdesc = RelationGetDescr(table);
	TupleTableSlot *slot = table_slot_create(table, NULL);
	AttrNumber	attno = get_attnum(RelationGetRelid(table), column);
	Datum	   *values = palloc0(sizeof(Datum) * tupdesc->natts);
	bool	   *nulls = palloc0(sizeof(bool) * tupdesc->natts);
	bool	   *replaces = palloc0(sizeof(bool) * tupdesc->natts);
	bool		should_free;
	HeapTuple	tuple;

	Assert(CheckRelationLockedByMe(table, RowExclusiveLock, true));
	if (attno == InvalidAttrNumber ||
		!table_tuple_fetch_row_version(table, tid, SnapshotSelf, slot))
		elog(ERROR, "no row or no column \"%s\" to be set", column);
	values[attno - 1] = value;
	replaces[attno - 1] = true;
	tuple = ExecFetchSlotHeapTuple(slot, true, &should_free);
	tuple = heap_modify_tuple(tuple, tupdesc, values, nulls, replaces);
	CatalogTupleUpdate(table, tid, tuple);
	*tid = tuple->t_self;
	ExecDropSingleTupleTableSlot(slot);
	CommandCounterIncrement();
}
