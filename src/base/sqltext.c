/*-------------------------------------------------------------------------
 *
 * sqltext.c
 *	  The words of SQL text, and names of schemas in it.
 *
 * A lexer that takes any text: function bodies may be in any language, or wrong.
 * It reads what standard_conforming_strings = on reads.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "parser/scansup.h"
#include "utils/builtins.h"
#include "utils/varlena.h"

#include "base/options.h"
#include "base/sqltext.h"

/* Strings within strings are read down to this depth. */
#define MOST_DEPTH 10

static bool
is_word_start(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

static bool
is_word_part(unsigned char c)
{
	return is_word_start(c) || (c >= '0' && c <= '9') || c == '$';
}

static bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static const char *
skip_line(const char *at, const char *end)
{
	const char *newline = memchr(at, '\n', end - at);

	return newline != NULL ? newline + 1 : end;
}

/* Comments nest. */
static const char *
skip_comment(const char *at, const char *end)
{
	int			depth = 0;

	while (at < end)
	{
		bool		is_pair = end - at >= 2;

		if (is_pair && at[0] == '/' && at[1] == '*')
			depth++;
		else if (is_pair && at[0] == '*' && at[1] == '/')
			depth--;
		else
		{
			at++;
			continue;
		}
		at += 2;
		if (depth == 0)
			break;
	}
	return at;
}

static const char *
skip_blanks(const char *at, const char *end)
{
	while (at < end)
	{
		bool		is_pair = end - at >= 2;

		if (is_blank(*at))
			at++;
		else if (is_pair && at[0] == '-' && at[1] == '-')
			at = skip_line(at, end);
		else if (is_pair && at[0] == '/' && at[1] == '*')
			at = skip_comment(at, end);
		else
			break;
	}
	return at;
}

/* "at" is the opening quote. */
static const char *
skip_quoted(const char *at, const char *end, bool has_backslashes)
{
	char		quote = *at++;

	while (at < end)
	{
		if (has_backslashes && *at == '\\')
			at = Min(at + 2, end);
		else if (*at != quote)
			at++;
		else if (end - at >= 2 && at[1] == quote)
			at += 2;
		else
			return at + 1;
	}
	return at;
}

static void
set_content(SqlToken *token, const char *content, const char *end)
{
	token->kind = SQL_STRING;
	token->content = content;
	token->content_length = Max(end - content, 0);
}

/* Returns NULL if it is no dollar quote. */
static const char *
skip_dollar_quoted(const char *at, const char *end, SqlToken *token)
{
	const char *tag = at++;
	size_t		length;

	if (at < end && is_word_start(*at))
		while (at < end && *at != '$' && is_word_part(*at))
			at++;
	if (at >= end || *at != '$')
		return NULL;
	length = ++at - tag;
	for (const char *close = at; close < end; close++)
	{
		close = memchr(close, '$', end - close);
		if (close == NULL)
			break;
		if ((size_t) (end - close) >= length && memcmp(close, tag, length) == 0)
		{
			set_content(token, at, close);
			return close + length;
		}
	}
	set_content(token, at, end);
	return end;
}

static const char *
skip_token(const char *at, const char *end, SqlToken *token)
{
	const char *start = at;

	if (*at == '\'')
	{
		at = skip_quoted(at, end, false);
		set_content(token, start + 1, at - 1);
		return at;
	}
	if ((*at == 'e' || *at == 'E') && end - at >= 2 && at[1] == '\'')
	{
		at = skip_quoted(at + 1, end, true);
		set_content(token, start + 2, at - 1);
		return at;
	}
	if (*at == '"')
	{
		token->kind = SQL_QUOTED;
		return skip_quoted(at, end, false);
	}
	if (*at == '$')
	{
		const char *close = skip_dollar_quoted(at, end, token);

		if (close != NULL)
			return close;
	}
	if (!is_word_part(*at) || *at == '$')
		return at + 1;
	if (is_word_start(*at))
		token->kind = SQL_WORD;
	while (at < end && is_word_part(*at))
		at++;
	return at;
}

bool
pgcopy_sqltext_next(const char **at, const char *end, SqlToken *token)
{
	const char *start = skip_blanks(*at, end);

	*at = start;
	if (start >= end)
		return false;
	token->kind = SQL_OTHER;
	token->start = start;
	*at = skip_token(start, end, token);
	token->length = *at - start;
	return true;
}

char *
pgcopy_sqltext_name(const SqlToken *token)
{
	char	   *name;
	char	   *to;
	const char *end = token->start + token->length;

	if (token->kind == SQL_WORD)
		return downcase_identifier(token->start, (int) token->length, false, false);
	name = to = palloc(token->length + 1);
	for (const char *at = token->start + 1; at < end; at++)
	{
		if (*at == '"' && ++at >= end)
			break;
		*to++ = *at;
	}
	*to = '\0';
	return name;
}

const char *
pgcopy_sqltext_mapped(const List *map, const char *name)
{
	ListCell   *lc;

	foreach(lc, map)
	{
		const OptionPair *pair = lfirst(lc);

		if (strcmp(pair->key, name) == 0)
			return pair->value;
	}
	return NULL;
}

const char *
pgcopy_sqltext_map(const List *map, const char *name)
{
	const char *mapped = pgcopy_sqltext_mapped(map, name);

	return mapped != NULL ? mapped : name;
}

List *
pgcopy_sqltext_reverse(const List *map)
{
	List	   *reversed = NIL;
	ListCell   *lc;

	foreach(lc, map)
	{
		const OptionPair *pair = lfirst(lc);
		OptionPair *swapped = palloc0(sizeof(OptionPair));

		swapped->key = pair->value;
		swapped->value = pair->key;
		reversed = lappend(reversed, swapped);
	}
	return reversed;
}

static bool
is_name(const SqlToken *token)
{
	return token->kind == SQL_WORD || token->kind == SQL_QUOTED;
}

static bool
is_dot(const char *at, const char *end)
{
	at = skip_blanks(at, end);
	return at < end && *at == '.';
}

char *
pgcopy_sqltext_rename(const List *map, const char *text)
{
	const char *end = text + strlen(text);
	const char *at = text;
	const char *copied = text;
	bool		after_dot = false;
	StringInfoData renamed;
	SqlToken	token;

	initStringInfo(&renamed);
	while (pgcopy_sqltext_next(&at, end, &token))
	{
		const char *mapped = !after_dot && is_name(&token) && is_dot(at, end) ?
			pgcopy_sqltext_mapped(map, pgcopy_sqltext_name(&token)) : NULL;

		if (mapped != NULL)
		{
			appendBinaryStringInfo(&renamed, copied, token.start - copied);
			appendStringInfoString(&renamed, quote_identifier(mapped));
			copied = at;
		}
		after_dot = *token.start == '.';
	}
	appendBinaryStringInfo(&renamed, copied, end - copied);
	return renamed.data;
}

char *
pgcopy_sqltext_rename_path(const List *map, const char *path)
{
	List	   *names;
	ListCell   *lc;
	StringInfoData renamed;

	if (map == NIL || !SplitIdentifierString(pstrdup(path), ',', &names))
		return pstrdup(path);
	initStringInfo(&renamed);
	foreach(lc, names)
		appendStringInfo(&renamed, "%s%s", renamed.len > 0 ? ", " : "",
						 quote_identifier(pgcopy_sqltext_map(map, lfirst(lc))));
	return renamed.data;
}

static bool
mentions_at_depth(const List *map, const char *text, size_t length, int depth)
{
	const char *end = text + length;
	const char *at = text;
	SqlToken	token;

	while (pgcopy_sqltext_next(&at, end, &token))
	{
		if (is_name(&token))
		{
			char	   *name = pgcopy_sqltext_name(&token);
			bool		is_key = pgcopy_sqltext_mapped(map, name) != NULL;

			pfree(name);
			if (is_key)
				return true;
		}
		else if (token.kind == SQL_STRING && depth < MOST_DEPTH &&
				 mentions_at_depth(map, token.content, token.content_length, depth + 1))
			return true;
	}
	return false;
}

/* Whether a word, of any case, is between characters that are of no word. */
static bool
has_word(const char *text, size_t length, const char *word)
{
	size_t		size = strlen(word);

	for (size_t i = 0; i + size <= length; i++)
	{
		if (pg_strncasecmp(text + i, word, size) == 0 &&
			(i == 0 || !is_word_part(text[i - 1])) &&
			(i + size == length || !is_word_part(text[i + size])))
			return true;
	}
	return false;
}

bool
pgcopy_sqltext_mentions(const List *map, const char *text, size_t length, bool is_sql)
{
	ListCell   *lc;

	if (is_sql)
		return mentions_at_depth(map, text, length, 0);
	foreach(lc, map)
	{
		if (has_word(text, length, ((OptionPair *) lfirst(lc))->key))
			return true;
	}
	return false;
}

bool
pgcopy_sqltext_qualifies(const List *map, const char *text)
{
	const char *end = text + strlen(text);
	const char *at = text;
	SqlToken	token;

	while (pgcopy_sqltext_next(&at, end, &token))
	{
		if (token.kind == SQL_STRING)
		{
			char	   *inner = pnstrdup(token.content, token.content_length);

			if (pgcopy_sqltext_qualifies(map, inner))
				return true;
		}
		if (is_name(&token) && end - at >= 2 && at[0] == '.' &&
			(at[1] == '"' || is_word_start(at[1])) &&
			pgcopy_sqltext_mapped(map, pgcopy_sqltext_name(&token)) != NULL)
			return true;
	}
	return false;
}
