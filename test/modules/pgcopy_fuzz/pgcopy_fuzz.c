/*-------------------------------------------------------------------------
 *
 * pgcopy_fuzz.c
 *	  The same wire image through a decoder and the type's receive function.
 *
 * Both must give the same value, bit by bit, or refuse with the same error
 * code.  Images are what typsend makes of the samples, then mutated, or
 * random bytes.  The generator of random numbers is our own, so that a seed
 * means the same everywhere.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/mman.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "fuzz_random.h"
#include "decode/decode.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(pgcopy_fuzz);
PG_FUNCTION_INFO_V1(pgcopy_fuzz_decode);
PG_FUNCTION_INFO_V1(pgcopy_fuzz_cost);
PG_FUNCTION_INFO_V1(pgcopy_fuzz_lengths);
PG_FUNCTION_INFO_V1(pgcopy_fuzz_longest);

#define MAX_GROWTH	64

typedef struct Image
{
	char	   *bytes;
	int			length;
} Image;

typedef struct Outcome
{
	Datum		value;
	int			sqlstate;		/* 0: accepted */
} Outcome;

/*
 * Decode a copy that lies as on the wire: length word before, one byte
 * behind, at any alignment.
 */
static Outcome
run_decoder(Decoder *decoder, DecodeFunction decode, const Image *image,
			int misalignment)
{
	Outcome		outcome = {0};
	MemoryContext context = CurrentMemoryContext;
	char	   *copy = (char *) palloc(image->length + 5 + 8) + misalignment;

	memcpy(copy + 4, image->bytes, image->length);
	copy[4 + image->length] = 'x';
	PG_TRY();
	{
		outcome.value = decode(decoder, copy + 4, image->length);
		if (copy[4 + image->length] != 'x')
			elog(PANIC, "decoder wrote behind the value");
	}
	PG_CATCH();
	{
		outcome.sqlstate = geterrcode();
		MemoryContextSwitchTo(context);
		FlushErrorState();
	}
	PG_END_TRY();
	return outcome;
}

static bool
outcomes_agree(Oid type, Outcome a, Outcome b)
{
	int16		length;
	bool		by_value;

	if (a.sqlstate != 0 || b.sqlstate != 0)
		return a.sqlstate == b.sqlstate;
	get_typlenbyval(type, &length, &by_value);
	if (length == -1)
	{
		a.value = PointerGetDatum(PG_DETOAST_DATUM(a.value));
		b.value = PointerGetDatum(PG_DETOAST_DATUM(b.value));
	}
	return datumIsEqual(a.value, b.value, by_value, length);
}

static void
mutate_once(Image *image)
{
	int			at = image->length > 0 ? next_random(image->length) : 0;

	switch (next_random(7))
	{
		case 0:
			if (image->length > 0)
				image->bytes[at] ^= 1 << next_random(8);
			break;
		case 1:
			if (image->length > 0)
				image->bytes[at] = next_random(256);
			break;
		case 2:
			image->length = at;
			break;
		case 3:
			{
				int			n = 1 + next_random(8);

				while (n-- > 0)
					image->bytes[image->length++] = next_random(256);
				break;
			}
		case 4:
			{
				static const unsigned char edges[] = {0, 1, 0x7f, 0x80, 0xff, ' ', 0xc3, 0x27};

				if (image->length > 0)
					image->bytes[at] = edges[next_random(lengthof(edges))];
				break;
			}
		case 5:
			/* a 16-bit word: lengths, digits, weights */
			if (image->length > 1)
			{
				at &= ~1;
				if (at + 1 < image->length)
				{
					image->bytes[at] = next_random(2) ? 0 : 0x27;
					image->bytes[at + 1] = next_random(256);
				}
			}
			break;
		default:
			/* doubled byte order of two neighbours */
			if (at + 1 < image->length)
			{
				char		swap = image->bytes[at];

				image->bytes[at] = image->bytes[at + 1];
				image->bytes[at + 1] = swap;
			}
			break;
	}
}

static const char *
pick(const char *const *words, int n)
{
	return words[next_random(n)];
}

