/*-------------------------------------------------------------------------
 *
 * split.c
 *	  Split the text of a dump into statements.
 *
 * A lexer that knows what can hide a semicolon: strings (with backslashes only
 * after E, as standard_conforming_strings is on), quoted identifiers, dollar
 * quotes, comments, parentheses (the actions of a rule) and function bodies in
 * the SQL standard's form.  It works in place; the core scanner would copy the
 * text and is limited to 1 GB.
 *
 * Only BEGIN directly followed by ATOMIC opens such a body, and only in CREATE
 * FUNCTION or PROCEDURE, outside of parentheses and not after a dot (a table
 * may be called "begin" and its alias "atomic").  Inside, CASE and END are
 * counted.
 *
 * Comments that name the entry of the archive ("-- TOC entry 214 (class 1259
 * OID 16386)") and lines with psql's \restrict count only between statements;
 * inside, they are user text.  "-- Name:" is ignored.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "schema/split.h"

/* Strings from this length on are left out of an outline. */
#define LONG_STRING 8192

/* What the lexer knows at its place in a statement. */
typedef struct Depth
{
	int			words;			/* unquoted words so far */
	bool		is_create;		/* the first was CREATE */
	bool		is_routine;		/* CREATE [OR REPLACE] FUNCTION | PROCEDURE */
	bool		after_begin;	/* the last token was BEGIN, not after a dot */
	bool		after_dot;
	int			parentheses;
	int			body;			/* open BEGIN ATOMIC and CASE */
} Depth;

static bool
is_word_start(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		c == '_' || c >= 0x80;
}

static bool
is_word_part(unsigned char c)
{
	return is_word_start(c) || (c >= '0' && c <= '9') || c == '$';
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' ||
		c == '\v';
}

static bool
starts_with(const char *at, const char *end, const char *prefix)
{
	size_t		length = strlen(prefix);

	return (size_t) (end - at) >= length && memcmp(at, prefix, length) == 0;
}

static bool
is_word(const char *at, size_t length, const char *word)
{
	return strlen(word) == length && pg_strncasecmp(at, word, length) == 0;
}

static const char *
end_of_line(const char *at, const char *end)
{
	const char *newline = memchr(at, '\n', end - at);

	return newline ? newline : end;
}

/* From the opening quote to after the closing one. */
static const char *
skip_quoted(const char *at, const char *end, bool has_backslashes)
{
	char		quote = *at++;

	while (at < end)
	{
		if (*at == '\\' && has_backslashes && at + 1 < end)
			at += 2;
		else if (*at != quote)
			at++;
		else if (at + 1 < end && at[1] == quote)
			at += 2;
		else
			return at + 1;
	}
	return end;
}

/* From a dollar sign to after the text it quotes, or after the sign. */
static const char *
skip_dollar_quoted(const char *at, const char *end)
{
	const char *tag_end = at + 1;
	size_t		length;

	if (tag_end < end && is_word_start(*tag_end))
		while (tag_end < end && is_word_part(*tag_end) && *tag_end != '$')
			tag_end++;
	if (tag_end >= end || *tag_end != '$')
		return at + 1;			/* a parameter, or an operator */

	length = tag_end + 1 - at;
	for (const char *p = tag_end + 1; (p = memchr(p, '$', end - p)) != NULL; p++)
	{
		if ((size_t) (end - p) < length)
			break;
		if (memcmp(p, at, length) == 0)
			return p + length;
	}
	return end;
}

/* From the beginning of a comment, which may nest, to after it. */
static const char *
skip_block_comment(const char *at, const char *end)
{
	int			depth = 0;

	while (at < end)
	{
		if (starts_with(at, end, "/*"))
			depth++, at += 2;
		else if (starts_with(at, end, "*/"))
		{
			at += 2;
			if (--depth == 0)
				break;
		}
		else
			at++;
	}
	return at;
}

static void
note_word(Depth *depth, const char *word, size_t length)
{
	bool		after_begin = depth->after_begin;

	depth->after_begin = false;
	if (++depth->words == 1)
		depth->is_create = is_word(word, length, "create");
	else if (depth->words <= 4 && depth->is_create &&
			 (is_word(word, length, "function") ||
			  is_word(word, length, "procedure")))
		depth->is_routine = true;
	if (!depth->is_routine || depth->after_dot)
		return;

	if (depth->body == 0)
	{
		if (depth->parentheses > 0)
			return;
		if (after_begin && is_word(word, length, "atomic"))
			depth->body = 1;
		depth->after_begin = is_word(word, length, "begin");
	}
	else if (is_word(word, length, "case"))
		depth->body++;
	else if (is_word(word, length, "end"))
		depth->body--;
}

/* Skip a word, or a string with a letter before it ("E'...'"). */
static const char *
skip_word(const char *at, const char *end, Depth *depth)
{
	const char *start = at;

	while (at < end && is_word_part(*at))
		at++;
	if (at < end && *at == '\'' && at - start == 1)
		return skip_quoted(at, end, *start == 'e' || *start == 'E');
	note_word(depth, start, at - start);
	depth->after_dot = false;
	return at;
}

