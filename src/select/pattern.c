/*-------------------------------------------------------------------------
 *
 * pattern.c
 *	  Names of objects as users describe them: pg_dump's patterns, and "~/regex/".
 *
 * A pattern of pg_dump is a regular expression for the whole name, in which
 *
 *	"..."	is taken literally, but for "", which is one quote
 *	A-Z		are lower case
 *	* and ?	are .* and .
 *	$ and []	are literal
 *	.		divides schema and name
 *
 * and all else is what it is in a regular expression.  A part, schema or name, can
 * also be ~/regex/, as in pgcopydb's filter files: it matches anywhere in the name,
 * keeps upper case, and ends at the next slash that has no backslash before it.
 *
 * The server's own regular expressions do the work, in collation C.  Parts
 * without a special character are compared as strings.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "regex/regex.h"

#include "select/pattern.h"

#define PATTERN_HINT \
	"Patterns are those of pg_dump, such as orders, \"Orders\" or audit_*, or ~/regex/."
#define QUALIFIED_HINT \
	"Patterns are those of pg_dump, such as sales.orders, \"Sales\".\"Orders\" or audit.*, or ~/regex/."

/* A schema's name has one part, a table's up to two. */
#define MOST_PARTS 2

/* Either "exact" is set or "regex". */
typedef struct PatternPart
{
	char	   *exact;
	regex_t		regex;
	MemoryContextCallback free_regex;
} PatternPart;

struct NamePattern
{
	const char *option;
	const char *text;
	PatternKind kind;
	PatternPart *schema;		/* or NULL */
	PatternPart *name;
};

/* A part while it is read. */
typedef struct PartText
{
	StringInfoData regex;
	StringInfoData exact;		/* the same, if nothing is special */
	bool		is_special;
} PartText;

static void
throw_invalid(const NamePattern *pattern, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid pattern in %s: %s", pattern->option, pattern->text),
			 errdetail("%s", detail),
			 errhint("%s", pattern->kind == PATTERN_QUALIFIED ? QUALIFIED_HINT :
					 PATTERN_HINT)));
}

static void
free_regex(void *arg)
{
	pg_regfree(arg);
}

static pg_wchar *
make_wide(const char *text, int length, size_t *wide_length)
{
	pg_wchar   *wide = palloc(sizeof(pg_wchar) * (length + 1));

	*wide_length = pg_mb2wchar_with_len(text, wide, length);
	return wide;
}

static void
compile(const NamePattern *pattern, PatternPart *part, const char *text)
{
	size_t		length;
	pg_wchar   *wide = make_wide(text, strlen(text), &length);
	int			result = pg_regcomp(&part->regex, wide, length, REG_ADVANCED,
									C_COLLATION_OID);
	char		message[100];

	pfree(wide);
	if (result == REG_OKAY)
	{
		part->free_regex.func = free_regex;
		part->free_regex.arg = &part->regex;
		MemoryContextRegisterResetCallback(CurrentMemoryContext, &part->free_regex);
		return;
	}
	CHECK_FOR_INTERRUPTS();
	pg_regerror(result, &part->regex, message, sizeof(message));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_REGULAR_EXPRESSION),
			 errmsg("invalid pattern in %s: %s", pattern->option, pattern->text),
			 errdetail("Invalid regular expression: %s.", message),
			 errhint("%s", pattern->kind == PATTERN_QUALIFIED ? QUALIFIED_HINT :
					 PATTERN_HINT)));
}

static void
append_literal(PartText *part, char c)
{
	if (strchr("|*+?()[]{}.^$\\", c) != NULL)
		appendStringInfoChar(&part->regex, '\\');
	appendStringInfoChar(&part->regex, c);
	appendStringInfoChar(&part->exact, c);
}

static void
append_special(PartText *part, const char *regex)
{
	appendStringInfoString(&part->regex, regex);
	part->is_special = true;
}

/* Fold as the server folds a name that is not quoted. */
static char
fold(char c)
{
	unsigned char u = (unsigned char) c;

	if (u >= 'A' && u <= 'Z')
		return c + ('a' - 'A');
	if (IS_HIGHBIT_SET(u) && pg_database_encoding_max_length() == 1 && isupper(u))
		return (char) tolower(u);
	return c;
}

/* Append one character outside quotes.  Returns how many were read. */
static int
append_unquoted(PartText *part, const char *at)
{
	char		one[2] = {*at, '\0'};

	if (*at == '*')
		append_special(part, ".*");
	else if (*at == '?')
		append_special(part, ".");
	else if (at[0] == '[' && at[1] == ']')
	{
		append_literal(part, '[');
		append_literal(part, ']');
		return 2;
	}
	else if (*at != '$' && strchr("|+()[]{}^\\", *at) != NULL)
		append_special(part, one);
	else
		append_literal(part, fold(*at));
	return 1;
}

