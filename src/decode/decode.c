/*-------------------------------------------------------------------------
 *
 * decode.c
 *	  One value of the binary wire into a Datum: choice and simple types.
 *
 * The source is not trusted.  A decoder checks what its type's receive function
 * checks, and gives the same value or the same error code.  It leaves anything
 * unusual to the receive function, which also serves types without a decoder.
 * Only lengths that palloc() cannot hold are refused at once.
 *
 * A varlena of up to 126 bytes is not copied: the last byte of its length word
 * on the wire becomes its 1-byte header.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "tsearch/ts_type.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "decode/decode.h"
#include "decode/json.h"
#include "decode/parts.h"

void
pgcopy_decode_refuse_length(int32 length)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("value of %d bytes is too long", length),
			 errdetail("The source sends more than the %d bytes that a value can have.",
					   DECODE_MAX_LENGTH)));
}

Datum
pgcopy_decode_varlena(Decoder *decoder, char *data, int length)
{
	char	   *result;

	if (decoder->can_be_short && length <= VARATT_SHORT_MAX - VARHDRSZ_SHORT)
	{
		result = data - VARHDRSZ_SHORT;
		SET_VARSIZE_SHORT(result, length + VARHDRSZ_SHORT);
		return PointerGetDatum(result);
	}
	if (unlikely(length > DECODE_MAX_LENGTH))
		pgcopy_decode_refuse_length(length);
	result = data - VARHDRSZ;
	if (result != (char *) INTALIGN(result))
	{
		result = palloc((Size) length + VARHDRSZ);
		memcpy(result + VARHDRSZ, data, length);
	}
	SET_VARSIZE(result, length + VARHDRSZ);
	return PointerGetDatum(result);
}

Datum
pgcopy_decode_receive(Decoder *decoder, char *data, int length)
{
	StringInfoData message;
	char		after;
	Datum		result;

	if (unlikely(length > DECODE_MAX_LENGTH))
		pgcopy_decode_refuse_length(length);
	after = data[length];
	message.data = data;
	message.len = length;
	message.maxlen = length + 1;
	message.cursor = 0;
	data[length] = '\0';
	result = ReceiveFunctionCall(&decoder->receive, &message,
								 decoder->ioparam, decoder->typmod);
	if (message.cursor != length)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("incorrect binary data format")));
	data[length] = after;
	return result;
}

/* Decode the text of a value by the type's input function. */
static Datum
decode_input(Decoder *decoder, char *data, int length)
{
	char		after = data[length];
	Datum		result;

	(void) pg_verifymbstr(data, length, false);
	data[length] = '\0';
	result = InputFunctionCall(&decoder->receive, data, decoder->ioparam,
							   decoder->typmod);
	data[length] = after;
	return result;
}

void
pgcopy_decode_null(Decoder *decoder)
{
	if (decoder->receive.fn_strict)
		return;
	if (decoder->decode == decode_input)
		(void) InputFunctionCall(&decoder->receive, NULL, decoder->ioparam,
								 decoder->typmod);
	else
		(void) ReceiveFunctionCall(&decoder->receive, NULL, decoder->ioparam,
								   decoder->typmod);
}

/* Decode a value with OIDs on the wire that differ here. */
static Datum
decode_parts(Decoder *decoder, char *data, int length)
{
	pgcopy_parts_translate(decoder->parts, data, length);
	return pgcopy_decode_receive(decoder, data, length);
}

static Datum
decode_bool(Decoder *decoder, char *data, int length)
{
	if (unlikely(length != 1))
		return pgcopy_decode_receive(decoder, data, length);
	return BoolGetDatum(*data != 0);
}

static Datum
decode_char(Decoder *decoder, char *data, int length)
{
	if (unlikely(length != 1))
		return pgcopy_decode_receive(decoder, data, length);
	return CharGetDatum((unsigned char) *data);
}

static Datum
decode_int2(Decoder *decoder, char *data, int length)
{
	if (unlikely(length != 2))
		return pgcopy_decode_receive(decoder, data, length);
	return Int16GetDatum((int16) pgcopy_decode_read16(data));
}

/* Also float4: as a Datum it is the int32 with the same bits. */
static Datum
decode_int4(Decoder *decoder, char *data, int length)
{
	if (unlikely(length != 4))
		return pgcopy_decode_receive(decoder, data, length);
	return Int32GetDatum((int32) pgcopy_decode_read32(data));
}

static Datum
decode_oid(Decoder *decoder, char *data, int length)
{
	if (unlikely(length != 4))
		return pgcopy_decode_receive(decoder, data, length);
	return ObjectIdGetDatum(pgcopy_decode_read32(data));
}

/* Also float8: as a Datum it is the int64 with the same bits. */
static Datum
decode_int8(Decoder *decoder, char *data, int length)
{
	if (unlikely(length != 8))
		return pgcopy_decode_receive(decoder, data, length);
	return Int64GetDatum((int64) pgcopy_decode_read64(data));
}