/* A few of the same keys again and again, in order as often as not. */
static void
append_key(StringInfo text, int position)
{
	static const char *const odd[] = {"", "\\n", "k\\u0001", "\\u00e9", "\xc3\xa9", "a\\\"b"};

	if (next_random(8) == 0)
		appendStringInfo(text, "\"%s\"", pick(odd, lengthof(odd)));
	else if (next_random(8) == 0)
		appendStringInfo(text, "\"%c\"", 'a' + next_random(4));
	else
		appendStringInfo(text, "\"k%03d\"", position > 0 && next_random(20) == 0 ? position - 1 : position);
}

/* A random JSON text, which is right but for a few tokens. */
static void
append_json(StringInfo text, int depth)
{
	static const char *const words[] = {"true", "false", "null", "nul", "\"\"", "-0", "0.00", "1e3", "1E-2", "01", "-",
		"0.0001", "10000", "100000000", "-12345.678900", "1.", "\"\\u0000\"", "\"\\ud83d\\ude00\"", "\"\\ud83d\"",
	"\"a\\tb\\/c\\\\\"", "\"\xe2\x82\xac\"", "\"tab\there\"", "\"\\u00e9\"", "\"\\x\"", "12345678901234567890123456789.000000001"};
	static const char *const blanks[] = {"", " ", "", " \n\t"};
	int			n;
	int			i;

	switch (depth > 5 ? 2 + next_random(4) : next_random(6))
	{
		case 0:
		case 1:
			n = next_random(4) == 0 ? next_random(80) : next_random(4);
			i = next_random(2);
			appendStringInfoChar(text, i ? '{' : '[');
			for (int k = 0; k < n; k++)
			{
				appendStringInfo(text, "%s%s", k > 0 ? "," : "", pick(blanks, lengthof(blanks)));
				if (i)
				{
					append_key(text, k);
					appendStringInfo(text, ":%s", pick(blanks, lengthof(blanks)));
				}
				if (n > 10)
					appendStringInfo(text, "%d", k);
				else
					append_json(text, depth + 1);
			}
			appendStringInfoChar(text, i ? '}' : ']');
			break;
		case 2:
			appendStringInfo(text, "%d.%0*d", (int) next_random(100000) - 50000, (int) next_random(12) + 1, (int) next_random(10000));
			break;
		case 3:
			appendStringInfo(text, "\"%.*s\"", (int) next_random(40), "a string of forty characters, all of them");
			break;
		case 4:
			appendStringInfo(text, "%d", (int) next_random(2000000000));
			break;
		default:
			appendStringInfoString(text, next_random(20) != 0 ? pick(words, 3) : pick(words, lengthof(words)));
	}
}

static Image
make_json(Oid type)
{
	StringInfoData text;
	Image		image;

	initStringInfo(&text);
	if (type == JSONBOID)
		appendStringInfoChar(&text, 1);
	append_json(&text, 0);
	enlargeStringInfo(&text, MAX_GROWTH);
	image.bytes = text.data;
	image.length = text.len;
	return image;
}

static Image
make_image(Oid type, const Image *samples, int nsamples)
{
	Image		image;
	const Image *sample;

	if ((type == JSONOID || type == JSONBOID) && next_random(2) == 0)
		return make_json(type);

	if (next_random(10) == 0)
	{
		int			i;

		image.length = next_random(40);
		image.bytes = palloc(image.length + MAX_GROWTH);
		for (i = 0; i < image.length; i++)
			image.bytes[i] = next_random(next_random(2) ? 256 : 4);
		return image;
	}
	sample = &samples[next_random(nsamples)];
	image.length = sample->length;
	image.bytes = palloc(image.length + MAX_GROWTH);
	memcpy(image.bytes, sample->bytes, image.length);
	return image;
}

static Image
make_sample(Oid type, int32 typmod, const char *text)
{
	Oid			input;
	Oid			ioparam;
	Oid			send;
	bool		is_varlena;
	bytea	   *sent;
	Image		image;

	getTypeInputInfo(type, &input, &ioparam);
	getTypeBinaryOutputInfo(type, &send, &is_varlena);
	sent = OidSendFunctionCall(send,
							   OidInputFunctionCall(input, unconstify(char *, text),
													ioparam, typmod));
	image.length = VARSIZE(sent) - VARHDRSZ;
	image.bytes = VARDATA(sent);
	return image;
}

