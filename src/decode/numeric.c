/*-------------------------------------------------------------------------
 *
 * numeric.c
 *	  Numbers of the binary wire straight into their form on disk.
 *
 * Both forms, and that of numbers in jsonb, are base-10000 digits with a
 * weight.  What numeric_send produces for a column of the same type (no leading
 * zero digit, no digit hidden by the display scale, within the typmod) only
 * needs its bytes swapped.  numeric_recv gets the rest (NaN, infinities, what
 * must be rounded, refused or normalized), with the wire untouched.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "decode/decode.h"

/* The disk format, which numeric.c does not export. */
#define DIGIT_BASE			10000
#define DECIMALS_PER_DIGIT	4
#define SIGN_POSITIVE		0x0000
#define SIGN_NEGATIVE		0x4000
#define DSCALE_LIMIT		0x3FFF
#define SHORT_MARK			0x8000
#define SHORT_SIGN			0x2000
#define SHORT_DSCALE_SHIFT	7
#define SHORT_DSCALE_MAX	63
#define SHORT_WEIGHT_SIGN	0x0040
#define SHORT_WEIGHT_MASK	0x003F
#define SHORT_WEIGHT_MIN	(-64)
#define SHORT_WEIGHT_MAX	63

#define WIRE_HEADER			8

typedef struct WireNumber
{
	int			digits;
	int			weight;
	int			sign;
	int			dscale;
	char	   *first;			/* digits, in network order, not aligned */
} WireNumber;

static inline int
read_digit(const WireNumber *n, int i)
{
	return pgcopy_decode_read16(n->first + 2 * i);
}

/* Return whether the display scale hides a digit that is not zero. */
static bool
has_hidden_decimals(const WireNumber *n)
{
	static const int hidden_powers[DECIMALS_PER_DIGIT] = {1, 1000, 100, 10};
	int			shown = (n->weight + 1) * DECIMALS_PER_DIGIT + n->dscale;
	int			wanted;
	int			last;

	if (shown <= 0)
		return true;
	wanted = (shown + DECIMALS_PER_DIGIT - 1) / DECIMALS_PER_DIGIT;
	if (n->digits != wanted)
		return n->digits > wanted;
	last = read_digit(n, n->digits - 1);
	return last % hidden_powers[shown % DECIMALS_PER_DIGIT] != 0;
}

/* Return whether the typmod leaves the number as it is. */
static bool
fits_typmod(const WireNumber *n, int32 typmod)
{
	int			precision;
	int			scale;
	int			before_point;
	int			digit;

	if (typmod < (int32) VARHDRSZ)
		return true;
	precision = ((typmod - VARHDRSZ) >> 16) & 0xffff;
	scale = (((typmod - VARHDRSZ) & 0x7ff) ^ 1024) - 1024;
	if (n->dscale != scale)
		return false;
	if (n->digits == 0)
		return true;

	before_point = (n->weight + 1) * DECIMALS_PER_DIGIT;
	digit = read_digit(n, 0);
	before_point -= digit < 10 ? 3 : digit < 100 ? 2 : digit < 1000 ? 1 : 0;
	return before_point <= precision - scale;
}

/* Read and check a number; false if numeric_recv must do it. */
static bool
read_plain_number(WireNumber *n, const Decoder *decoder, char *data, int length)
{
	int			i;

	if (length < WIRE_HEADER)
		return false;
	n->digits = pgcopy_decode_read16(data);
	n->weight = (int16) pgcopy_decode_read16(data + 2);
	n->sign = pgcopy_decode_read16(data + 4);
	n->dscale = pgcopy_decode_read16(data + 6);
	n->first = data + WIRE_HEADER;
	if (length != WIRE_HEADER + 2 * n->digits ||
		(n->sign != SIGN_POSITIVE && n->sign != SIGN_NEGATIVE) ||
		n->dscale > DSCALE_LIMIT)
		return false;

	for (i = 0; i < n->digits; i++)
	{
		if (read_digit(n, i) >= DIGIT_BASE)
			return false;
	}
	if (n->digits > 0 && (read_digit(n, 0) == 0 || has_hidden_decimals(n)))
		return false;
	if (!fits_typmod(n, decoder->typmod))
		return false;

	while (n->digits > 0 && read_digit(n, n->digits - 1) == 0)
		n->digits--;
	if (n->digits == 0)
	{
		n->weight = 0;
		n->sign = SIGN_POSITIVE;
	}
	return true;
}

