/*-------------------------------------------------------------------------
 *
 * largeobject.c
 *	  Large objects: content, owner, privileges, comment, labels, in bulk.
 *
 * Content comes by COPY in binary: the page rows of pg_largeobject where the
 * source's role may read that catalog and its pages have our size, else pieces
 * by lo_get().  It goes into pg_largeobject here the way the catalog's own
 * code puts it there, many rows at a time; to fill an object one has just
 * created needs no further right.
 *
 * Metadata comes in one query.  Rows are looked at only for objects it lists:
 * the snapshot makes both agree.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/toast_internals.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_largeobject.h"
#include "catalog/pg_largeobject_metadata.h"
#include "commands/alter.h"
#include "commands/comment.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "port/pg_bswap.h"
#include "storage/large_object.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "load/decode.h"
#include "load/largeobject.h"
#include "load/stream.h"

#define PIECE_BYTES		(1024 * 1024)	/* of lo_get() */
#define PIECE_PAGES		(PIECE_BYTES / LOBLKSIZE)
#define BATCH_PAGES		64
#define BINARY_HEADER	19

/* Rows of pg_largeobject on their way in. */
typedef struct PageWriter
{
	Relation	relation;
	CatalogIndexState indexes;
	TupleTableSlot *slots[BATCH_PAGES];
	int			used;
	MemoryContext context;		/* of the tuples, reset after each batch */
} PageWriter;

static bool
can_read_pages(SourceSession *session)
{
	SourceRows *rows;
	bool		result;

	rows = pgcopy_session_query_row(session,
								"SELECT pg_catalog.has_table_privilege("
								"'pg_catalog.pg_largeobject', 'SELECT')"
								" AND pg_catalog.current_setting('block_size')"
								" OPERATOR(pg_catalog.=) '" CppAsString2(BLCKSZ) "'",
								1, 0, NULL);
	result = pgcopy_rows_get_bool(rows, 0, 0);
	pgcopy_rows_free(rows);
	return result;
}

List *
pgcopy_largeobject_plan(SourceSession *session, int64 per_range)
{
	List	   *ranges = NIL;
	SourceRows *rows;
	char	   *sql;
	int			i;

	Assert(per_range > 0);
	sql = psprintf("WITH numbered AS (SELECT oid,"
				   " (pg_catalog.row_number() OVER (ORDER BY oid) - 1) / "
				   INT64_FORMAT " AS part"
				   " FROM pg_catalog.pg_largeobject_metadata),"
				   " size AS (SELECT pg_catalog.pg_relation_size("
				   "'pg_catalog.pg_largeobject') AS bytes,"
				   " pg_catalog.count(*) AS objects FROM numbered)"
				   " SELECT pg_catalog.min(oid::bigint),"
				   " pg_catalog.max(oid::bigint), pg_catalog.count(*),"
				   " (size.bytes::numeric * pg_catalog.count(*)"
				   " / size.objects)::bigint"
				   " FROM numbered, size GROUP BY part, bytes, objects"
				   " ORDER BY part", per_range);
	rows = pgcopy_session_query(session, sql, 4, 0, NULL);
	for (i = 0; i < pgcopy_rows_count(rows); i++)
	{
		LargeObjectRange *range = palloc(sizeof(LargeObjectRange));

		range->first = (Oid) pgcopy_rows_get_int64(rows, i, 0);
		range->last = (Oid) pgcopy_rows_get_int64(rows, i, 1);
		range->count = pgcopy_rows_get_int64(rows, i, 2);
		range->bytes = pgcopy_rows_get_int64(rows, i, 3);
		ranges = lappend(ranges, range);
	}
	pgcopy_rows_free(rows);
	pfree(sql);
	return ranges;
}

static SourceRows *
read_metadata(SourceSession *session, const LargeObjectRange *range)
{
	char	   *sql;

	sql = psprintf("SELECT m.oid, pg_catalog.pg_get_userbyid(m.lomowner),"
				   " m.lomacl IS NOT NULL,"
				   " pg_catalog.obj_description(m.oid, 'pg_largeobject')"
				   " FROM pg_catalog.pg_largeobject_metadata m"
				   " WHERE m.oid BETWEEN %u AND %u ORDER BY m.oid",
				   range->first, range->last);
	return pgcopy_session_query(session, sql, 4, 0, NULL);
}

