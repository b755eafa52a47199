/*-------------------------------------------------------------------------
 *
 * toast.c
 *	  Shorten long rows: compress values, move values to the TOAST relation.
 *
 * Values are chosen as in heap_toast_insert_or_update() (heaptoast.c), by the
 * server's own functions.  But pglz is compress.c, which gives the same bytes,
 * and slices go into whole new pages (pages.c), which are all-visible and
 * all-frozen too; the server's would be written again by VACUUM.
 *
 * A slice gets its index entry once its page is written and its address is
 * known.  Rows that refer to it are written after that (pages.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/genam.h"
#include "access/heaptoast.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/toast_compression.h"
#include "access/toast_helper.h"
#include "access/toast_internals.h"
#include "catalog/catalog.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "heap/compress.h"
#include "heap/pages.h"
#include "heap/toast.h"

typedef struct Slice
{
	Oid			value;
	int32		number;
	ItemPointerData place;		/* number of the page in its batch, offset */
} Slice;

struct ToastSpace
{
	MemoryContext context;
	Compressor *compressor;		/* created for the first value */
	char	   *compressed;		/* one value */
	int32		compressed_size;
};

struct Toaster
{
	Relation	relation;
	MemoryContext context;
	PageShare  *share;
	ToastSpace *space;
	ToastAttrInfo *attributes;

	/* opened when the first value is moved */
	Relation	toast;
	Relation   *indexes;
	int			index_count;
	int			valid_index;	/* of indexes; finds unused value numbers */
	PageWriter *pages;
	Slice	   *slices;			/* in pages not yet written */
	int			slice_count;
	int			slices_allocated;
	bool		is_ahead;		/* slices were written since the last flush */
};

ToastSpace *
pgcopy_toast_space(void)
{
	ToastSpace *space = palloc0(sizeof(ToastSpace));

	space->context = CurrentMemoryContext;
	return space;
}

Toaster *
pgcopy_toast_open(PageShare *share, ToastSpace *space, Relation relation)
{
	Toaster    *toaster = palloc0(sizeof(Toaster));
	int			columns = RelationGetDescr(relation)->natts;

	toaster->relation = relation;
	toaster->context = CurrentMemoryContext;
	toaster->share = share;
	toaster->space = space;
	toaster->attributes = palloc(sizeof(ToastAttrInfo) * columns);
	return toaster;
}

/* Insert the index entries of a batch of slices, whose pages are written. */
static void
insert_index_entries(void *arg, const PagePlace *places, int n)
{
	Toaster    *toaster = arg;
	bool		nulls[3] = {false, false, false};
	int			i;
	int			j;

	for (i = 0; i < toaster->slice_count; i++)
	{
		Slice	   *slice = &toaster->slices[i];
		Datum		values[3] = {ObjectIdGetDatum(slice->value), Int32GetDatum(slice->number), 0};
		const PagePlace *place = &places[ItemPointerGetBlockNumberNoCheck(&slice->place)];
		ItemPointerData address;

		Assert(ItemPointerGetBlockNumberNoCheck(&slice->place) < n);
		ItemPointerSet(&address, place->block, place->before +
					   ItemPointerGetOffsetNumberNoCheck(&slice->place));
		for (j = 0; j < toaster->index_count; j++)
		{
			Relation	index = toaster->indexes[j];

			if (index->rd_index->indisready)
				index_insert(index, values, nulls, &address, toaster->toast,
							 index->rd_index->indisunique ?
							 UNIQUE_CHECK_YES : UNIQUE_CHECK_NO, false, NULL);
		}
	}
	toaster->slice_count = 0;
	toaster->is_ahead = true;
}

static void
open_toast_relation(Toaster *toaster)
{
	MemoryContext old = MemoryContextSwitchTo(toaster->context);

	toaster->toast = table_open(toaster->relation->rd_rel->reltoastrelid,
								RowExclusiveLock);
	toaster->valid_index = toast_open_indexes(toaster->toast, RowExclusiveLock,
											  &toaster->indexes,
											  &toaster->index_count);
	toaster->pages = pgcopy_pages_open(toaster->share, toaster->toast,
									   insert_index_entries, toaster);
	MemoryContextSwitchTo(old);
}

static void
remember_slice(Toaster *toaster, const Slice *slice)
{
	if (toaster->slice_count == toaster->slices_allocated)
	{
		MemoryContext old = MemoryContextSwitchTo(toaster->context);

		toaster->slices_allocated = Max(64, toaster->slices_allocated * 2);
		toaster->slices = toaster->slices == NULL ?
			palloc(sizeof(Slice) * toaster->slices_allocated) :
			repalloc(toaster->slices, sizeof(Slice) * toaster->slices_allocated);
		MemoryContextSwitchTo(old);
	}
	toaster->slices[toaster->slice_count++] = *slice;
}

