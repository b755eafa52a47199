/*-------------------------------------------------------------------------
 *
 * name_pattern.c
 *	  Patterns of pg_dump that stand for many names.
 *
 * pg_dump takes patterns and runs a query over pg_class for each, so thousands of
 * them are too many.  But a pattern may be a regular expression in all but a few
 * characters: what is not in double quotes and is none of . * ? $ and upper case
 * passes through; * means .* and ? means a single dot.  So one pattern names many:
 *
 *	the names, as the tree of their common beginnings: t(1|23(|4))
 *	or all names but these.  Regular expressions have no "not", but at each place of
 *	the tree a name that is not in it either ends, or goes on with a character that
 *	the tree does not have: ([^t]*|t(|[^12]*|1?*|2(...)))
 *
 * A pattern that would be long is divided at each place of the tree.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/string.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"

#include "schema/name_pattern.h"

/* Bytes of names in one pattern.  The source compiles a long one slowly. */
#define MOST_BYTES 4000

/* How much longer than a name the expression is for all others. */
#define COST_OF_NOT 4

/* Names, sorted; those from "first" to "end" share their first "depth" bytes. */
typedef struct Branch
{
	const char **names;
	int			first;
	int			end;
	int			depth;
} Branch;

/* Alternatives of patterns in the making. */
typedef struct Packer
{
	bool		is_complement;
	StringInfoData text;		/* alternatives of the present pattern */
	List	   *patterns;		/* char *: finished ones */
} Packer;

/* Does the name that ends where the branch begins belong to it? */
static bool
has_word(const Branch *branch)
{
	return branch->names[branch->first][branch->depth] == '\0';
}

/* The length of the next character; 0 if there are no names. */
static int
next_length(const Branch *branch)
{
	return pg_mblen(branch->names[branch->first] + branch->depth);
}

/*
 * Get the next branch below: of those names that go on with the same character.
 * *at is where to look, at first after the word.  Returns false after the last one.
 */
static bool
next_child(const Branch *branch, int *at, Branch *child)
{
	const char *start;
	int			length;

	if (*at >= branch->end)
		return false;
	*child = *branch;
	child->first = *at;
	length = next_length(child);
	start = child->names[*at] + branch->depth;
	while (*at < branch->end &&
		   strncmp(child->names[*at] + branch->depth, start, length) == 0)
		(*at)++;
	child->end = *at;
	child->depth += length;
	return true;
}

static int
first_child(const Branch *branch)
{
	return branch->first + (has_word(branch) ? 1 : 0);
}

