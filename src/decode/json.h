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
 * Tokens stand in the order of the text: behind an array's all of its
 * elements, behind an object's key, value, key, value.
 */
typedef struct JsonToken
{
	const char *text;			/* of a string without its quotes */
	uint32		size;			/* bytes of text; of a container its elements
								 * or pairs */
	uint32		next;			/* index of what comes behind all of it */
	JsonKind	kind;
	bool		is_plain;		/* no escape within, no exponent */
} JsonToken;

/* What a decoder of JSON keeps from value to value. */
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
 * Find the tokens of a text in the database encoding.  False: the server's
 * own parser must have it, because it is wrong or unusual.
 */
extern bool pgcopy_json_scan(JsonScratch *scratch, char *text, int length);

#endif							/* PGCOPY_JSON_H */