static void
create_object(Oid oid)
{
	if (LargeObjectExists(oid))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("large object %u already exists", oid),
				 errhint("Remove it with lo_unlink(%u), or leave large objects out of the job.",
						 oid)));
	(void) LargeObjectCreate(oid);
	recordDependencyOnOwner(LargeObjectRelationId, oid, GetUserId());
	InvokeObjectPostCreateHook(LargeObjectRelationId, oid, 0);
}

static void
change_owner(Oid oid, const char *owner)
{
	Oid			role = get_role_oid(owner, true);
	Relation	metadata;

	if (!OidIsValid(role))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role \"%s\" does not exist", owner),
				 errdetail("It owns large object %u on the source.", oid),
				 errhint("Create the role, or use no_owner => true.")));
	if (role == GetUserId())
		return;
	if (!superuser() && !is_member_of_role(GetUserId(), role))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("cannot give large object %u to role \"%s\"",
						oid, owner),
				 errdetail("The job's owner is not a member of that role."),
				 errhint("Run the job as a superuser, or use no_owner => true.")));
	metadata = table_open(LargeObjectMetadataRelationId, RowExclusiveLock);
	AlterObjectOwner_internal(metadata, oid, role);
	table_close(metadata, RowExclusiveLock);
}

static void
create_objects(SourceRows *rows, const LargeObjectOptions *options)
{
	int			i;

	for (i = 0; i < pgcopy_rows_count(rows); i++)
	{
		CHECK_FOR_INTERRUPTS();
		create_object((Oid) pgcopy_rows_get_int64(rows, i, 0));
	}
	CommandCounterIncrement();

	for (i = 0; i < pgcopy_rows_count(rows); i++)
	{
		Oid			oid = (Oid) pgcopy_rows_get_int64(rows, i, 0);
		const char *comment = pgcopy_rows_get_or_null(rows, i, 3);

		if (!options->no_comments && comment != NULL)
			CreateComments(oid, LargeObjectRelationId, 0, comment);
		if (!options->no_owner)
			change_owner(oid, pgcopy_rows_get(rows, i, 1));
	}
	CommandCounterIncrement();
}

static void
run_statement(const char *sql)
{
	if (SPI_execute(sql, false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "unexpected result of \"%s\"", sql);
}

/* Without owners, what the owner had is for the one who loads. */
static const char *
role_here(const char *role, const char *owner,
		  const LargeObjectOptions *options)
{
	if (role == NULL)
		return "PUBLIC";
	if (options->no_owner && strcmp(role, owner) == 0)
		return "CURRENT_USER";
	return quote_identifier(role);
}

/*
 * Make an object's privileges those of the source: everything is taken from
 * its owner (nobody else has any yet), then granted name by name.
 */
static void
grant_privileges(SourceSession *session, const LargeObjectRange *range,
				 const LargeObjectOptions *options)
{
	SourceRows *rows;
	int			i;
	Oid			last = InvalidOid;
	char	   *sql;

	sql = psprintf("SELECT m.oid, pg_catalog.pg_get_userbyid(m.lomowner),"
				   " CASE WHEN a.grantee OPERATOR(pg_catalog.=) 0 THEN NULL"
				   " ELSE pg_catalog.pg_get_userbyid(a.grantee) END,"
				   " a.privilege_type, a.is_grantable"
				   " FROM pg_catalog.pg_largeobject_metadata m"
				   " LEFT JOIN LATERAL pg_catalog.aclexplode(m.lomacl)"
				   " WITH ORDINALITY a ON true"
				   " WHERE m.oid BETWEEN %u AND %u AND m.lomacl IS NOT NULL"
				   " ORDER BY m.oid, a.ordinality",
				   range->first, range->last);
	rows = pgcopy_session_query(session, sql, 5, 0, NULL);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	for (i = 0; i < pgcopy_rows_count(rows); i++)
	{
		Oid			oid = (Oid) pgcopy_rows_get_int64(rows, i, 0);
		const char *owner = pgcopy_rows_get(rows, i, 1);
		const char *grantee = pgcopy_rows_get_or_null(rows, i, 2);
		const char *privilege = pgcopy_rows_get_or_null(rows, i, 3);

		CHECK_FOR_INTERRUPTS();
		if (oid != last)
			run_statement(psprintf("REVOKE ALL ON LARGE OBJECT %u FROM %s",
								   oid, role_here(owner, owner, options)));
		last = oid;
		if (privilege == NULL)
			continue;
		if (strcmp(privilege, "SELECT") != 0 &&
			strcmp(privilege, "UPDATE") != 0)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("unknown privilege \"%s\" on large object %u",
							privilege, oid)));
		run_statement(psprintf("GRANT %s ON LARGE OBJECT %u TO %s%s",
							   privilege, oid,
							   role_here(grantee, owner, options),
							   pgcopy_rows_get_bool(rows, i, 4) ?
							   " WITH GRANT OPTION" : ""));
	}
	SPI_finish();
	pgcopy_rows_free(rows);
}

