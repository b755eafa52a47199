/*-------------------------------------------------------------------------
 *
 * jsonb.c
 *	  jsonb, which is text on the wire, straight into its form on disk.
 *
 * A server sends the keys of an object in their order on disk, no key twice,
 * and numbers without exponent.  Such a text is written token by token, as
 * convertToJsonb() (jsonb_util.c) would do it.  Any other goes to jsonb_recv.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/jsonb.h"

#include "decode/decode.h"
#include "decode/json.h"

#define WIRE_VERSION	1

/*
 * The most that a token takes beyond its text: padding, a container's header or
 * a number's two headers and padded digits, its JEntry.
 */
#define MAX_OVERHEAD	(3 + 12 + sizeof(JEntry))

typedef struct JsonbOutput
{
	const JsonToken *tokens;
	char	   *start;			/* the varlena's length word */
	char	   *end;
	bool		is_unusual;		/* jsonb_recv must do it */
} JsonbOutput;

typedef struct JsonbChildren
{
	JEntry	   *entries;
	uint32		count;
	uint32		bytes;
} JsonbChildren;

static JEntry put_value(JsonbOutput *output, const JsonToken *token);

static void
pad_to_int(JsonbOutput *output)
{
	while ((output->end - output->start) % sizeof(int32) != 0)
		*output->end++ = '\0';
}

/* Add a child's entry; every JB_OFFSET_STRIDE'th holds an end, not a length. */
static inline void
add_child(JsonbChildren *children, JEntry entry)
{
	children->bytes += JBE_OFFLENFLD(entry);
	if (children->count % JB_OFFSET_STRIDE == 0)
		entry = (entry & JENTRY_TYPEMASK) | children->bytes | JENTRY_HAS_OFF;
	children->entries[children->count++] = entry;
}

/* Return the character of \uXXXX, or 0 if it is not ASCII. */
static char
read_unicode_escape(const char *digits)
{
	char		hex[5] = {digits[0], digits[1], digits[2], digits[3], '\0'};
	unsigned long code = strtoul(hex, NULL, 16);

	return code < 128 ? (char) code : '\0';
}

/* Return an escape's character; move *p from its letter to its last byte. */
static char
read_escape(const char **p)
{
	switch (**p)
	{
		case 'b':
			return '\b';
		case 'f':
			return '\f';
		case 'n':
			return '\n';
		case 'r':
			return '\r';
		case 't':
			return '\t';
		case 'u':
			*p += 4;
			return read_unicode_escape(*p - 3);
		default:
			return **p;
	}
}

static void
put_escaped(JsonbOutput *output, const JsonToken *token)
{
	const char *end = token->text + token->size;

	for (const char *p = token->text; p < end; p++)
	{
		char		c = *p;

		if (c == '\\')
		{
			p++;
			c = read_escape(&p);
			if (c == '\0')
				output->is_unusual = true;
		}
		*output->end++ = c;
	}
}

static inline JEntry
put_string(JsonbOutput *output, const JsonToken *token)
{
	char	   *start = output->end;

	if (unlikely(!token->is_plain))
		put_escaped(output, token);
	else
	{
		memcpy(output->end, token->text, token->size);
		output->end += token->size;
	}
	return JENTRY_ISSTRING | (JEntry) (output->end - start);
}

static JEntry
put_number(JsonbOutput *output, const JsonToken *token)
{
	char	   *start = output->end;
	int			size = 0;

	pad_to_int(output);
	if (token->is_plain)
		size = pgcopy_decode_decimal(token->text, token->size, output->end);
	if (size == 0)
		output->is_unusual = true;
	output->end += size;
	return JENTRY_ISNUMERIC | (JEntry) (output->end - start);
}

static bool
is_in_order(const char *a, uint32 a_length, const char *b, uint32 b_length)
{
	if (a_length != b_length)
		return a_length < b_length;
	return memcmp(a, b, a_length) < 0;
}

