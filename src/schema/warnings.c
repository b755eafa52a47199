/*-------------------------------------------------------------------------
 *
 * warnings.c
 *	  What pg_dump and pg_restore say while all goes well.
 *
 * A line of theirs begins with the tool's name and the kind of what is said:
 *
 *		pg_dump: warning: subscriptions not dumped because ...
 *		pg_dump: detail: ...
 *		pg_dump: hint: ...
 *		pg_restore: creating TABLE "public.t"
 *
 * A detail goes with the line before it, and so does what has no such
 * beginning: the rest of a text of several lines.
 *
 * The source can make pg_dump say anything, by its notices: so of many warnings
 * and of long ones only a part is kept.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "schema/child.h"
#include "schema/archive.h"

#define WARNINGS_KEPT	1000
#define LONGEST_TEXT	10000	/* bytes, to which no line is added */

typedef struct WarningReader
{
	SourceDump *dump;
	char	   *prefix;			/* "pg_dump: " */
	const char *tool;
	bool		tells_progress;
	DumpWarning *last;			/* what a further line belongs to, or NULL */
} WarningReader;

/* Whether the text begins with a word, which is skipped then. */
static bool
skip_prefix(const char **text, const char *prefix)
{
	size_t		length = strlen(prefix);

	if (strncmp(*text, prefix, length) != 0)
		return false;
	*text += length;
	return true;
}

static void
begin_warning(WarningReader *reader, const char *words)
{
	int			before = list_length(reader->dump->warnings);
	DumpWarning *warning;

	reader->last = NULL;
	if (before >= WARNINGS_KEPT)
		return;
	warning = palloc0(sizeof(DumpWarning));
	warning->message = before < WARNINGS_KEPT - 1 ?
		psprintf("%s: %s", reader->tool, words) :
		psprintf("%s gave more than the %d warnings that are kept",
				 reader->tool, WARNINGS_KEPT - 1);
	reader->dump->warnings = lappend(reader->dump->warnings, warning);
	reader->last = warning;
}

/* Add a line to the message or to the hint that came last. */
static void
append_line(char **text, const char *words)
{
	char	   *before = *text;

	if (before == NULL)
	{
		*text = pstrdup(words);
		return;
	}
	if (strlen(before) >= LONGEST_TEXT)
		return;
	*text = psprintf("%s\n%s", before, words);
	pfree(before);
}

static void
read_line(WarningReader *reader, const char *line)
{
	if (!skip_prefix(&line, reader->prefix))
	{
		if (reader->last != NULL)
			append_line(&reader->last->message, line);
		else if (!reader->tells_progress)
			begin_warning(reader, line);
		return;
	}
	if (skip_prefix(&line, "detail: "))
	{
		if (reader->last != NULL)
			append_line(&reader->last->message, line);
	}
	else if (skip_prefix(&line, "hint: "))
	{
		if (reader->last != NULL)
			append_line(&reader->last->hint, line);
	}
	else if (skip_prefix(&line, "warning: ") || skip_prefix(&line, "error: ") ||
			 !reader->tells_progress)
		begin_warning(reader, line);
	else
		reader->last = NULL;
}

void
pgcopy_warnings_add(SourceDump *dump, const char *tool, bool tells_progress,
					const StringInfo said)
{
	MemoryContext before = MemoryContextSwitchTo(dump->context);
	WarningReader reader = {
		.dump = dump,.tool = tool,.tells_progress = tells_progress,
		.prefix = psprintf("%s: ", tool)
	};
	const char *end = said->data + said->len;
	const char *at = said->data;

	while (at < end)
	{
		const char *newline = memchr(at, '\n', end - at);
		size_t		length = (newline ? newline : end) - at;
		char	   *line = pgcopy_child_clean(at, length);

		if (line[0] != '\0')
			read_line(&reader, line);
		pfree(line);
		at += length + 1;
	}
	MemoryContextSwitchTo(before);
}
