/*-------------------------------------------------------------------------
 *
 * array.c
 *	  Arrays whose elements have a decoder, in one pass.
 *
 * The message is checked as a whole first, without writing on it: array_recv
 * gets, and judges, all that does not look as a server sends it.  Then each
 * element is decoded and stored at its final place.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tupmacs.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/memutils.h"

#include "decode/decode.h"

#define WIRE_HEADER		12		/* dimensions, has nulls, element type */

typedef struct WireArray
{
	int			ndim;
	int			dims[MAXDIM];
	int			bounds[MAXDIM];
	int			items;
	bool		has_nulls;
	char	   *first;			/* the first element's length word */
} WireArray;

static inline int32
read_int32(const char *data)
{
	return (int32) pgcopy_decode_read32(data);
}

/* Read the dimensions; false if array_recv must do it. */
static bool
read_dimensions(WireArray *array, const Decoder *decoder, char *data, int length)
{
	int64		items = 1;
	int			i;

	if (length < WIRE_HEADER)
		return false;
	array->ndim = read_int32(data);
	if (array->ndim <= 0 || array->ndim > MAXDIM ||
		length < WIRE_HEADER + 8 * array->ndim ||
		(read_int32(data + 4) & ~1) != 0 ||
		(Oid) read_int32(data + 8) != decoder->element->type)
		return false;

	for (i = 0; i < array->ndim; i++)
	{
		array->dims[i] = read_int32(data + WIRE_HEADER + 8 * i);
		array->bounds[i] = read_int32(data + WIRE_HEADER + 8 * i + 4);
		if (array->dims[i] <= 0)
			return false;
		items *= array->dims[i];
		if (items > length / 4 ||
			(int64) array->dims[i] + array->bounds[i] > PG_INT32_MAX)
			return false;
	}
	array->items = (int) items;
	array->first = data + WIRE_HEADER + 8 * array->ndim;
	return true;
}

/* Check all lengths and note NULLs; false if array_recv must do it. */
static bool
measure_elements(WireArray *array, const char *end)
{
	char	   *p = array->first;
	int			i;

	array->has_nulls = false;
	for (i = 0; i < array->items; i++)
	{
		int32		length;

		if (end - p < 4)
			return false;
		length = read_int32(p);
		p += 4;
		if (length == -1)
		{
			array->has_nulls = true;
			continue;
		}
		if (length < 0 || length > end - p)
			return false;
		p += length;
	}
	return p == end;
}

/* Store one element; return where the next one goes. */
static char *
put_element(const Decoder *decoder, char *to, Datum value)
{
	Size		size = decoder->element_length > 0 ?
		decoder->element_length : VARSIZE(DatumGetPointer(value));

	if (decoder->element_by_value)
		store_att_byval(to, value, size);
	else
		memcpy(to, DatumGetPointer(value), size);
	return (char *) att_align_nominal(to + size, decoder->element_align);
}

/* Decode and store all elements; return the end of the array. */
static char *
put_elements(const Decoder *decoder, const WireArray *array, char *to, bits8 *nulls)
{
	char	   *p = array->first;
	int			i;

	/* a decoder may overwrite its value's length, not the next one's */
	for (i = 0; i < array->items; i++)
	{
		int32		length = read_int32(p);

		p += 4;
		if (length == -1)
			continue;
		if (nulls != NULL)
			nulls[i / 8] |= 1 << (i % 8);
		to = put_element(decoder, to,
						 decoder->element->decode(decoder->element, p, length));
		p += length;
	}
	return to;
}

Datum
pgcopy_decode_array(Decoder *decoder, char *data, int length)
{
	WireArray	array;
	ArrayType  *result;
	Size		overhead;
	Size		limit;
	char	   *end;

	if (!read_dimensions(&array, decoder, data, length) ||
		!measure_elements(&array, data + length))
		return pgcopy_decode_receive(decoder, data, length);

	overhead = array.has_nulls ?
		ARR_OVERHEAD_WITHNULLS(array.ndim, array.items) :
		ARR_OVERHEAD_NONULLS(array.ndim);
	limit = overhead + length + (Size) array.items *
		(MAXIMUM_ALIGNOF + Max(decoder->element_length, 0));

	/* blank padding makes char(n) longer than its wire */
	if (decoder->element->type == BPCHAROID && decoder->element->typmod > 0)
		limit += (Size) array.items * decoder->element->typmod *
			MAX_MULTIBYTE_CHAR_LEN;
	if (!AllocSizeIsValid(limit))
		return pgcopy_decode_receive(decoder, data, length);

	result = palloc0(limit);
	result->ndim = array.ndim;
	result->dataoffset = array.has_nulls ? overhead : 0;
	result->elemtype = decoder->element->type;
	memcpy(ARR_DIMS(result), array.dims, array.ndim * sizeof(int));
	memcpy(ARR_LBOUND(result), array.bounds, array.ndim * sizeof(int));
	end = put_elements(decoder, &array, (char *) result + overhead,
					   ARR_NULLBITMAP(result));
	SET_VARSIZE(result, end - (char *) result);
	return PointerGetDatum(result);
}
