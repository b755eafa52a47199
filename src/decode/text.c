/*-------------------------------------------------------------------------
 *
 * text.c
 *	  Strings of the binary wire, verified in the database encoding.
 *
 * The session's client_encoding is the database encoding, so nothing is
 * converted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "decode/decode.h"

/* Return whether all bytes are ASCII and none is zero. */
static bool
is_plain_ascii(const char *data, int length)
{
	const char *end = data + length;
	uint64		high = 0;
	uint64		zero = 0;

	for (; end - data >= 8; data += 8)
	{
		uint64		eight;

		memcpy(&eight, data, 8);
		high |= eight;
		zero |= (eight - UINT64CONST(0x0101010101010101)) & ~eight;
	}
	for (; data < end; data++)
	{
		high |= (unsigned char) *data;
		zero |= (*data == '\0') ? 0x80 : 0;
	}
	return ((high | zero) & UINT64CONST(0x8080808080808080)) == 0;
}

bool
pgcopy_decode_is_valid_text(const char *data, int length)
{
	return is_plain_ascii(data, length) || pg_verifymbstr(data, length, true);
}

/* Check the encoding; return whether every character is one byte. */
static bool
verify_string(const char *data, int length)
{
	if (is_plain_ascii(data, length))
		return true;
	(void) pg_verifymbstr(data, length, false);
	return pg_database_encoding_max_length() == 1;
}

/* Return the length of "max_chars" characters; only blanks may follow them. */
static int
clip_blanks(const char *data, int length, int max_chars, const char *type)
{
	int			limit = pg_mbcharcliplen(data, length, max_chars);

	for (int i = limit; i < length; i++)
	{
		if (data[i] != ' ')
			ereport(ERROR,
					(errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
					 errmsg("value too long for type %s(%d)",
							type, max_chars)));
	}
	return limit;
}

Datum
pgcopy_decode_text(Decoder *decoder, char *data, int length)
{
	(void) verify_string(data, length);
	return pgcopy_decode_varlena(decoder, data, length);
}

Datum
pgcopy_decode_varchar(Decoder *decoder, char *data, int length)
{
	int			max_chars = decoder->typmod - VARHDRSZ;

	(void) verify_string(data, length);
	if (decoder->typmod >= (int32) VARHDRSZ && length > max_chars)
		length = clip_blanks(data, length, max_chars, "character varying");
	return pgcopy_decode_varlena(decoder, data, length);
}

Datum
pgcopy_decode_bpchar(Decoder *decoder, char *data, int length)
{
	bool		is_single_byte = verify_string(data, length);
	int			max_chars = decoder->typmod - VARHDRSZ;
	int			chars;
	char	   *result;
	int			size;

	if (decoder->typmod < (int32) VARHDRSZ)
		return pgcopy_decode_varlena(decoder, data, length);

	chars = is_single_byte ? length : pg_mbstrlen_with_len(data, length);
	if (chars > max_chars)
		length = clip_blanks(data, length, max_chars, "character");
	if (chars >= max_chars)
		return pgcopy_decode_varlena(decoder, data, length);

	/* pad; only a source with another typmod sends too few blanks */
	size = length + (max_chars - chars);
	result = palloc((Size) size + VARHDRSZ);
	SET_VARSIZE(result, size + VARHDRSZ);
	memcpy(VARDATA(result), data, length);
	memset(VARDATA(result) + length, ' ', size - length);
	return PointerGetDatum(result);
}

Datum
pgcopy_decode_name(Decoder *decoder, char *data, int length)
{
	NameData   *result;

	(void) verify_string(data, length);
	if (length >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("identifier too long"),
				 errdetail("Identifier must be less than %d characters.",
						   NAMEDATALEN)));
	result = palloc0(NAMEDATALEN);
	memcpy(NameStr(*result), data, length);
	return NameGetDatum(result);
}
