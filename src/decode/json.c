/*-------------------------------------------------------------------------
 *
 * json.c
 *	  JSON texts: their tokens in one pass, and the type json.
 *
 * The grammar is the one by which the server validates json, which does not
 * interpret escapes.  Nothing is refused here: a text that is wrong, deep or
 * large goes to its type's receive function.
 *
 * In every server encoding a byte below 128 is that ASCII character, never part
 * of another one, so bytes can be examined one by one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "decode/decode.h"
#include "decode/json.h"

/* Leave larger and deeper texts to the server's parser. */
#define MAX_TEXT	(4 * 1024 * 1024)
#define MAX_DEPTH	64

/* Bytes that end the plain part of a string: quote, backslash, controls. */
static const bool ends_plain[256] = {
	[0] = true,[1] = true,[2] = true,[3] = true,[4] = true,[5] = true,
	[6] = true,[7] = true,[8] = true,[9] = true,[10] = true,[11] = true,
	[12] = true,[13] = true,[14] = true,[15] = true,[16] = true,[17] = true,
	[18] = true,[19] = true,[20] = true,[21] = true,[22] = true,[23] = true,
	[24] = true,[25] = true,[26] = true,[27] = true,[28] = true,[29] = true,
	[30] = true,[31] = true,['"'] = true,['\\'] = true
};

static const char *scan_value(JsonScratch *scratch, const char *p, int depth);

JsonScratch *
pgcopy_json_scratch_create(void)
{
	JsonScratch *scratch = palloc0(sizeof(JsonScratch));

	scratch->limit = 64;
	scratch->tokens = palloc(sizeof(JsonToken) * scratch->limit);
	initStringInfo(&scratch->output);
	return scratch;
}

static inline JsonToken *
add_token(JsonScratch *scratch, JsonKind kind, const char *text)
{
	JsonToken  *token;

	if (unlikely(scratch->ntokens == scratch->limit))
	{
		scratch->limit *= 2;
		scratch->tokens = repalloc_huge(scratch->tokens,
										sizeof(JsonToken) * scratch->limit);
	}
	token = &scratch->tokens[scratch->ntokens++];
	token->text = text;
	token->size = 0;
	token->next = scratch->ntokens;
	token->kind = kind;
	token->is_plain = true;
	return token;
}

