/*-------------------------------------------------------------------------
 *
 * option_value.h
 *	  Values of options that are lists or JSON objects.
 *
 * Errors are data exceptions that name the option and the offending element.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_OPTION_VALUE_H
#define PGCOPY_OPTION_VALUE_H

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"

/* A member of an option that is a JSON object. */
typedef struct OptionPair
{
	char	   *key;
	char	   *value;			/* NULL: null, or "pairs" has the value */
	List	   *pairs;			/* OptionPair * */
} OptionPair;

/*
 * Parse a list: the output of text[], or a JSON array as a job has it stored.
 * Returns a List of char *.  Refuses nulls and empty elements.
 */
extern List *pgcopy_option_value_list(const char *option, const char *value,
									  const char *hint);

/*
 * Parse a JSON object: keys with strings, or, with is_nested, with objects whose
 * members are strings or null.  Returns a List of OptionPair *.
 */
extern List *pgcopy_option_value_pairs(const char *option, const char *value,
									   bool is_nested, const char *hint);

extern void pgcopy_option_value_append_list(StringInfo json, List *list);
extern void pgcopy_option_value_append_pairs(StringInfo json, List *pairs);

#endif							/* PGCOPY_OPTION_VALUE_H */