static void
set_labels(SourceSession *session, const LargeObjectRange *range)
{
	SourceRows *rows;
	char	   *sql;
	int			i;

	sql = psprintf("SELECT l.objoid, l.provider, l.label"
				   " FROM pg_catalog.pg_seclabel l"
				   " WHERE l.classoid ="
				   " 'pg_catalog.pg_largeobject'::pg_catalog.regclass"
				   " AND l.objoid BETWEEN %u AND %u"
				   " ORDER BY l.objoid, l.provider COLLATE \"C\"",
				   range->first, range->last);
	rows = pgcopy_session_query(session, sql, 3, 0, NULL);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	for (i = 0; i < pgcopy_rows_count(rows); i++)
	{
		CHECK_FOR_INTERRUPTS();
		run_statement(psprintf("SECURITY LABEL FOR %s ON LARGE OBJECT %s IS %s",
							   quote_identifier(pgcopy_rows_get(rows, i, 1)),
							   pgcopy_rows_get(rows, i, 0),
							   quote_literal_cstr(pgcopy_rows_get(rows, i, 2))));
	}
	SPI_finish();
	pgcopy_rows_free(rows);
}

/*
 * The row's address is in the slot only: where a full page was compressed,
 * the tuple in the slot is not the one that was stored.  That is why
 * CatalogTuplesMultiInsertWithInfo() does not serve.
 */
static void
insert_index_entries(PageWriter *writer, TupleTableSlot *slot)
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
flush_pages(PageWriter *writer)
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

/*
 * The content of a page as it is stored, in the current memory context.
 *
 * Compressed here, as the heap would do it: a tuple that heap_multi_insert()
 * compresses becomes another one, whose place never gets back into the slot's
 * tuple, and CatalogTuplesMultiInsertWithInfo() would index a wrong place.
 */
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

static void
put_page(PageWriter *writer, Oid oid, int32 page, const char *data, int length)
{
	TupleTableSlot *slot = writer->slots[writer->used];
	MemoryContext old;

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

/* Cut what came (from page number "page" on) into pages. */
static void
put_piece(PageWriter *writer, Oid oid, int32 page, const char *data, int length)
{
	int			at;

	for (at = 0; at < length; at += LOBLKSIZE, page++)
		put_page(writer, oid, page, data + at, Min(length - at, LOBLKSIZE));
}

static char *
content_statement(SourceSession *session, const LargeObjectRange *range)
{
	if (can_read_pages(session))
		return psprintf("COPY (SELECT loid, pageno, data"
						" FROM pg_catalog.pg_largeobject"
						" WHERE loid BETWEEN %u AND %u"
						" ORDER BY loid, pageno) TO STDOUT (FORMAT binary)",
						range->first, range->last);
	return psprintf("COPY (SELECT m.oid, (p.n OPERATOR(pg_catalog.*) %d)::int4, p.piece"
					" FROM pg_catalog.pg_largeobject_metadata m,"
					" LATERAL (WITH RECURSIVE pieces(n, piece) AS ("
					" SELECT 0::bigint, pg_catalog.lo_get(m.oid, 0, %d)"
					" UNION ALL SELECT n + 1,"
					" pg_catalog.lo_get(m.oid, (n + 1) * %d, %d) FROM pieces"
					" WHERE pg_catalog.octet_length(piece) = %d)"
					" SELECT n, piece FROM pieces"
					" WHERE pg_catalog.octet_length(piece) > 0) p"
					" WHERE m.oid BETWEEN %u AND %u"
					" ORDER BY m.oid) TO STDOUT (FORMAT binary)",
					PIECE_PAGES, PIECE_BYTES, PIECE_BYTES, PIECE_BYTES,
					PIECE_BYTES, range->first, range->last);
}

static uint32
read_uint32(const char *data)
{
	uint32		value;

	memcpy(&value, data, 4);
	return pg_ntoh32(value);
}

/*
 * One row: field count 3, then oid, page number and bytes, each behind its
 * length, none NULL.  Twenty-two bytes and the content.
 */
static void
put_row(PageWriter *writer, const LargeObjectRange *range,
		const char *row, int length)
{
	Oid			oid;
	int32		page;
	int32		size;

	if (length < 22 || memcmp(row, "\0\3\0\0\0\4", 6) != 0 ||
		read_uint32(row + 10) != 4 ||
		(size = (int32) read_uint32(row + 18)) != length - 22)
		ereport(ERROR,
				(errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
				 errmsg("invalid COPY data of large objects from the source")));
	oid = read_uint32(row + 6);
	page = (int32) read_uint32(row + 14);
	if (oid < range->first || oid > range->last || page < 0 ||
		size > PIECE_BYTES || page > PG_INT32_MAX - PIECE_PAGES)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("invalid page %d of large object %u on the source",
						page, oid)));
	put_piece(writer, oid, page, row + 22, size);
}