/* Write all keys, then all values. */
static void
put_pairs(JsonbOutput *output, JsonbChildren *children, const JsonToken *object)
{
	const JsonToken *first = object + 1;
	const JsonToken *key = first;
	const char *before = NULL;
	uint32		before_length = 0;

	for (uint32 i = 0; i < object->size; i++)
	{
		char	   *start = output->end;
		JEntry		entry = put_string(output, key);

		if (i > 0 && !is_in_order(before, before_length, start, entry))
			output->is_unusual = true;
		before = start;
		before_length = entry;
		add_child(children, entry);
		key = &output->tokens[(key + 1)->next];
	}
	key = first;
	for (uint32 i = 0; i < object->size && !output->is_unusual; i++)
	{
		add_child(children, put_value(output, key + 1));
		key = &output->tokens[(key + 1)->next];
	}
}

static void
put_elements(JsonbOutput *output, JsonbChildren *children, const JsonToken *array)
{
	const JsonToken *element = array + 1;

	for (uint32 i = 0; i < array->size && !output->is_unusual; i++)
	{
		add_child(children, put_value(output, element));
		element = &output->tokens[element->next];
	}
}

/* Write a container's header and leave room for its children's entries. */
static JsonbChildren
begin_container(JsonbOutput *output, uint32 header, uint32 nchildren)
{
	JsonbChildren children = {0};

	pad_to_int(output);
	memcpy(output->end, &header, sizeof(header));
	output->end += sizeof(header);
	children.entries = (JEntry *) output->end;
	output->end += sizeof(JEntry) * nchildren;
	return children;
}

static JEntry
put_container(JsonbOutput *output, const JsonToken *token)
{
	char	   *start = output->end;
	JsonbChildren children;

	if (token->kind == JSON_OBJECT)
	{
		children = begin_container(output, token->size | JB_FOBJECT, 2 * token->size);
		put_pairs(output, &children, token);
	}
	else
	{
		children = begin_container(output, token->size | JB_FARRAY, token->size);
		put_elements(output, &children, token);
	}
	return JENTRY_ISCONTAINER | (JEntry) (output->end - start);
}

static JEntry
put_value(JsonbOutput *output, const JsonToken *token)
{
	switch (token->kind)
	{
		case JSON_STRING:
			return put_string(output, token);
		case JSON_NUMBER:
			return put_number(output, token);
		case JSON_TRUE:
			return JENTRY_ISBOOL_TRUE;
		case JSON_FALSE:
			return JENTRY_ISBOOL_FALSE;
		case JSON_NULL:
			return JENTRY_ISNULL;
		case JSON_ARRAY:
		case JSON_OBJECT:
			return put_container(output, token);
	}
	return 0;
}

/* Write the root; a scalar is wrapped in an array. */
static void
put_root(JsonbOutput *output)
{
	const JsonToken *root = output->tokens;

	if (root->kind == JSON_ARRAY || root->kind == JSON_OBJECT)
		(void) put_container(output, root);
	else
	{
		JsonbChildren children =
			begin_container(output, 1 | JB_FARRAY | JB_FSCALAR, 1);

		add_child(&children, put_value(output, root));
	}
}

/* Write the scanned tokens as a jsonb; NULL if jsonb_recv must do it. */
static char *
put_document(JsonScratch *scratch, int length)
{
	JsonbOutput output = {.tokens = scratch->tokens};
	char	   *result;
	Size		size;

	resetStringInfo(&scratch->output);
	enlargeStringInfo(&scratch->output, VARHDRSZ + length + MAX_OVERHEAD +
					  MAX_OVERHEAD * scratch->ntokens);
	output.start = scratch->output.data;
	output.end = output.start + VARHDRSZ;
	put_root(&output);
	if (output.is_unusual)
		return NULL;

	size = output.end - output.start;
	Assert(size <= scratch->output.maxlen);
	SET_VARSIZE(output.start, size);
	result = palloc(size);
	memcpy(result, output.start, size);
	return result;
}

Datum
pgcopy_decode_jsonb(Decoder *decoder, char *data, int length)
{
	char	   *result = NULL;

	if (length > 1 && *data == WIRE_VERSION &&
		pgcopy_json_scan(decoder->json, data + 1, length - 1))
		result = put_document(decoder->json, length);
	if (result == NULL)
		return pgcopy_decode_receive(decoder, data, length);
	return PointerGetDatum(result);
}