static inline const char *
skip_blanks(const char *p)
{
	while (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r')
		p++;
	return p;
}

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *
skip_digits(const char *p)
{
	while (is_digit(*p))
		p++;
	return p;
}

/* Eight times the same byte. */
#define EIGHT(byte) (UINT64CONST(0x0101010101010101) * (byte))

/* Is one of eight bytes below a limit?  True may be wrong, false is not. */
static inline bool
may_have_below(uint64 eight, unsigned char limit)
{
	return ((eight - EIGHT(limit)) & ~eight & EIGHT(0x80)) != 0;
}

/* Skip plain bytes by eights; may stop before the first that is not plain. */
static inline const char *
skip_plain_eights(const char *p, const char *end)
{
	for (; end - p >= sizeof(uint64); p += sizeof(uint64))
	{
		uint64		eight;

		memcpy(&eight, p, sizeof(eight));
		if (may_have_below(eight, ' ') ||
			may_have_below(eight ^ EIGHT('"'), 1) ||
			may_have_below(eight ^ EIGHT('\\'), 1))
			break;
	}
	return p;
}

/*
 * The scan functions take where to begin and return where to go on, or NULL if
 * the server's parser must do it.  The text ends with a zero byte and has no
 * other.
 */

/* Scan an escape, without interpreting it. */
static const char *
scan_escape(const char *p)
{
	p++;
	if (*p == 'u')
	{
		for (int i = 1; i <= 4; i++)
		{
			if (!isxdigit((unsigned char) p[i]))
				return NULL;
		}
		return p + 5;
	}
	if (*p == '\0' || strchr("\"\\/bfnrt", *p) == NULL)
		return NULL;
	return p + 1;
}

static const char *
scan_string(JsonScratch *scratch, const char *p)
{
	JsonToken  *token = add_token(scratch, JSON_STRING, p + 1);

	p++;
	for (;;)
	{
		p = skip_plain_eights(p, scratch->end);
		while (!ends_plain[(unsigned char) *p])
			p++;
		if (*p == '"')
			break;
		p = *p == '\\' ? scan_escape(p) : NULL;
		if (p == NULL)
			return NULL;
		token->is_plain = false;
	}
	token->size = p - token->text;
	return p + 1;
}

static const char *
scan_number(JsonScratch *scratch, const char *p)
{
	JsonToken  *token = add_token(scratch, JSON_NUMBER, p);

	if (*p == '-')
		p++;
	if (!is_digit(*p))
		return NULL;
	p = *p == '0' ? p + 1 : skip_digits(p);
	if (*p == '.')
	{
		if (!is_digit(*++p))
			return NULL;
		p = skip_digits(p);
	}
	if (*p == 'e' || *p == 'E')
	{
		token->is_plain = false;
		p++;
		if (*p == '+' || *p == '-')
			p++;
		if (!is_digit(*p))
			return NULL;
		p = skip_digits(p);
	}
	token->size = p - token->text;
	return p;
}

/* Scan a word; the caller checks the byte after it. */
static const char *
scan_word(JsonScratch *scratch, const char *p, JsonKind kind, const char *word)
{
	size_t		length = strlen(word);

	if (strncmp(p, word, length) != 0)
		return NULL;
	add_token(scratch, kind, p);
	return p + length;
}

static const char *
scan_pair(JsonScratch *scratch, const char *p, int depth)
{
	if (*p != '"')
		return NULL;
	p = scan_string(scratch, p);
	if (p == NULL)
		return NULL;
	p = skip_blanks(p);
	if (*p != ':')
		return NULL;
	return scan_value(scratch, skip_blanks(p + 1), depth);
}

static const char *
scan_container(JsonScratch *scratch, const char *p, int depth)
{
	bool		is_object = *p == '{';
	char		closing = is_object ? '}' : ']';
	uint32		self = scratch->ntokens;
	uint32		count = 0;

	if (depth > MAX_DEPTH)
		return NULL;
	add_token(scratch, is_object ? JSON_OBJECT : JSON_ARRAY, p);
	p = skip_blanks(p + 1);
	if (*p != closing)
	{
		for (;;)
		{
			p = is_object ? scan_pair(scratch, p, depth) :
				scan_value(scratch, p, depth);
			if (p == NULL)
				return NULL;
			count++;
			p = skip_blanks(p);
			if (*p != ',')
				break;
			p = skip_blanks(p + 1);
		}
		if (*p != closing)
			return NULL;
	}
	scratch->tokens[self].size = count;
	scratch->tokens[self].next = scratch->ntokens;
	return p + 1;
}

static const char *
scan_value(JsonScratch *scratch, const char *p, int depth)
{
	switch (*p)
	{
		case '"':
			return scan_string(scratch, p);
		case '{':
		case '[':
			return scan_container(scratch, p, depth + 1);
		case 't':
			return scan_word(scratch, p, JSON_TRUE, "true");
		case 'f':
			return scan_word(scratch, p, JSON_FALSE, "false");
		case 'n':
			return scan_word(scratch, p, JSON_NULL, "null");
		default:
			return scan_number(scratch, p);
	}
}

bool
pgcopy_json_scan(JsonScratch *scratch, char *text, int length)
{
	char		after = text[length];
	const char *p;

	if (length > MAX_TEXT || !pgcopy_decode_is_valid_text(text, length))
		return false;
	text[length] = '\0';
	scratch->ntokens = 0;
	scratch->end = text + length;
	p = scan_value(scratch, skip_blanks(text), 0);
	if (p != NULL)
		p = skip_blanks(p);
	text[length] = after;
	return p == scratch->end;
}

Datum
pgcopy_decode_json(Decoder *decoder, char *data, int length)
{
	if (!pgcopy_json_scan(decoder->json, data, length))
		return pgcopy_decode_receive(decoder, data, length);
	return pgcopy_decode_varlena(decoder, data, length);
}