static bool
is_plain(char c)
{
	return IS_HIGHBIT_SET(c) || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* Append text that stands for itself. */
static void
append_literal(StringInfo text, const char *start, int length)
{
	bool		needs_quotes = false;

	for (int i = 0; i < length; i++)
		needs_quotes |= !is_plain(start[i]);
	/* a quote right behind another would stand for itself: go on in the same quotes */
	if (needs_quotes && text->len > 0 && text->data[text->len - 1] == '"')
		text->data[--text->len] = '\0';
	else if (needs_quotes)
		appendStringInfoChar(text, '"');
	for (int i = 0; i < length; i++)
	{
		if (start[i] == '"')
			appendStringInfoChar(text, '"');
		appendStringInfoChar(text, start[i]);
	}
	if (needs_quotes)
		appendStringInfoChar(text, '"');
}

/* Append what goes on with none of the branch's characters, and to the end. */
static void
append_others(StringInfo text, const Branch *branch)
{
	int			at = first_child(branch);
	bool		has_range = false;
	Branch		child;

	if (at >= branch->end)
	{
		appendStringInfoString(text, "?*");
		return;
	}
	appendStringInfoString(text, "[^");
	while (next_child(branch, &at, &child))
	{
		const char *start = child.names[child.first] + branch->depth;

		/* between two others it would be a range, quoted or not */
		if (*start == '-')
			has_range = true;
		else
			append_literal(text, start, child.depth - branch->depth);
	}
	appendStringInfoString(text, has_range ? "\\-]*" : "]*");
}

static void append_branch(StringInfo text, const Branch *branch, bool is_complement);

/* Append each branch below, behind its character. */
static void
append_children(StringInfo text, const Branch *branch, bool is_complement, bool is_first)
{
	int			at = first_child(branch);
	Branch		child;

	while (next_child(branch, &at, &child))
	{
		if (!is_first)
			appendStringInfoChar(text, '|');
		is_first = false;
		append_literal(text, child.names[child.first] + branch->depth,
					   child.depth - branch->depth);
		append_branch(text, &child, is_complement);
	}
}

/* Append an expression for the rest of the branch's names, or of all others. */
static void
append_branch(StringInfo text, const Branch *branch, bool is_complement)
{
	Branch		child;
	int			at = first_child(branch);
	bool		is_alone;

	check_stack_depth();
	if (is_complement)
	{
		appendStringInfoString(text, has_word(branch) ? "(" : "(|");
		append_others(text, branch);
		append_children(text, branch, true, false);
		appendStringInfoChar(text, ')');
		return;
	}
	if (at >= branch->end)
		return;
	is_alone = next_child(branch, &at, &child) && at >= branch->end && !has_word(branch);
	if (!is_alone)
		appendStringInfoString(text, has_word(branch) ? "(|" : "(");
	append_children(text, branch, false, true);
	if (!is_alone)
		appendStringInfoChar(text, ')');
}

static void
finish_pattern(Packer *packer)
{
	if (packer->text.len == 0)
		return;
	packer->patterns = lappend(packer->patterns, psprintf("(%s)", packer->text.data));
	resetStringInfo(&packer->text);
}

/*
 * Begin an alternative with what the branch's names share.  May begin a new
 * pattern.
 */
static void
begin_alternative(Packer *packer, const Branch *branch)
{
	if (packer->text.len >= MOST_BYTES)
		finish_pattern(packer);
	if (packer->text.len > 0)
		appendStringInfoChar(&packer->text, '|');
	append_literal(&packer->text, branch->names[branch->first], branch->depth);
}

/* Bytes of the names beyond what they share. */
static int64
count_bytes(const Branch *branch)
{
	int64		bytes = 0;

	for (int i = branch->first; i < branch->end; i++)
		bytes += strlen(branch->names[i]) - branch->depth;
	return bytes;
}

/* Add a branch, divided if it is large. */
static void
pack_branch(Packer *packer, const Branch *branch)
{
	int			at = first_child(branch);
	Branch		child;

	CHECK_FOR_INTERRUPTS();
	check_stack_depth();
	if (at >= branch->end || count_bytes(branch) <= MOST_BYTES)
	{
		begin_alternative(packer, branch);
		append_branch(&packer->text, branch, packer->is_complement);
		return;
	}
	/* no name is empty, so the beginning of all needs no alternative */
	if (has_word(branch) != packer->is_complement && branch->depth > 0)
		begin_alternative(packer, branch);
	if (packer->is_complement)
	{
		begin_alternative(packer, branch);
		append_others(&packer->text, branch);
	}
	while (next_child(branch, &at, &child))
		pack_branch(packer, &child);
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

List *
pgcopy_name_pattern_make(List *names, bool is_complement)
{
	Packer		packer = {.is_complement = is_complement};
	Branch		root = {.end = list_length(names)};
	ListCell   *lc;

	if (names == NIL)
		return is_complement ? list_make1("*") : NIL;
	root.names = palloc(sizeof(char *) * root.end);
	foreach(lc, names)
		root.names[foreach_current_index(lc)] = lfirst(lc);
	qsort(root.names, root.end, sizeof(char *), compare_names);
	initStringInfo(&packer.text);
	pack_branch(&packer, &root);
	finish_pattern(&packer);
	pfree(root.names);
	pfree(packer.text.data);
	return packer.patterns;
}

static int64
count_all_bytes(List *names)
{
	int64		bytes = 0;
	ListCell   *lc;

	foreach(lc, names)
		bytes += strlen(lfirst(lc));
	return bytes;
}

static bool
are_ascii(List *names)
{
	ListCell   *lc;

	foreach(lc, names)
	{
		if (!pg_is_ascii(lfirst(lc)))
			return false;
	}
	return true;
}

List *
pgcopy_name_pattern_make_shorter(List *kept, List *left, bool is_exact)
{
	if (left == NIL)
		return NIL;
	if (COST_OF_NOT * count_all_bytes(kept) < count_all_bytes(left) &&
		(is_exact || are_ascii(kept)))
		return pgcopy_name_pattern_make(kept, true);
	return pgcopy_name_pattern_make(left, false);
}
