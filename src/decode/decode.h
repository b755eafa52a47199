/*-------------------------------------------------------------------------
 *
 * decode.h
 *	  One value of the binary wire into a Datum.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_DECODE_H
#define PGCOPY_DECODE_H

#include "fmgr.h"
#include "port/pg_bswap.h"
#include "utils/memutils.h"

#include "base/compat.h"

typedef struct Decoder Decoder;

/*
 * Decode "length" bytes at "data".  May overwrite them and the four bytes
 * before them (the length word); leaves the byte after them as it was.  The
 * result points into the buffer or into the current memory context.
 */
typedef Datum (*DecodeFunction) (Decoder *decoder, char *data, int length);

struct Decoder
{
	DecodeFunction decode;
	int32		typmod;
	bool		can_be_short;	/* the column allows 1-byte headers */
	Oid			type;
	Oid			ioparam;
	FmgrInfo	receive;		/* the type's receive or, for text, input function */

	/* arrays */
	Decoder    *element;
	int16		element_length;
	bool		element_by_value;
	char		element_align;

	struct TypeParts *parts;	/* with OIDs on the wire that differ here */
	struct JsonScratch *json;	/* json, jsonb */
};

/* Read integers of the wire: in network order, not aligned. */
static inline uint16
pgcopy_decode_read16(const char *data)
{
	uint16		value;

	memcpy(&value, data, sizeof(value));
	return pg_ntoh16(value);
}

static inline uint32
pgcopy_decode_read32(const char *data)
{
	uint32		value;

	memcpy(&value, data, sizeof(value));
	return pg_ntoh32(value);
}

static inline uint64
pgcopy_decode_read64(const char *data)
{
	uint64		value;

	memcpy(&value, data, sizeof(value));
	return pg_ntoh64(value);
}

/* The longest value that palloc() can hold with a varlena header. */
#define DECODE_MAX_LENGTH	((int32) (MaxAllocSize - VARHDRSZ))

/* Refuse a longer one, with the error code of the server's own COPY. */
extern void pgcopy_decode_refuse_length(int32 length) pg_attribute_noreturn();

/*
 * Decode a value whose length comes off the wire and is not negative.  Bounds
 * it, so that decoders can add to lengths without overflow.
 */
static inline Datum
pgcopy_decode_value(Decoder *decoder, char *data, int32 length)
{
	Assert(length >= 0);
	if (unlikely(length > DECODE_MAX_LENGTH))
		pgcopy_decode_refuse_length(length);
	return decoder->decode(decoder, data, length);
}

/* Prepare to decode a column.  Allocates in the current memory context. */
extern void pgcopy_decode_init(Decoder *decoder, Oid type, int32 typmod,
							   bool has_plain_storage);

/* Prepare to decode a column that comes as its text. */
extern void pgcopy_decode_init_text(Decoder *decoder, Oid type, int32 typmod);

/* Let a function that is not strict (a domain's) refuse NULL. */
extern void pgcopy_decode_null(Decoder *decoder);

/* Return the decoder for a type, or NULL if it has none of its own. */
extern DecodeFunction pgcopy_decode_find(Oid type);

/* Return whether the bytes are valid in the database encoding. */
extern bool pgcopy_decode_is_valid_text(const char *data, int length);

/*
 * Write a plain decimal as a numeric; return its size, or 0 if numeric_in must
 * do it.  "to" is aligned for int32 and has room for "length" + 12 bytes.
 */
extern int	pgcopy_decode_decimal(const char *text, int length, char *to);

/* Decode by the type's receive function; serves every type. */
extern Datum pgcopy_decode_receive(Decoder *decoder, char *data, int length);

/* Make a varlena of the bytes, in place if possible. */
extern Datum pgcopy_decode_varlena(Decoder *decoder, char *data, int length);

/* Decoders of one type each. */
extern Datum pgcopy_decode_numeric(Decoder *decoder, char *data, int length);
extern Datum pgcopy_decode_date(Decoder *decoder, char *data, int length);
extern Datum pgcopy_decode_time(Decoder *decoder, char *data, int length);
extern Datum pgcopy_decode_timestamp(Decoder *decoder, char *data, int length);
extern Datum pgcopy_decode_interval(Decoder *decoder, char *data, int length);
extern Datum pgcopy_decode_text(Decoder *decoder, char *data, int length);
extern Datum pgcopy_decode_varchar(Decoder *decoder, char *data, int length);
extern Datum pgcopy_decode_bpchar(Decoder *decoder, char *data, int length);
extern Datum pgcopy_decode_name(Decoder *decoder, char *data, int length);
extern Datum pgcopy_decode_timetz(Decoder *decoder, char *data, int length);
extern Datum pgcopy_decode_inet(Decoder *decoder, char *data, int length);
extern Datum pgcopy_decode_cidr(Decoder *decoder, char *data, int length);
extern Datum pgcopy_decode_json(Decoder *decoder, char *data, int length);
extern Datum pgcopy_decode_jsonb(Decoder *decoder, char *data, int length);
extern Datum pgcopy_decode_array(Decoder *decoder, char *data, int length);

#endif							/* PGCOPY_DECODE_H */
