/*-------------------------------------------------------------------------
 *
 * secret.c
 *	  Keep the secrets of a statement out of its error.
 *
 * The validator of a foreign data wrapper, and libpq when it checks a
 * connection string, may quote an option's value.  Every string of the
 * statement, and every word of it (of a connection string), counts as a secret
 * unless the statement has it outside of strings too, as a name.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"

#include "schema/apply.h"

/* Shorter words are replaced only where they are quoted. */
#define SHORT_WORD 4

#define DOTS "..."
#define SEPARATORS " \t\r\n,;=&?@/:"

/* List the strings of a statement; append the rest of it to "outside". */
static List *
find_strings(const char *sql, StringInfo outside)
{
	List	   *strings = NIL;
	const char *at = sql;

	while (*at != '\0')
	{
		StringInfoData string;
		bool		has_backslashes;

		if (*at != '\'')
		{
			appendStringInfoChar(outside, *at++);
			continue;
		}
		has_backslashes = at > sql && (at[-1] == 'E' || at[-1] == 'e');
		initStringInfo(&string);
		for (at++; *at != '\0'; at++)
		{
			if (*at == '\'' && at[1] != '\'')
				break;
			if ((*at == '\'' || (*at == '\\' && has_backslashes)) && at[1] != '\0')
				at++;
			appendStringInfoChar(&string, *at);
		}
		if (*at != '\0')
			at++;
		strings = lappend(strings, string.data);
	}
	return strings;
}

static bool
is_quote(char c)
{
	return c == '"' || c == '\'' || IS_HIGHBIT_SET(c);
}

/* Replace all occurrences of a secret in a text, which may be NULL. */
static char *
replace_secret(char *text, const char *secret)
{
	size_t		length = strlen(secret);
	char	   *at = text;

	while (text != NULL && length > 0 && (at = strstr(at, secret)) != NULL)
	{
		size_t		before = at - text;

		if (length < SHORT_WORD &&
			(before == 0 || !is_quote(at[-1]) || !is_quote(at[length])))
		{
			at++;
			continue;
		}
		text = psprintf("%.*s" DOTS "%s", (int) before, text, at + length);
		at = text + before + strlen(DOTS);
	}
	return text;
}

static void
conceal_one(ErrorData *error, const char *secret)
{
	error->message = replace_secret(error->message, secret);
	error->detail = replace_secret(error->detail, secret);
	error->detail_log = replace_secret(error->detail_log, secret);
	error->hint = replace_secret(error->hint, secret);
	error->context = replace_secret(error->context, secret);
	error->internalquery = replace_secret(error->internalquery, secret);
}

/* For list_sort(): longer ones first, as they may contain shorter ones. */
static int
compare_lengths(const ListCell *a, const ListCell *b)
{
	size_t		x = strlen(lfirst(a));
	size_t		y = strlen(lfirst(b));

	return x > y ? -1 : x < y;
}

void
pgcopy_secret_conceal(ErrorData *error, const char *sql)
{
	StringInfoData outside;
	List	   *secrets;
	List	   *words = NIL;
	ListCell   *lc;

	initStringInfo(&outside);
	secrets = find_strings(sql, &outside);
	foreach(lc, secrets)
	{
		char	   *rest = pstrdup(lfirst(lc));
		char	   *word;

		while ((word = strtok_r(rest, SEPARATORS, &rest)) != NULL)
			words = lappend(words, word);
	}
	secrets = list_concat(secrets, words);
	list_sort(secrets, compare_lengths);
	foreach(lc, secrets)
	{
		if (strstr(outside.data, lfirst(lc)) == NULL)
			conceal_one(error, lfirst(lc));
	}
}