static Datum
decode_uuid(Decoder *decoder, char *data, int length)
{
	if (unlikely(length != UUID_LEN))
		return pgcopy_decode_receive(decoder, data, length);
	return PointerGetDatum(data);
}

static bool
is_valid_lexeme(TSVector vector, int i)
{
	WordEntry  *entry = ARRPTR(vector) + i;
	WordEntry  *last = entry - 1;

	if (POSDATALEN(vector, entry) > 0 && WEP_GETPOS(*POSDATAPTR(vector, entry)) == 0)
		return false;
	return i == 0 || last->len != entry->len ||
		memcmp(STRPTR(vector) + last->pos, STRPTR(vector) + entry->pos, entry->len) != 0;
}

/*
 * The receive function takes a position 0 and a lexeme twice.  The input function
 * makes neither: the dump of such a value could not be restored.
 */
static Datum
decode_tsvector(Decoder *decoder, char *data, int length)
{
	TSVector	vector = (TSVector) DatumGetPointer(pgcopy_decode_receive(decoder, data, length));

	for (int i = 0; i < vector->size; i++)
	{
		if (!is_valid_lexeme(vector, i))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
					 errmsg("invalid tsvector: it has a position 0 or a lexeme twice")));
	}
	return PointerGetDatum(vector);
}

DecodeFunction
pgcopy_decode_find(Oid type)
{
	switch (type)
	{
		case BOOLOID:
			return decode_bool;
		case CHAROID:
			return decode_char;
		case INT2OID:
			return decode_int2;
		case INT4OID:
		case FLOAT4OID:
			return decode_int4;
		case OIDOID:
			return decode_oid;
		case INT8OID:
		case FLOAT8OID:
			return decode_int8;
		case UUIDOID:
			return decode_uuid;
		case BYTEAOID:
			return pgcopy_decode_varlena;
		case TEXTOID:
			return pgcopy_decode_text;
		case VARCHAROID:
			return pgcopy_decode_varchar;
		case BPCHAROID:
			return pgcopy_decode_bpchar;
		case NAMEOID:
			return pgcopy_decode_name;
		case NUMERICOID:
			return pgcopy_decode_numeric;
		case DATEOID:
			return pgcopy_decode_date;
		case TIMEOID:
			return pgcopy_decode_time;
		case TIMETZOID:
			return pgcopy_decode_timetz;
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return pgcopy_decode_timestamp;
		case INTERVALOID:
			return pgcopy_decode_interval;
		case INETOID:
			return pgcopy_decode_inet;
		case CIDROID:
			return pgcopy_decode_cidr;
		case JSONOID:
			return pgcopy_decode_json;
		case JSONBOID:
			return pgcopy_decode_jsonb;
		case TSVECTOROID:
			return decode_tsvector;
		default:
			return NULL;
	}
}

/*
 * Decode arrays whose elements have a decoder in one pass.  Not those of jsonb,
 * which may be much longer than its text on the wire, as those of tsvector, and not
 * vectors, which must have one dimension.
 */
static void
init_array(Decoder *decoder, int32 typmod)
{
	Oid			element = get_element_type(decoder->type);

	if (!OidIsValid(element) || element == JSONBOID || element == TSVECTOROID ||
		decoder->type == INT2VECTOROID || decoder->type == OIDVECTOROID ||
		pgcopy_decode_find(element) == NULL)
		return;

	decoder->element = palloc0(sizeof(Decoder));
	pgcopy_decode_init(decoder->element, element, typmod, true);
	get_typlenbyvalalign(element, &decoder->element_length,
						 &decoder->element_by_value, &decoder->element_align);
	decoder->decode = pgcopy_decode_array;
}

void
pgcopy_decode_init(Decoder *decoder, Oid type, int32 typmod,
				   bool has_plain_storage)
{
	Oid			receive;

	memset(decoder, 0, sizeof(Decoder));
	decoder->type = type;
	decoder->typmod = typmod;
	decoder->can_be_short = !has_plain_storage;
	getTypeBinaryInputInfo(type, &receive, &decoder->ioparam);
	fmgr_info(receive, &decoder->receive);

	if (type == JSONOID || type == JSONBOID)
		decoder->json = pgcopy_json_scratch_create();
	decoder->decode = pgcopy_decode_find(type);
	if (decoder->decode == NULL)
	{
		decoder->decode = pgcopy_decode_receive;
		init_array(decoder, typmod);
		if (decoder->element == NULL)
			decoder->parts = pgcopy_parts_find(type);
		if (decoder->parts != NULL)
			decoder->decode = decode_parts;
	}
}

void
pgcopy_decode_init_text(Decoder *decoder, Oid type, int32 typmod)
{
	Oid			input;

	memset(decoder, 0, sizeof(Decoder));
	decoder->type = type;
	decoder->typmod = typmod;
	getTypeInputInfo(type, &input, &decoder->ioparam);
	fmgr_info(input, &decoder->receive);
	decoder->decode = decode_input;
}