/* Store bytes as slices; return the value's number. */
static Oid
put_slices(Toaster *toaster, const char *bytes, int32 length)
{
	union
	{
		struct varlena header;
		char		bytes[TOAST_MAX_CHUNK_SIZE + VARHDRSZ];
		int32		align;
	}			chunk;
	bool		nulls[3] = {false, false, false};
	Slice		slice = {0};
	Datum		values[3];

	slice.value = GetNewOidWithIndex(toaster->toast,
									 RelationGetRelid(toaster->indexes[toaster->valid_index]),
									 (AttrNumber) 1);
	values[0] = ObjectIdGetDatum(slice.value);
	while (length > 0)
	{
		int32		n = Min(length, TOAST_MAX_CHUNK_SIZE);

		CHECK_FOR_INTERRUPTS();
		values[1] = Int32GetDatum(slice.number);
		SET_VARSIZE(&chunk, n + VARHDRSZ);
		memcpy(VARDATA(&chunk), bytes, n);
		values[2] = PointerGetDatum(&chunk);
		(void) pgcopy_pages_add(toaster->pages, values, nulls, &slice.place);
		remember_slice(toaster, &slice);
		slice.number++;
		bytes += n;
		length -= n;
	}
	return slice.value;
}

/* Move a value to the TOAST relation; return the pointer that replaces it. */
static Datum
externalize_value(Toaster *toaster, Datum value)
{
	struct varlena *datum = (struct varlena *) DatumGetPointer(value);
	struct varlena *result = palloc(TOAST_POINTER_SIZE);
	struct varatt_external pointer;

	Assert(!VARATT_IS_EXTERNAL(datum));
	if (toaster->toast == NULL)
		open_toast_relation(toaster);
	if (VARATT_IS_COMPRESSED(datum))
	{
		pointer.va_rawsize = VARDATA_COMPRESSED_GET_EXTSIZE(datum) + VARHDRSZ;
		VARATT_EXTERNAL_SET_SIZE_AND_COMPRESS_METHOD(pointer, VARSIZE(datum) - VARHDRSZ,
													 VARDATA_COMPRESSED_GET_COMPRESS_METHOD(datum));
	}
	else
	{
		/* as if it had a 4-byte header */
		pointer.va_rawsize = VARSIZE_ANY_EXHDR(datum) + VARHDRSZ;
		pointer.va_extinfo = VARSIZE_ANY_EXHDR(datum);
	}
	pointer.va_toastrelid = RelationGetRelid(toaster->toast);
	pointer.va_valueid = put_slices(toaster,
									VARATT_IS_SHORT(datum) ? VARDATA_SHORT(datum) : VARDATA(datum),
									VARATT_IS_COMPRESSED(datum) ? VARSIZE(datum) - VARHDRSZ :
									VARSIZE_ANY_EXHDR(datum));
	SET_VARTAG_EXTERNAL(result, VARTAG_ONDISK);
	memcpy(VARDATA_EXTERNAL(result), &pointer, sizeof(pointer));
	return PointerGetDatum(result);
}

static void
prepare_space(ToastSpace *space, int32 size)
{
	MemoryContext old;

	if (space->compressed_size >= size)
		return;
	old = MemoryContextSwitchTo(space->context);
	if (space->compressor == NULL)
		space->compressor = pgcopy_compress_create();
	if (space->compressed != NULL)
		pfree(space->compressed);
	space->compressed = NULL;
	space->compressed_size = 0;
	space->compressed = MemoryContextAllocHuge(space->context, size);
	space->compressed_size = size;
	MemoryContextSwitchTo(old);
}

/* As toast_compress_datum(), by pglz: NULL if the value gets no shorter. */
static struct varlena *
compress_pglz(ToastSpace *space, Datum value)
{
	struct varlena *datum = (struct varlena *) DatumGetPointer(value);
	struct varlena *result;
	int32		length = VARSIZE_ANY_EXHDR(datum);
	int32		n;

	prepare_space(space, PGLZ_MAX_OUTPUT(length));
	n = pgcopy_compress_pglz(space->compressor, VARDATA_ANY(datum), length,
							 space->compressed);
	if (n < 0 || n + VARHDRSZ_COMPRESSED >= length - 2)
		return NULL;
	result = palloc(n + VARHDRSZ_COMPRESSED);
	SET_VARSIZE_COMPRESSED(result, n + VARHDRSZ_COMPRESSED);
	memcpy((char *) result + VARHDRSZ_COMPRESSED, space->compressed, n);
	TOAST_COMPRESS_SET_SIZE_AND_COMPRESS_METHOD(result, length,
												TOAST_PGLZ_COMPRESSION_ID);
	return result;
}

/* As toast_tuple_try_compression(). */
static void
try_compression(Toaster *toaster, ToastTupleContext *row, int i)
{
	ToastAttrInfo *attribute = &row->ttc_attr[i];
	char		method = attribute->tai_compression;
	struct varlena *compressed;

	if (!CompressionMethodIsValid(method))
		method = default_toast_compression;
	if (method != TOAST_PGLZ_COMPRESSION)
	{
		toast_tuple_try_compression(row, i);
		return;
	}
	compressed = compress_pglz(toaster->space, row->ttc_values[i]);
	if (compressed == NULL)
	{
		attribute->tai_colflags |= TOASTCOL_INCOMPRESSIBLE;
		return;
	}
	row->ttc_values[i] = PointerGetDatum(compressed);
	attribute->tai_size = VARSIZE(compressed);
}

