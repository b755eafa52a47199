/*-------------------------------------------------------------------------
 *
 * largeobject_pages.c
 *	  Insert pages of large objects into pg_largeobject.
 *
 * Rows are inserted as the catalog's own code does it, many at a time.  No
 * privilege is checked: that is up to the caller.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/toast_internals.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/pg_largeobject.h"
#include "executor/tuptable.h"
#include "nodes/execnodes.h"
#include "storage/large_object.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "heap/largeobject_pages.h"

#define BATCH_PAGES		64

struct LargeObjectWriter
{
	Relation	relation;
	CatalogIndexState indexes;
	TupleTableSlot *slots[BATCH_PAGES];
	int			used;
	MemoryContext context;		/* of the tuples, reset after each batch */
};

LargeObjectWriter *
pgcopy_largeobject_pages_open(void)
{
	LargeObjectWriter *writer = palloc0(sizeof(LargeObjectWriter));

	writer->context = AllocSetContextCreate(CurrentMemoryContext,
											"pgcopy large object pages",
											ALLOCSET_DEFAULT_SIZES);
	writer->relation = table_open(LargeObjectRelationId, RowExclusiveLock);
	writer->indexes = CatalogOpenIndexes(writer->relation);
	return writer;
}

/*
 * Insert index entries with the slot's address.  Unlike this,
 * CatalogTuplesMultiInsertWithInfo() takes the address of the slot's tuple,
 * which is wrong if heap_multi_insert() compressed that to another tuple.
 */
static void
insert_index_entries(LargeObjectWriter *writer, TupleTableSlot *slot)
{
	Datum		values[INDEX_MAX_KEYS];
	bool		nulls[INDEX_MAX_KEYS];
	int			i;

	for (i = 0; i < writer->indexes->ri_NumIndices; i++)
	{
		IndexInfo  *info = writer->indexes->ri_IndexRelationInfo[i];

		FormIndexDatum(info, slot, NULL, values, nulls);
		(void) index_insert(writer->indexes->ri_IndexRelationDescs[i],
							values, nulls, &slot->tts_tid, writer->relation,
							info->ii_Unique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO,
							false, info);
	}
}

static void
flush_pages(LargeObjectWriter *writer)
{
	int			i;

	if (writer->used == 0)
		return;
	heap_multi_insert(writer->relation, writer->slots, writer->used,
					  GetCurrentCommandId(true), 0, NULL);
	for (i = 0; i < writer->used; i++)
	{
		insert_index_entries(writer, writer->slots[i]);
		ExecClearTuple(writer->slots[i]);
	}
	writer->used = 0;
	MemoryContextReset(writer->context);
}

/* Make the content of a page, compressed if that makes it shorter. */
static Datum
make_content(const char *data, int length)
{
	bytea	   *content = palloc(VARHDRSZ + length);
	Datum		compressed;

	SET_VARSIZE(content, VARHDRSZ + length);
	memcpy(VARDATA(content), data, length);
	compressed = toast_compress_datum(PointerGetDatum(content),
									  InvalidCompressionMethod);
	return DatumGetPointer(compressed) != NULL ? compressed :
		PointerGetDatum(content);
}

void
pgcopy_largeobject_pages_put(LargeObjectWriter *writer, Oid oid, int32 page,
							 const char *data, int length)
{
	TupleTableSlot *slot = writer->slots[writer->used];
	MemoryContext old;

	Assert(length >= 0 && length <= LOBLKSIZE);
	if (slot == NULL)
	{
		slot = MakeSingleTupleTableSlot(RelationGetDescr(writer->relation),
										&TTSOpsHeapTuple);
		writer->slots[writer->used] = slot;
	}
	old = MemoryContextSwitchTo(writer->context);
	ExecClearTuple(slot);
	memset(slot->tts_isnull, false,
		   sizeof(bool) * slot->tts_tupleDescriptor->natts);
	slot->tts_values[Anum_pg_largeobject_loid - 1] = ObjectIdGetDatum(oid);
	slot->tts_values[Anum_pg_largeobject_pageno - 1] = Int32GetDatum(page);
	slot->tts_values[Anum_pg_largeobject_data - 1] =
		make_content(data, length);
	ExecStoreVirtualTuple(slot);
	MemoryContextSwitchTo(old);

	if (++writer->used == BATCH_PAGES)
		flush_pages(writer);
}

void
pgcopy_largeobject_pages_close(LargeObjectWriter *writer)
{
	int			i;

	flush_pages(writer);
	for (i = 0; i < BATCH_PAGES && writer->slots[i] != NULL; i++)
		ExecDropSingleTupleTableSlot(writer->slots[i]);
	CatalogCloseIndexes(writer->indexes);
	table_close(writer->relation, RowExclusiveLock);
	MemoryContextDelete(writer->context);
	pfree(writer);
}