/* Make the header before the digits; return its size in bytes. */
static int
make_header(const WireNumber *n, uint16 *header)
{
	if (n->dscale <= SHORT_DSCALE_MAX &&
		n->weight >= SHORT_WEIGHT_MIN && n->weight <= SHORT_WEIGHT_MAX)
	{
		header[0] = SHORT_MARK |
			(n->sign == SIGN_NEGATIVE ? SHORT_SIGN : 0) |
			(n->dscale << SHORT_DSCALE_SHIFT) |
			(n->weight < 0 ? SHORT_WEIGHT_SIGN : 0) |
			(n->weight & SHORT_WEIGHT_MASK);
		return 2;
	}
	header[0] = n->sign | n->dscale;
	header[1] = (uint16) (int16) n->weight;
	return 4;
}

Datum
pgcopy_decode_numeric(Decoder *decoder, char *data, int length)
{
	WireNumber	n;
	uint16		header[2];
	int			header_size;
	int			size;
	char	   *result;
	char	   *content;
	int			i;

	if (!read_plain_number(&n, decoder, data, length))
		return pgcopy_decode_receive(decoder, data, length);

	header_size = make_header(&n, header);
	size = header_size + 2 * n.digits;
	if (decoder->can_be_short && size + VARHDRSZ_SHORT <= VARATT_SHORT_MAX)
	{
		content = n.first - header_size;
		result = content - VARHDRSZ_SHORT;
		SET_VARSIZE_SHORT(result, size + VARHDRSZ_SHORT);
	}
	else
	{
		result = palloc(size + VARHDRSZ);
		content = result + VARHDRSZ;
		SET_VARSIZE(result, size + VARHDRSZ);
	}
	memcpy(content, header, header_size);
	for (i = 0; i < n.digits; i++)
	{
		uint16		digit = read_digit(&n, i);

		memcpy(content + header_size + 2 * i, &digit, 2);
	}
	return PointerGetDatum(result);
}

/* These fit the short header.  Leave longer decimals to numeric_in. */
#define DECIMAL_MAX_BEFORE_POINT	200
#define DECIMAL_MAX_BEHIND_POINT	SHORT_DSCALE_MAX

/* Read decimals in groups of four, the last one padded with zeros. */
static int
read_groups(const char *decimals, int count, int16 *digits)
{
	int			n = 0;

	for (int i = 0; i < count; i += DECIMALS_PER_DIGIT)
	{
		int			digit = 0;

		for (int k = i; k < i + DECIMALS_PER_DIGIT; k++)
			digit = digit * 10 + (k < count ? decimals[k] - '0' : 0);
		digits[n++] = digit;
	}
	return n;
}

/* The same before the point, where the first group may be shorter. */
static int
read_leading_groups(const char *decimals, int count, int16 *digits)
{
	int			lone = count % DECIMALS_PER_DIGIT;
	int			n = 0;

	if (lone > 0)
	{
		digits[n] = 0;
		for (int i = 0; i < lone; i++)
			digits[n] = digits[n] * 10 + decimals[i] - '0';
		n++;
	}
	return n + read_groups(decimals + lone, count - lone, digits + n);
}

int
pgcopy_decode_decimal(const char *text, int length, char *to)
{
	bool		is_negative = *text == '-';
	const char *start = text + is_negative;
	const char *end = text + length;
	const char *point = memchr(start, '.', end - start);
	int16		digits[(DECIMAL_MAX_BEFORE_POINT + DECIMAL_MAX_BEHIND_POINT) /
					   DECIMALS_PER_DIGIT + 2];
	int16	   *first = digits;
	uint16		header[2];
	WireNumber	n = {0};

	Assert(to == (char *) INTALIGN(to));
	n.dscale = point != NULL ? end - point - 1 : 0;
	if (point == NULL)
		point = end;
	if (point - start > DECIMAL_MAX_BEFORE_POINT ||
		n.dscale > DECIMAL_MAX_BEHIND_POINT)
		return 0;

	n.digits = read_leading_groups(start, point - start, digits);
	n.weight = n.digits - 1;
	n.digits += read_groups(point + 1, n.dscale, digits + n.digits);
	for (; n.digits > 0 && *first == 0; first++, n.digits--)
		n.weight--;
	while (n.digits > 0 && first[n.digits - 1] == 0)
		n.digits--;
	n.sign = is_negative ? SIGN_NEGATIVE : SIGN_POSITIVE;
	if (n.digits == 0)
	{
		n.weight = 0;
		n.sign = SIGN_POSITIVE;
	}

	SET_VARSIZE(to, VARHDRSZ + make_header(&n, header) + 2 * n.digits);
	memcpy(to + VARHDRSZ, header, 2);
	memcpy(to + VARHDRSZ + 2, first, 2 * n.digits);
	return VARSIZE(to);
}
