/*-------------------------------------------------------------------------
 *
 * dump_read.c
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
 * Memory: the archive and the text are files in memory, as large as all
 * definitions together, and the archive goes as soon as it is text.  Statements
 * point into the text.  The grammar is given outlines, without long strings.
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

/* Of what the grammar takes; a text is smaller than what can be allocated. */
#define LONGEST_STRING ((size_t) 512 * 1024 * 1024)
#define LONGEST_STATEMENT (MaxAllocSize - VARHDRSZ)

typedef struct DumpReader
{
	SourceDump *dump;
	MemoryContext parse_context;	/* reset after each statement */
	Splitter	splitter;
	DumpSettings *settings;		/* in force here */
	DumpStatement *first;		/* first statement of the entry, or NULL */
	bool		is_post_data;
} DumpReader;

/* Says in which entry of the archive an error came up. */
static void
describe_place(void *arg)
{
	const SplitEntry *entry = &((const DumpReader *) arg)->splitter.entry;

	errcontext("entry %d of the dump's table of contents (catalog %u, object %u)",
			   entry->toc_id, entry->class_oid, entry->object_oid);
}

/* Copy a statement with all its names, but not its text, to the result. */
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
								  reader->dump->context))
		return true;
	return reader->splitter.entry.toc_id == 0 && IsA(node, SelectStmt);
}

/* What cannot be stored, or not be read again when it is run. */
static void
check_size(const DumpStatement *statement, size_t longest_string)
{
	if (statement->length < LONGEST_STATEMENT && longest_string < LONGEST_STRING)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("a definition of the source is too large: %s %s%s%s",
					statement->tag,
					statement->schema ? statement->schema : "",
					statement->schema ? "." : "",
					statement->name ? statement->name : ""),
			 errdetail("It has %zu bytes.  A statement may have 1 GB, and a string in it 512 MB.",
					   statement->length),
			 errhint("Make it smaller on the source, or drop it there, and clone again.")));
}

/* Take one statement into the result. */
static void
read_statement(DumpReader *reader, const char *start, size_t length)
{
	const SplitEntry *entry = &reader->splitter.entry;
	DumpStatement statement = {.text = start,.length = length};
	size_t		longest_string;
	Node	   *node;

	node = parse_statement(pgcopy_split_outline(start, length, &longest_string));
	if (node == NULL || is_of_session(reader, node))
		return;

	pgcopy_classify_statement(node, &statement);
	check_size(&statement, longest_string);
	pg_verifymbstr(start, (int) length, false);
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

	MemoryContextSwitchTo(reader->dump->context);
	reader->dump->statements = lappend(reader->dump->statements,
									   copy_statement(&statement));
	if (reader->first == NULL)
		reader->first = llast(reader->dump->statements);
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
	MemoryContextSwitchTo(reader->dump->context);
	reader->settings = pgcopy_dumpsettings_initial();
	while (pgcopy_split_next(&reader->splitter, &start, &piece))
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextSwitchTo(reader->parse_context);
		read_statement(reader, start, piece);
		MemoryContextReset(reader->parse_context);
		MemoryContextSwitchTo(reader->dump->context);
	}
	error_context_stack = callback.previous;
}

typedef struct SectionText
{
	const char *text;
	size_t		length;
} SectionText;

/*
 * Have the text of both sections written.  Only the mappings of it last longer
 * than this function; the archive does not.
 */
static void
make_texts(const DumpRequest *request, SourceDump *dump, SectionText *sections)
{
	static const char *const names[] = {"pre-data", "post-data"};
	DumpTools  *tools = pgcopy_tools_find(request->source_version);
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "pgcopy archive",
												  ALLOCSET_SMALL_SIZES);
	int			archive;

	MemoryContextSwitchTo(context);
	archive = pgcopy_archive_dump(tools, request, dump);
	for (int i = 0; i < lengthof(names); i++)
	{
		int			fd = pgcopy_archive_restore(tools, request, dump, archive,
												names[i]);

		MemoryContextSwitchTo(dump->context);
		sections[i].text = pgcopy_child_memory_map(fd, &sections[i].length);
		MemoryContextSwitchTo(context);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}

/* Everything; the current memory context is for what is not of the result. */
static void
read_dump(const DumpRequest *request, SourceDump *dump)
{
	SectionText sections[2];
	DumpReader	reader = {.dump = dump};

	reader.parse_context = AllocSetContextCreate(CurrentMemoryContext,
												 "pgcopy statement",
												 ALLOCSET_DEFAULT_SIZES);
	make_texts(request, dump, sections);
	for (int i = 0; i < lengthof(sections); i++)
	{
		reader.is_post_data = (i == 1);
		read_section(&reader, sections[i].text, sections[i].length);
	}
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

SourceDump *
pgcopy_dump_read(const DumpRequest *request)
{
	SourceDump *dump = palloc0(sizeof(SourceDump));
	MemoryContext work_context =
		AllocSetContextCreate(CurrentMemoryContext, "pgcopy dump",
							  ALLOCSET_DEFAULT_SIZES);
	int			nest_level = NewGUCNestLevel();

	dump->context = CurrentMemoryContext;
	PG_TRY();
	{
		set_string_syntax();
		MemoryContextSwitchTo(work_context);
		read_dump(request, dump);
	}
	PG_FINALLY();
	{
		AtEOXact_GUC(false, nest_level);
		MemoryContextSwitchTo(dump->context);
		MemoryContextDelete(work_context);
	}
	PG_END_TRY();
	return dump;
}
