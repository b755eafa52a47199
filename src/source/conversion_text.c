/*-------------------------------------------------------------------------
 *
 * conversion_text.c
 *	  Convert a text of the source as the source would for us, without errors.
 *
 * A source in SQL_ASCII converts nothing and only checks the bytes; here that is
 * done for a source in our own encoding too, whose bytes may be damaged.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

#include "source/conversion.h"

/* How much of a text is shown, in bytes of the source. */
#define SHOWN_BYTES 200

/* A longer text is not looked at: its conversion would not fit into an int. */
#define MAX_BYTES ((PG_INT32_MAX - 1) / MAX_CONVERSION_GROWTH - 1)

Conversion
pgcopy_conversion_make(int from)
{
	Conversion	conversion = {from, GetDatabaseEncoding(), InvalidOid};

	if (from != conversion.to && from != PG_SQL_ASCII && conversion.to != PG_SQL_ASCII)
		conversion.proc = FindDefaultConversionProc(from, conversion.to);
	return conversion;
}

static bool
is_valid(int encoding, const char *text, int length)
{
	return pg_encoding_verifymbstr(encoding, text, length) == length;
}

/* Convert a valid text; returns NULL if a character has no equivalent. */
static char *
convert(const Conversion *conversion, const char *text, int length)
{
	int			room = (length + 1) * MAX_CONVERSION_GROWTH + 1;
	unsigned char *result = palloc_extended(room, MCXT_ALLOC_HUGE);

	if (pg_do_encoding_conversion_buf(conversion->proc, conversion->from,
									  conversion->to, (unsigned char *) text, length,
									  result, room, true) == length)
		return (char *) result;
	pfree(result);
	return NULL;
}

bool
pgcopy_conversion_arrives(const Conversion *conversion, const char *text, int length)
{
	char	   *result;

	if (length > MAX_BYTES)
		return true;
	if (!OidIsValid(conversion->proc))
		return is_valid(conversion->to, text, length);
	if (!is_valid(conversion->from, text, length))
		return false;
	result = convert(conversion, text, length);
	if (result == NULL)
		return false;
	pfree(result);
	return true;
}

/* Append one character, or its bytes. */
static void
append_character(StringInfo shown, const Conversion *conversion,
				 const char *text, int length)
{
	char	   *converted;

	if (!pgcopy_conversion_arrives(conversion, text, length) ||
		(length == 1 && (unsigned char) *text < ' '))
	{
		for (int i = 0; i < length; i++)
			appendStringInfo(shown, "\\x%02x", (unsigned char) text[i]);
		return;
	}
	if (!OidIsValid(conversion->proc))
	{
		appendBinaryStringInfo(shown, text, length);
		return;
	}
	converted = convert(conversion, text, length);
	appendStringInfoString(shown, converted);
	pfree(converted);
}

char *
pgcopy_conversion_show(const Conversion *conversion, const char *text, int length)
{
	StringInfoData shown;
	int			encoding = conversion->from == PG_SQL_ASCII ? conversion->to : conversion->from;
	int			at = 0;

	initStringInfo(&shown);
	while (at < length && at < SHOWN_BYTES)
	{
		int			bytes = pg_encoding_verifymbchar(encoding, text + at, length - at);

		append_character(&shown, conversion, text + at, Max(bytes, 1));
		at += Max(bytes, 1);
	}
	if (at < length)
		appendStringInfoString(&shown, "...");
	return shown.data;
}
