/*-------------------------------------------------------------------------
 *
 * json.h
 *	  The tokens of a JSON text, as json.c finds them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_JSON_H
#define PGCOPY_JSON_H

#include "lib/stringinfo.h"

typedef enum JsonKind
{
	JSON_STRING,
	JSON_NUMBER,
	JSON_TRUE,
	JSON_FALSE,
	JSON_NULL,
	JSON_ARRAY,
	JSON_OBJECT
} JsonKind;

/*
 * Tokens are in the order of the text: an array's is followed by its elements,
 * an object's by key, value, key, value.
 */
typedef struct JsonToken
{
	const char *text;			/* a string's: without quotes */
	uint32		size;			/* bytes; a container's: elements or pairs */
	uint32		next;			/* index of the token after this whole value */
	JsonKind	kind;
	bool		is_plain;		/* has no escape or exponent */
} JsonToken;

/* A decoder's work area, kept from value to value. */
typedef struct JsonScratch
{
	JsonToken  *tokens;
	uint32		ntokens;
	uint32		limit;
	const char *end;			/* of the text */
	StringInfoData output;		/* jsonb.c */
} JsonScratch;

extern JsonScratch *pgcopy_json_scratch_create(void);

/*
 * Find the tokens of a text.  False if the server's parser must do it, because
 * the text is wrong or unusual.  Writes, and restores, the byte after the text.
 */
extern bool pgcopy_json_scan(JsonScratch *scratch, char *text, int length);

#endif							/* PGCOPY_JSON_H */
