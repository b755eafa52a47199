/*-------------------------------------------------------------------------
 *
 * dump.c
 *	  The source's schema, as pg_dump writes it, one statement at a time.
 *
 * pg_dump knows every kind of object there is, so it is what reads the
 * source; the server's own grammar is what reads the text.  Each statement is
 * parsed by itself, in a context that is reset after it: the parse tree of a
 * whole dump takes many times its size.
 *
 * The text is this database's encoding or an error.  Nothing is left out but
 * SETs and the preamble.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "schema/archive.h"
#include "schema/child.h"
#include "schema/classify.h"
#include "schema/dump.h"
#include "schema/dumpsettings.h"
#include "schema/split.h"

typedef struct DumpReader
{
	MemoryContext result_context;
	MemoryContext parse_context;	/* reset after each statement */
	Splitter	splitter;
	DumpSettings *settings;		/* in force here */
	DumpStatement *first;		/* first statement of the entry, or NULL */
	List	   *statements;
	bool		is_post_data;
} DumpReader;

/* Says in which entry of the archive an error came up. */
static void
describe_place(void *arg)
{
	const DumpReader *reader = arg;

	errcontext("entry %d of the dump's table of contents",
			   reader->splitter.entry.toc_id);
}

/* Copy a statement with all its names to the result. */
static DumpStatement *
copy_statement(const DumpStatement *statement)
{
	DumpStatement *copy = palloc(sizeof(DumpStatement));

#define COPY_NAME(field) \
	copy->field = statement->field ? pstrdup(statement->field) : NULL

	*copy = *statement;
	COPY_NAME(schema);
	COPY_NAME(name);
	COPY_NAME(table_schema);
	COPY_NAME(table_name);
	COPY_NAME(referenced_schema);
	COPY_NAME(referenced_name);
	COPY_NAME(sql);
#undef COPY_NAME
	return copy;
}

/*
 * Let a statement follow the one its entry began with: what else is said of
 * an index, a constraint or a statistics object names the table it belongs
 * to, or not at all.
 */
static void
follow_first(const DumpStatement *first, DumpStatement *statement)
{
	switch (first->class)
	{
		case STATEMENT_INDEX:
		case STATEMENT_INDEX_CONSTRAINT:
		case STATEMENT_WHOLE_CONSTRAINT:
			statement->class = STATEMENT_TABLE_FOLLOW_UP;
			break;
		case STATEMENT_STATISTICS:
			statement->class = STATEMENT_STATISTICS;
			break;
		case STATEMENT_PLAIN:
		case STATEMENT_FOREIGN_KEY:
		case STATEMENT_TABLE_FOLLOW_UP:
		case STATEMENT_REFRESH:
		case STATEMENT_ACL:
		case STATEMENT_COMMENT:
		case STATEMENT_EVENT_TRIGGER:
		case STATEMENT_SUBSCRIPTION:
			return;
	}
	statement->table_schema = first->table_schema;
	statement->table_name = first->table_name;
}

/* Parse one statement; NULL when there is none in the text. */
static Node *
parse_statement(const char *sql)
{
	List	   *trees = raw_parser(sql, RAW_PARSE_DEFAULT);

	if (trees == NIL)
		return NULL;
	if (list_length(trees) != 1)
		elog(ERROR, "a piece of the dump has %d statements", list_length(trees));
	return linitial_node(RawStmt, trees)->stmt;
}

/*
 * The preamble, before any entry, holds SETs and one SELECT that sets the
 * search_path.  Everything that comes there is about the session.
 */
static bool
is_of_session(DumpReader *reader, Node *node)
{
	if (pgcopy_dumpsettings_track(node, &reader->settings,
								  reader->result_context))
		return true;
	return reader->splitter.entry.toc_id == 0 && IsA(node, SelectStmt);
}

