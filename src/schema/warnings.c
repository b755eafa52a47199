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
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "schema/child.h"
#include "schema/warnings.h"

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
	DumpWarning *warning = palloc0(sizeof(DumpWarning));

	warning->message = psprintf("%s: %s", reader->tool, words);
	reader->dump->warnings = lappend(reader->dump->warnings, warning);
	reader->last = warning;
}

/* Add a line to the message or to the hint that came last. */
static void
append_line(char **text, const char *words)
{
	*text = *text == NULL ? pstrdup(words) : psprintf("%s\n%s", *text, words);
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