static void
report_difference(Oid type, const Image *image, Outcome ours, Outcome theirs)
{
	bytea	   *bytes = palloc(VARHDRSZ + image->length);

	SET_VARSIZE(bytes, VARHDRSZ + image->length);
	memcpy(VARDATA(bytes), image->bytes, image->length);
	ereport(WARNING,
			(errmsg("decoder and receive function of %s disagree",
					format_type_be(type)),
			 errdetail("Image %s, decoder %s, receive function %s.",
					   DatumGetCString(DirectFunctionCall1(byteaout, PointerGetDatum(bytes))),
					   ours.sqlstate ? pstrdup(unpack_sql_state(ours.sqlstate)) : "accepts",
					   theirs.sqlstate ? pstrdup(unpack_sql_state(theirs.sqlstate)) : "accepts")));
}

Datum
pgcopy_fuzz(PG_FUNCTION_ARGS)
{
	Oid			type = PG_GETARG_OID(0);
	int32		typmod = PG_GETARG_INT32(1);
	int32		rounds = PG_GETARG_INT32(3);
	MemoryContext row;
	MemoryContext old;
	Datum	   *texts;
	bool	   *nulls;
	int			nsamples;
	Image	   *samples;
	Decoder		decoder;
	int64		differences = 0;
	int			i;

	seed_random(PG_GETARG_INT64(4));
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(2), TEXTOID, -1, false, TYPALIGN_INT,
					  &texts, &nulls, &nsamples);
	samples = palloc(sizeof(Image) * nsamples);
	for (i = 0; i < nsamples; i++)
		samples[i] = make_sample(type, -1, TextDatumGetCString(texts[i]));

	pgcopy_decode_init(&decoder, type, typmod, false);
	row = AllocSetContextCreate(CurrentMemoryContext, "fuzz",
								ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(row);
	for (i = 0; i < rounds; i++)
	{
		Image		image;
		Outcome		ours;
		Outcome		theirs;
		int			mutations = 0;

		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(row);
		image = make_image(type, samples, nsamples);
		if (i >= nsamples)
			mutations = next_random(4);
		while (mutations-- > 0)
			mutate_once(&image);
		decoder.can_be_short = next_random(2) == 0;
		ours = run_decoder(&decoder, decoder.decode, &image, next_random(8));
		theirs = run_decoder(&decoder, pgcopy_decode_receive, &image, 0);
		if (!outcomes_agree(type, ours, theirs))
		{
			differences++;
			report_difference(type, &image, ours, theirs);
		}
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(row);
	PG_RETURN_INT64(differences);
}

Datum
pgcopy_fuzz_decode(PG_FUNCTION_ARGS)
{
	Oid			type = PG_GETARG_OID(0);
	bytea	   *bytes = PG_GETARG_BYTEA_PP(2);
	Image		image;
	Decoder		decoder;
	Outcome		outcome;
	Oid			output;
	bool		is_varlena;

	image.bytes = VARDATA_ANY(bytes);
	image.length = VARSIZE_ANY_EXHDR(bytes);
	pgcopy_decode_init(&decoder, type, PG_GETARG_INT32(1), false);
	outcome = run_decoder(&decoder, decoder.decode, &image, 3);
	if (outcome.sqlstate != 0)
		PG_RETURN_TEXT_P(cstring_to_text(unpack_sql_state(outcome.sqlstate)));
	getTypeOutputInfo(type, &output, &is_varlena);
	PG_RETURN_TEXT_P(cstring_to_text(OidOutputFunctionCall(output, outcome.value)));
}

static double
measure(Decoder *decoder, DecodeFunction decode, const Image *images,
		int nimages, int rounds)
{
	MemoryContext row = AllocSetContextCreate(CurrentMemoryContext, "fuzz",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(row);
	instr_time	begun;
	instr_time	ended;

	INSTR_TIME_SET_CURRENT(begun);
	for (int i = 0; i < rounds; i++)
	{
		(void) run_decoder(decoder, decode, &images[i % nimages], 0);
		if (i % 1000 == 0)
		{
			CHECK_FOR_INTERRUPTS();
			MemoryContextReset(row);
		}
	}
	INSTR_TIME_SET_CURRENT(ended);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(row);
	INSTR_TIME_SUBTRACT(ended, begun);
	return INSTR_TIME_GET_DOUBLE(ended);
}

Datum
pgcopy_fuzz_cost(PG_FUNCTION_ARGS)
{
	Oid			type = PG_GETARG_OID(0);
	int32		rounds = PG_GETARG_INT32(3);
	Datum	   *texts;
	bool	   *nulls;
	int			nimages;
	Image	   *images;
	Decoder		decoder;
	double		ours;
	double		theirs;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(2), TEXTOID, -1, false, TYPALIGN_INT,
					  &texts, &nulls, &nimages);
	images = palloc(sizeof(Image) * nimages);
	for (int i = 0; i < nimages; i++)
		images[i] = make_sample(type, -1, TextDatumGetCString(texts[i]));
	pgcopy_decode_init(&decoder, type, PG_GETARG_INT32(1), false);
	ours = measure(&decoder, decoder.decode, images, nimages, rounds);
	theirs = measure(&decoder, pgcopy_decode_receive, images, nimages, rounds);
	PG_RETURN_FLOAT8(theirs > 0 ? ours / theirs : 0);
}

/* Address space without memory; NULL where there is none. */
static char *
map_value(Size length, int protection)
{
	char	   *region = mmap(NULL, length, protection,
							  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return region == MAP_FAILED ? NULL : region;
}

/* The error code of a value of this length, as the reader of rows decodes it. */
static int
refuse_length(Decoder *decoder, char *data, int32 length)
{
	MemoryContext context = CurrentMemoryContext;
	volatile int sqlstate = 0;

	PG_TRY();
	{
		(void) pgcopy_decode_value(decoder, data, length);
	}
	PG_CATCH();
	{
		sqlstate = geterrcode();
		MemoryContextSwitchTo(context);
		FlushErrorState();
	}
	PG_END_TRY();
	return sqlstate;
}

/*
 * Lengths that no varlena can have.  The bytes are not there: whoever looks at
 * one before the length, crashes.  Returns how many were not refused.
 */
Datum
pgcopy_fuzz_lengths(PG_FUNCTION_ARGS)
{
	static const int32 lengths[] = {DECODE_MAX_LENGTH + 1, 0x3FFFFFFD, 0x3FFFFFFE, 0x3FFFFFFF, 0x40000000, 0x40000001,
	0x40000002, 0x40000003, 0x40000004, 0x40000005, 0x40000006, 0x40000010, 0x7FFFFFFE, 0x7FFFFFFF};
	Decoder		decoder;
	char	   *data = map_value((Size) 2 << 30, PROT_NONE);
	int			accepted = 0;

	if (data == NULL)
		PG_RETURN_NULL();
	pgcopy_decode_init(&decoder, PG_GETARG_OID(0), PG_GETARG_INT32(1), false);
	for (int i = 0; i < 2 * lengthof(lengths); i++)
	{
		decoder.can_be_short = i % 2 == 0;
		if (refuse_length(&decoder, data, lengths[i / 2]) != ERRCODE_PROGRAM_LIMIT_EXCEEDED)
			accepted++;
	}
	munmap(data, (Size) 2 << 30);
	PG_RETURN_INT32(accepted);
}

/*
 * The longest bytea there can be, where it need not be copied: its length as
 * the varlena says.  NULL where there is no such address space.
 */
Datum
pgcopy_fuzz_longest(PG_FUNCTION_ARGS)
{
	Size		size = (Size) DECODE_MAX_LENGTH + 4096;
	Decoder		decoder;
	char	   *region = map_value(size, PROT_READ | PROT_WRITE);
	int32		length;

	if (region == NULL)
		PG_RETURN_NULL();
	pgcopy_decode_init(&decoder, BYTEAOID, -1, false);
	length = VARSIZE_ANY_EXHDR(DatumGetPointer(pgcopy_decode_value(&decoder, region + VARHDRSZ,
																   DECODE_MAX_LENGTH)));
	munmap(region, size);
	PG_RETURN_INT32(length);
}