/* Take one statement into the result. */
static void
read_statement(DumpReader *reader, const char *start, size_t length)
{
	const SplitEntry *entry = &reader->splitter.entry;
	DumpStatement statement = {0};
	Node	   *node;

	if (length >= MaxAllocSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a statement of the dump is larger than 1 GB")));
	pg_verifymbstr(start, (int) length, false);
	statement.sql = pnstrdup(start, length);
	node = parse_statement(statement.sql);
	if (node == NULL || is_of_session(reader, node))
		return;

	pgcopy_classify_statement(node, &statement);
	statement.toc_id = entry->toc_id;
	statement.class_oid = entry->class_oid;
	statement.object_oid = entry->object_oid;
	statement.dependencies = entry->dependencies;
	statement.is_post_data = reader->is_post_data;
	statement.settings = reader->settings;
	if (reader->first != NULL && reader->first->toc_id != entry->toc_id)
		reader->first = NULL;
	if (reader->first != NULL)
		follow_first(reader->first, &statement);

	MemoryContextSwitchTo(reader->result_context);
	reader->statements = lappend(reader->statements, copy_statement(&statement));
	if (reader->first == NULL)
		reader->first = llast(reader->statements);
}

/* Read the text of one section. */
static void
read_section(DumpReader *reader, const char *text, size_t length)
{
	ErrorContextCallback callback;
	const char *start;
	size_t		piece;

	callback.callback = describe_place;
	callback.arg = reader;
	callback.previous = error_context_stack;
	error_context_stack = &callback;

	pgcopy_split_begin(&reader->splitter, text, length);
	reader->first = NULL;
	MemoryContextSwitchTo(reader->result_context);
	reader->settings = pgcopy_dumpsettings_initial();
	while (pgcopy_split_next(&reader->splitter, &start, &piece))
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextSwitchTo(reader->parse_context);
		read_statement(reader, start, piece);
		MemoryContextReset(reader->parse_context);
		MemoryContextSwitchTo(reader->result_context);
	}
	error_context_stack = callback.previous;
}

/* Everything, in "work" context where the result is not concerned. */
static List *
read_dump(const DumpRequest *request, MemoryContext result_context,
		  MemoryContext work_context)
{
	static const char *const sections[] = {"pre-data", "post-data"};
	DumpTools  *tools = pgcopy_tools_find(request->source_version);
	DumpReader	reader = {0};
	int			archive;

	reader.result_context = result_context;
	reader.parse_context = AllocSetContextCreate(work_context,
												 "pgcopy statement",
												 ALLOCSET_DEFAULT_SIZES);
	archive = pgcopy_archive_dump(tools, request);
	for (int i = 0; i < lengthof(sections); i++)
	{
		MemoryContext section_context =
			AllocSetContextCreate(work_context, "pgcopy section",
								  ALLOCSET_SMALL_SIZES);
		const char *text;
		size_t		length;
		int			fd;

		MemoryContextSwitchTo(section_context);
		fd = pgcopy_archive_restore(tools, request, archive, sections[i]);
		text = pgcopy_child_memory_map(fd, &length);
		reader.is_post_data = (i == 1);
		read_section(&reader, text, length);
		MemoryContextSwitchTo(work_context);
		MemoryContextDelete(section_context);
	}
	return reader.statements;
}

/* Make the grammar read strings as the dump writes them. */
static void
set_string_syntax(void)
{
	(void) set_config_option("standard_conforming_strings", "on",
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
	(void) set_config_option("escape_string_warning", "off",
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
	(void) set_config_option("backslash_quote", "safe_encoding",
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
}

List *
pgcopy_dump_read(const DumpRequest *request)
{
	MemoryContext result_context = CurrentMemoryContext;
	MemoryContext work_context =
		AllocSetContextCreate(CurrentMemoryContext, "pgcopy dump",
							  ALLOCSET_DEFAULT_SIZES);
	int			nest_level = NewGUCNestLevel();
	List	   *volatile result = NIL;

	PG_TRY();
	{
		set_string_syntax();
		MemoryContextSwitchTo(work_context);
		result = read_dump(request, result_context, work_context);
	}
	PG_FINALLY();
	{
		AtEOXact_GUC(false, nest_level);
		MemoryContextSwitchTo(result_context);
		MemoryContextDelete(work_context);
	}
	PG_END_TRY();
	return result;
}
