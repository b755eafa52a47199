/*-------------------------------------------------------------------------
 *
 * warnings.c
 *	  The warnings of pg_dump and pg_restore.
 *
 * Their lines on stderr look like this:
 *
 *		pg_dump: warning: subscriptions not dumped because ...
 *		pg_dump: detail: ...
 *		pg_dump: hint: ...
 *		pg_restore: creating TABLE "public.t"
 *
 * A detail, or a line that does not begin with the tool's name, continues the
 * message before it.
 *
 * What source/preflight_server.c says once is left out: pg_dump gives a line for each table.
 *
 * The source can make pg_dump print anything, by NOTICEs.  So the number of
 * warnings and their length are limited.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "schema/child.h"
#include "schema/archive.h"

#define WARNINGS_KEPT	1000
#define LONGEST_TEXT	10000	/* bytes; no line is added to a longer one */

typedef struct WarningReader
{
	SourceDump *dump;
	char	   *prefix;			/* "pg_dump: " */
	const char *tool;
	bool		is_verbose;
	DumpWarning *last;			/* the one to continue, or NULL */
} WarningReader;

/* Skip a prefix; returns whether it is there. */
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

static bool
is_told(const char *line)
{
	static const char with_oids[] = "warning: WITH OIDS is not supported anymore";

	return strncmp(line, with_oids, sizeof(with_oids) - 1) == 0;
}

static void
read_line(WarningReader *reader, const char *line)
{
	bool		is_named = skip_prefix(&line, reader->prefix);

	if (is_named && is_told(line))
		reader->last = NULL;
	else if (is_named && skip_prefix(&line, "hint: "))
	{
		if (reader->last != NULL)
			append_line(&reader->last->hint, line);
	}
	else if (is_named ? skip_prefix(&line, "detail: ") : reader->last != NULL)
	{
		if (reader->last != NULL)
			append_line(&reader->last->message, line);
	}
	else if ((is_named && (skip_prefix(&line, "warning: ") || skip_prefix(&line, "error: "))) ||
			 !reader->is_verbose)
		begin_warning(reader, line);
	else
		reader->last = NULL;
}

void
pgcopy_warnings_add(SourceDump *dump, const char *tool, bool is_verbose,
					const StringInfo said)
{
	MemoryContext before = MemoryContextSwitchTo(dump->context);
	WarningReader reader = {
		.dump = dump,.tool = tool,.is_verbose = is_verbose,
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
