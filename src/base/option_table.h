/*-------------------------------------------------------------------------
 *
 * option_table.h
 *	  All there is to know about each option, for options.c alone.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_OPTION_TABLE_H
#define PGCOPY_OPTION_TABLE_H

#include "base/options.h"

typedef enum OptionType
{
	OPTION_INT,					/* int, from min to max */
	OPTION_BOOL,				/* bool */
	OPTION_WORD,				/* int, position in words */
	OPTION_SPLIT,				/* int64, bytes, SPLIT_NEVER or SPLIT_AUTO */
	OPTION_PATH,				/* char *, names of schemas */
	OPTION_NAME,				/* char *, a name, or "" */
	OPTION_MAYBE,				/* int: false, true, or -1 for NULL, the default */
	OPTION_WORD_OR_BOOL,		/* int, position in words; also a boolean in SQL */
	OPTION_WORDS,				/* int, a set of bits: positions in words */
	OPTION_LIST,				/* List of char * */
	OPTION_PAIRS,				/* List of OptionPair *, values are strings */
	OPTION_NESTED_PAIRS			/* the same, values are objects */
} OptionType;

typedef struct JobOption
{
	const char *name;			/* and the argument of pgcopy_clone() */
	OptionType	type;
	size_t		offset;			/* in JobOptions */
	const char *default_text;	/* NULL: null */
	const char *meaning;		/* README.md has the same */
	int			min;			/* OPTION_INT */
	int			max;
	const char *const *words;	/* NULL-terminated */
	const char *hint;			/* for the other types */
	const char *pgcopydb;		/* its counterpart there, or NULL */
	const char *pg_dump;
} JobOption;

/* The options, in the order of pgcopy_clone()'s arguments. */
extern const JobOption *pgcopy_option_table(int *count);

#endif							/* PGCOPY_OPTION_TABLE_H */
