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
#include "utils/memutils.h"

typedef struct Decoder Decoder;

/*
 * Decode "length" bytes at "data".  The buffer is ours to write on, from four
 * bytes before the value (its length word) to one byte behind it; the result
 * may point into it, or into the current memory context.
 */
typedef Datum (*DecodeFunction) (Decoder *decoder, char *data, int length);

struct Decoder
{
	DecodeFunction decode;
	int32		typmod;
	bool		can_be_short;	/* a 1-byte header may go to disk */
	Oid			type;
	Oid			ioparam;
	FmgrInfo	receive;		/* of the type, for all */

	/* arrays */
	Decoder    *element;
	int16		element_length;
	bool		element_by_value;
	char		element_align;

	struct JsonScratch *json;	/* json, jsonb */
};

/*
 * The longest value on the wire: with a varlena's header before it, the largest
 * piece of memory that palloc() gives.
 */
#define DECODE_MAX_LENGTH	((int32) (MaxAllocSize - VARHDRSZ))

/* Refuse a longer one, with the code of the server's own COPY. */
extern void pgcopy_decode_refuse_length(int32 length) pg_attribute_noreturn();

/*
 * Decode a value whose length comes off the wire and is not negative.  All
 * lengths within it are smaller, so decoders may add to them.
 */
static inline Datum
pgcopy_decode_value(Decoder *decoder, char *data, int32 length)
{
	if (unlikely(length > DECODE_MAX_LENGTH))
		pgcopy_decode_refuse_length(length);
	return decoder->decode(decoder, data, length);
}

/* Prepare for a column; allocates in the current memory context. */
extern void pgcopy_decode_init(Decoder *decoder, Oid type, int32 typmod,
							   bool has_plain_storage);

/* The type's receive function, as decoder of all that have no own one. */
extern Datum pgcopy_decode_receive(Decoder *decoder, char *data, int length);

/* NULL for types without a decoder of their own. */
extern DecodeFunction pgcopy_decode_find(Oid type);

/* A varlena of these bytes: in place where that can be. */
extern Datum pgcopy_decode_varlena(const Decoder *decoder,
								   char *data, int length);

/* Whether these bytes are text in the database encoding. */
extern bool pgcopy_decode_is_valid_text(const char *data, int length);

/*
 * Write a plain decimal as a numeric to "to", which is aligned and has room for
 * "length" + 12 bytes.  Returns its size; 0 if numeric_in must do it.
 */
extern int	pgcopy_decode_decimal(const char *text, int length, char *to);

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