static void
copy_rows(CopyStream *stream, PageWriter *writer,
		  const LargeObjectRange *range)
{
	bool		is_first = true;
	char	   *data;
	int			length;

	while ((length = pgcopy_stream_next(stream, &data)) >= 0)
	{
		if (is_first)
		{
			if (length < BINARY_HEADER || memcmp(data, "PGCOPY\n\377\r\n\0", 11) != 0)
				ereport(ERROR,
						(errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
						 errmsg("invalid COPY data of large objects from the source")));
			data += BINARY_HEADER;
			length -= BINARY_HEADER;
			is_first = false;
			if (length == 0)
				continue;
		}
		if (length == 2 && memcmp(data, "\377\377", 2) == 0)
			continue;
		put_row(writer, range, data, length);
	}
}

static int64
copy_content(SourceSession *session, const LargeObjectRange *range)
{
	CopyStream *stream;
	PageWriter	writer = {0};
	int64		bytes;
	int			i;

	writer.context = AllocSetContextCreate(CurrentMemoryContext,
										   "pgcopy large object pages",
										   ALLOCSET_DEFAULT_SIZES);
	writer.relation = table_open(LargeObjectRelationId, RowExclusiveLock);
	writer.indexes = CatalogOpenIndexes(writer.relation);
	stream = pgcopy_stream_open(session, content_statement(session, range));
	copy_rows(stream, &writer, range);
	flush_pages(&writer);
	bytes = pgcopy_stream_bytes(stream);
	pgcopy_stream_close(stream);

	for (i = 0; i < BATCH_PAGES && writer.slots[i] != NULL; i++)
		ExecDropSingleTupleTableSlot(writer.slots[i]);
	CatalogCloseIndexes(writer.indexes);
	table_close(writer.relation, RowExclusiveLock);
	CommandCounterIncrement();
	return bytes;
}

LoadResult
pgcopy_largeobject_copy(SourceSession *session, const LargeObjectRange *range,
						const LargeObjectOptions *options,
						LoadProgress progress, void *arg)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pgcopy large objects",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	bool		has_snapshot = ActiveSnapshotSet();
	LoadResult	result;
	SourceRows *rows;

	if (!has_snapshot)
		PushActiveSnapshot(GetTransactionSnapshot());
	rows = read_metadata(session, range);
	result.rows = pgcopy_rows_count(rows);
	create_objects(rows, options);
	pgcopy_rows_free(rows);
	if (!options->no_privileges)
		grant_privileges(session, range, options);
	set_labels(session, range);
	result.bytes = copy_content(session, range);
	if (!has_snapshot)
		PopActiveSnapshot();
	if (progress != NULL)
		progress(arg, result.rows, result.bytes);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return result;
}