/*
 * Read a part of pg_dump's kind.  Returns where it ends: at the period or at the
 * end.  A byte of a longer character is never one that matters here: encodings of
 * databases see to that.
 */
static const char *
read_dump_part(const NamePattern *pattern, PartText *part, const char *at)
{
	bool		is_quoted = false;

	appendStringInfoString(&part->regex, "^(");
	while (*at != '\0' && (is_quoted || *at != '.'))
	{
		if (*at == '"' && is_quoted && at[1] == '"')
		{
			append_literal(part, '"');
			at += 2;
		}
		else if (*at == '"')
		{
			is_quoted = !is_quoted;
			at++;
		}
		else if (is_quoted)
			append_literal(part, *at++);
		else
			at += append_unquoted(part, at);
	}
	appendStringInfoString(&part->regex, ")$");
	if (is_quoted)
		throw_invalid(pattern, "A quoted name does not end.");
	if (!part->is_special && part->exact.len == 0)
		throw_invalid(pattern, "It has an empty part.");
	return at;
}

static const char *
read_regex_part(const NamePattern *pattern, PartText *part, const char *at)
{
	const char *from = at + 2;

	for (at = from; *at != '/' && *at != '\0'; at++)
	{
		if (at[0] == '\\' && at[1] != '\0')
			at++;
	}
	if (*at == '\0')
		throw_invalid(pattern, "A regular expression does not end with a slash.");
	if (at == from)
		throw_invalid(pattern, "It has an empty regular expression.");
	if (at[1] != '\0' && at[1] != '.')
		throw_invalid(pattern, "Something follows a regular expression.");
	appendBinaryStringInfo(&part->regex, from, at - from);
	part->is_special = true;
	return at + 1;
}

/* Read one part.  Returns where it ends. */
static const char *
read_part(const NamePattern *pattern, PatternPart **parsed, const char *at)
{
	PartText	part = {0};

	initStringInfo(&part.regex);
	initStringInfo(&part.exact);
	if (at[0] == '~' && at[1] == '/')
		at = read_regex_part(pattern, &part, at);
	else
		at = read_dump_part(pattern, &part, at);
	*parsed = palloc0(sizeof(PatternPart));
	if (part.is_special)
		compile(pattern, *parsed, part.regex.data);
	else
		(*parsed)->exact = part.exact.data;
	return at;
}

NamePattern *
pgcopy_pattern_parse(const char *option, const char *text, PatternKind kind)
{
	NamePattern *pattern = palloc0(sizeof(NamePattern));
	PatternPart *parts[MOST_PARTS];
	int			most = kind == PATTERN_QUALIFIED ? MOST_PARTS : 1;
	int			n = 0;
	const char *at = text;

	pattern->option = pstrdup(option);
	pattern->text = pstrdup(text);
	pattern->kind = kind;
	for (;;)
	{
		if (n == most)
			throw_invalid(pattern, kind == PATTERN_QUALIFIED ?
						  "It has more parts than a schema and a name." :
						  "It has a period outside of quotes.");
		at = read_part(pattern, &parts[n++], at);
		if (*at == '\0')
			break;
		at++;
	}
	pattern->name = parts[n - 1];
	pattern->schema = n == MOST_PARTS ? parts[0] : NULL;
	return pattern;
}

static bool
part_matches(const PatternPart *part, const char *name)
{
	size_t		length;
	pg_wchar   *wide;
	int			result;

	if (part->exact != NULL)
		return strcmp(part->exact, name) == 0;
	wide = make_wide(name, strlen(name), &length);
	result = pg_regexec(unconstify(regex_t *, &part->regex), wide, length, 0, NULL, 0, NULL, 0);
	pfree(wide);
	if (result != REG_OKAY && result != REG_NOMATCH)
	{
		char		message[100];

		CHECK_FOR_INTERRUPTS();
		pg_regerror(result, &part->regex, message, sizeof(message));
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_REGULAR_EXPRESSION),
				 errmsg("regular expression failed: %s", message)));
	}
	return result == REG_OKAY;
}

bool
pgcopy_pattern_matches(const NamePattern *pattern, const char *schema, const char *name,
					   bool is_visible)
{
	if (pattern->schema != NULL)
		return schema != NULL && part_matches(pattern->schema, schema) &&
			part_matches(pattern->name, name);
	if (pattern->kind == PATTERN_QUALIFIED && !is_visible)
		return false;
	return part_matches(pattern->name, name);
}

const char *
pgcopy_pattern_text(const NamePattern *pattern)
{
	return pattern->text;
}

bool
pgcopy_pattern_has_schema(const NamePattern *pattern)
{
	return pattern->schema != NULL;
}

const char *
pgcopy_pattern_exact_name(const NamePattern *pattern)
{
	return pattern->name->exact;
}