static void
note_parenthesis(Depth *depth, char c)
{
	if (c == '(')
		depth->parentheses++;
	else if (c == ')' && depth->parentheses > 0)
		depth->parentheses--;
}

/*
 * Skip one token or blank.  Any token but a comment between BEGIN and ATOMIC
 * separates them.
 */
static const char *
skip_token(const char *at, const char *end, Depth *depth)
{
	char		c = *at;

	if (is_blank(c))
		return at + 1;
	if (starts_with(at, end, "--"))
		return end_of_line(at, end);
	if (starts_with(at, end, "/*"))
		return skip_block_comment(at, end);
	if (is_word_start(c))
		return skip_word(at, end, depth);

	depth->after_begin = false;
	depth->after_dot = (c == '.');
	if (c == '\'' || c == '"')
		return skip_quoted(at, end, false);
	if (c == '$')
		return skip_dollar_quoted(at, end);
	if (c >= '0' && c <= '9')
	{
		while (at < end && is_word_part(*at))
			at++;
		return at;
	}
	note_parenthesis(depth, c);
	return at + 1;
}

/* Read the numbers of "-- Dependencies: 3 17 4"; the newline stops strtol(). */
static List *
read_dependencies(const char *at, const char *end)
{
	List	   *result = NIL;

	while (at < end)
	{
		char	   *after;
		long		number;

		while (at < end && *at == ' ')
			at++;
		if (at >= end || *at < '0' || *at > '9')
			break;
		number = strtol(at, &after, 10);
		result = lappend_int(result, (int) number);
		at = after;
	}
	return result;
}

/* Read what a comment between statements says of the entry. */
static void
read_comment(Splitter *splitter, const char *at, const char *end)
{
	static const char dependencies[] = "-- Dependencies:";
	char		line[128];
	int			toc_id;
	Oid			class_oid;
	Oid			object_oid;

	if (starts_with(at, end, dependencies))
	{
		if (splitter->entry.dependencies == NIL)
			splitter->entry.dependencies =
				read_dependencies(at + strlen(dependencies), end);
		return;
	}
	if (!starts_with(at, end, "-- TOC entry "))
		return;
	snprintf(line, sizeof(line), "%.*s",
			 (int) Min(end - at, (long) sizeof(line) - 1), at);
	if (sscanf(line, "-- TOC entry %d (class %u OID %u)",
			   &toc_id, &class_oid, &object_oid) != 3)
		return;
	splitter->entry.toc_id = toc_id;
	splitter->entry.class_oid = class_oid;
	splitter->entry.object_oid = object_oid;
	splitter->entry.dependencies = NIL;
}

static void
skip_between_statements(Splitter *splitter)
{
	const char *at = splitter->at;
	const char *end = splitter->end;

	while (at < end)
	{
		if (is_blank(*at) || *at == ';')
			at++;
		else if (starts_with(at, end, "--"))
		{
			const char *line_end = end_of_line(at, end);

			read_comment(splitter, at, line_end);
			at = line_end;
		}
		else if (starts_with(at, end, "\\restrict ") ||
				 starts_with(at, end, "\\unrestrict "))
			at = end_of_line(at, end);
		else if (starts_with(at, end, "/*"))
			at = skip_block_comment(at, end);
		else
			break;
	}
	splitter->at = at;
}

void
pgcopy_split_begin(Splitter *splitter, const char *text, size_t length)
{
	memset(splitter, 0, sizeof(*splitter));
	splitter->at = text;
	splitter->end = text + length;
}

bool
pgcopy_split_next(Splitter *splitter, const char **start, size_t *length)
{
	Depth		depth = {0};
	const char *at;

	skip_between_statements(splitter);
	if (splitter->at >= splitter->end)
		return false;

	at = splitter->at;
	while (at < splitter->end &&
		   !(*at == ';' && depth.parentheses == 0 && depth.body == 0))
		at = skip_token(at, splitter->end, &depth);

	*start = splitter->at;
	*length = at - splitter->at;
	splitter->at = at < splitter->end ? at + 1 : at;
	return true;
}

/* Whether a token is a string. */
static bool
is_string(const char *at)
{
	return *at == '\'' || *at == '$' || (is_word_start(*at) && at[1] == '\'');
}

char *
pgcopy_split_outline(const char *start, size_t length, size_t *longest)
{
	const char *end = start + length;
	const char *copied = start;
	const char *at = start;
	Depth		depth = {0};
	StringInfoData outline;

	*longest = 0;
	initStringInfo(&outline);
	while (length >= LONG_STRING && at < end)
	{
		const char *token = at;

		at = skip_token(at, end, &depth);
		if (at - token < LONG_STRING || !is_string(token))
			continue;
		*longest = Max(*longest, (size_t) (at - token));
		appendBinaryStringInfo(&outline, copied, token - copied);
		appendStringInfoString(&outline, "''");
		copied = at;
	}
	appendBinaryStringInfo(&outline, copied, end - copied);
	return outline.data;
}