/* As toast_tuple_externalize(). */
static void
externalize(Toaster *toaster, ToastTupleContext *row, int i)
{
	row->ttc_attr[i].tai_colflags |= TOASTCOL_IGNORE;
	row->ttc_values[i] = externalize_value(toaster, row->ttc_values[i]);
}

/*
 * Give short values the 1-byte header that they have in a formed tuple, since
 * the choice of the biggest value depends on sizes with headers.
 */
static void
shorten_headers(TupleDesc desc, Datum *values, const bool *nulls)
{
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		struct varlena *value = (struct varlena *) DatumGetPointer(values[i]);
		struct varlena *shorter;

		if (nulls[i] || attribute->attlen != -1 ||
			attribute->attstorage == TYPSTORAGE_PLAIN ||
			!VARATT_CAN_MAKE_SHORT(value))
			continue;
		shorter = palloc(VARATT_CONVERTED_SHORT_SIZE(value));
		SET_VARSIZE_SHORT(shorter, VARATT_CONVERTED_SHORT_SIZE(value));
		memcpy(VARDATA_SHORT(shorter), VARDATA(value),
			   VARATT_CONVERTED_SHORT_SIZE(value) - VARHDRSZ_SHORT);
		values[i] = PointerGetDatum(shorter);
	}
}

/*
 * Compress values until the row is short enough: MAIN ones if is_main, else all
 * others, of which those that are too long by themselves are moved at once.
 */
static void
compress_values(Toaster *toaster, ToastTupleContext *row, Size limit,
				bool is_main)
{
	TupleDesc	desc = RelationGetDescr(toaster->relation);
	bool		has_toast = OidIsValid(toaster->relation->rd_rel->reltoastrelid);
	int			i;

	while (heap_compute_data_size(desc, row->ttc_values, row->ttc_isnull) > limit &&
		   (i = toast_tuple_find_biggest_attribute(row, true, is_main)) >= 0)
	{
		if (is_main || TupleDescAttr(desc, i)->attstorage == TYPSTORAGE_EXTENDED)
			try_compression(toaster, row, i);
		else
			row->ttc_attr[i].tai_colflags |= TOASTCOL_INCOMPRESSIBLE;
		if (!is_main && has_toast && row->ttc_attr[i].tai_size > limit)
			externalize(toaster, row, i);
	}
}

/* Move values until the row is short enough. */
static void
externalize_values(Toaster *toaster, ToastTupleContext *row, Size limit,
				   bool is_main)
{
	TupleDesc	desc = RelationGetDescr(toaster->relation);
	int			i;

	if (!OidIsValid(toaster->relation->rd_rel->reltoastrelid))
		return;
	while (heap_compute_data_size(desc, row->ttc_values, row->ttc_isnull) > limit &&
		   (i = toast_tuple_find_biggest_attribute(row, false, is_main)) >= 0)
		externalize(toaster, row, i);
}

void
pgcopy_toast_shorten(Toaster *toaster, Datum *values, bool *nulls)
{
	TupleDesc	desc = RelationGetDescr(toaster->relation);
	ToastTupleContext row = {0};
	Size		header = SizeofHeapTupleHeader;
	Size		limit;

	shorten_headers(desc, values, nulls);
	row.ttc_rel = toaster->relation;
	row.ttc_values = values;
	row.ttc_isnull = nulls;
	row.ttc_attr = toaster->attributes;
	toast_tuple_init(&row);
	if ((row.ttc_flags & TOAST_HAS_NULLS) != 0)
		header += BITMAPLEN(desc->natts);
	header = MAXALIGN(header);

	limit = RelationGetToastTupleTarget(toaster->relation, TOAST_TUPLE_TARGET) - header;
	compress_values(toaster, &row, limit, false);
	externalize_values(toaster, &row, limit, false);
	compress_values(toaster, &row, limit, true);
	externalize_values(toaster, &row, TOAST_TUPLE_TARGET_MAIN - header, true);
}

bool
pgcopy_toast_is_ahead(const Toaster *toaster)
{
	return toaster->is_ahead;
}

void
pgcopy_toast_flush(Toaster *toaster)
{
	if (toaster->pages != NULL)
		pgcopy_pages_flush(toaster->pages);
	toaster->is_ahead = false;
}

/* The locks stay until the transaction ends, as the server's own do. */
void
pgcopy_toast_close(Toaster *toaster)
{
	if (toaster->pages != NULL)
	{
		pgcopy_pages_close(toaster->pages);
		toast_close_indexes(toaster->indexes, toaster->index_count, NoLock);
		table_close(toaster->toast, NoLock);
	}
}
