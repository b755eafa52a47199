/*-------------------------------------------------------------------------
 *
 * dump_read.c
 *	  The source's schema as pg_dump writes it, statement by statement.
 *
 * pg_dump reads the source, as it knows every kind of object; the server's own
 * grammar reads pg_dump's text.  Only SETs and the preamble are left out.  A
 * text that is not valid in this database's encoding is an error.
 *
 * Memory: archive and text are memory files, each as large as all definitions;
 * the archive goes once the text is there.  Statements point into the text.
 * The parse tree of a whole dump is many times as large, so each statement is
 * parsed alone, without its long strings, and its tree freed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "schema/archive.h"
#include "schema/child.h"
#include "schema/classify.h"
#include "schema/column_options.h"
#include "schema/dump.h"
#include "schema/dumpsettings.h"
#include "schema/split.h"

/* Limits of the grammar and of a text datum. */
#define LONGEST_STRING ((size_t) 512 * 1024 * 1024)
#define LONGEST_STATEMENT (MaxAllocSize - VARHDRSZ)

typedef struct DumpReader
{
	SourceDump *dump;
	MemoryContext parse_context;	/* reset after each statement */
	const char *text;			/* of this section */
	size_t		length;
	Splitter	splitter;
	DumpSettings *settings;		/* in force here */
	DumpStatement *first;		/* first statement of its entry, or NULL */
	ColumnOptions left_out;
	bool		is_post_data;
} DumpReader;

static void
describe_place(void *arg)
{
	const SplitEntry *entry = &((const DumpReader *) arg)->splitter.entry;

	errcontext("entry %d of the dump's table of contents (catalog %u, object %u)",
			   entry->toc_id, entry->class_oid, entry->object_oid);
}

/* Copy a statement and its names, but not its text. */
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
 * Give a later statement of an entry the table of the first one, and a class
 * that makes it run after that: it may name the table, the index or neither.
 */
static void
follow_first(const DumpStatement *first, DumpStatement *statement)
{
	switch (first->class)
	{
		case STATEMENT_INDEX:
		case STATEMENT_INDEX_CONSTRAINT:
		case STATEMENT_WHOLE_CONSTRAINT:
			if (statement->class != STATEMENT_REPLICA_IDENTITY)
				statement->class = STATEMENT_TABLE_FOLLOW_UP;
			break;
		case STATEMENT_STATISTICS:
			statement->class = STATEMENT_STATISTICS;
			break;
		case STATEMENT_PLAIN:
		case STATEMENT_FOREIGN_KEY:
		case STATEMENT_TABLE_FOLLOW_UP:
		case STATEMENT_REPLICA_IDENTITY:
		case STATEMENT_REPLICA_TRIGGER:
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

/* Parse one statement; returns NULL if the text is empty. */
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
 * Whether a statement only sets up the session: a SET, or the SELECT of the
 * preamble that sets search_path.
 */
static bool
is_of_session(DumpReader *reader, Node *node)
{
	if (pgcopy_dumpsettings_track(node, &reader->settings,
								  reader->dump->context))
		return true;
	return reader->splitter.entry.toc_id == 0 && IsA(node, SelectStmt);
}

/* Throw if a statement cannot be stored, or not be parsed when it is run. */
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

/* The same as pgcopy_column_options_keep(), in the memory of the dump. */
static bool
keep_options(DumpReader *reader, const Node *node, size_t length,
			 DumpStatement *statement)
{
	MemoryContext before = MemoryContextSwitchTo(reader->dump->context);
	bool		is_kept = pgcopy_column_options_keep(&reader->left_out, node, length,
													 statement);

	MemoryContextSwitchTo(before);
	return is_kept;
}

/* Add one statement to the dump. */
static void
read_statement(DumpReader *reader, const char *start, size_t length)
{
	const SplitEntry *entry = &reader->splitter.entry;
	DumpStatement statement = {.text = start,.length = length};
	size_t		longest_string;
	char	   *outline;
	Node	   *node;

	outline = pgcopy_split_outline(start, length, &longest_string);
	node = parse_statement(outline);
	if (node == NULL || is_of_session(reader, node))
		return;

	pgcopy_classify_statement(node, &statement);
	check_size(&statement, longest_string);
	pg_verifymbstr(start, (int) length, false);
	if (!keep_options(reader, node, strlen(outline), &statement))
		return;
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

static void
read_section(DumpReader *reader)
{
	ErrorContextCallback callback;
	const char *start;
	size_t		piece;

	callback.callback = describe_place;
	callback.arg = reader;
	callback.previous = error_context_stack;
	error_context_stack = &callback;

	pgcopy_split_begin(&reader->splitter, reader->text, reader->length);
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

/* Map a text for as long as the dump. */
static void
map_text(DumpReader *reader, int fd)
{
	MemoryContext caller = MemoryContextSwitchTo(reader->dump->context);

	reader->text = pgcopy_child_memory_map(fd, &reader->length);
	MemoryContextSwitchTo(caller);
}

/* Meanwhile. */
static void
read_pre_data(void *arg)
{
	MemoryContext caller = CurrentMemoryContext;

	read_section(arg);
	MemoryContextSwitchTo(caller);
}

/* Make the text of both sections, and read each while more is made. */
static void
read_archive(const DumpRequest *request, DumpReader *reader)
{
	DumpTools  *tools = pgcopy_tools_find(request->source_version);
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "pgcopy archive",
												  ALLOCSET_SMALL_SIZES);
	const ArchiveSection pre_data = {"pre-data"};
	const ArchiveSection post_data = {"post-data", {read_pre_data, reader}};
	int			archive;

	MemoryContextSwitchTo(context);
	archive = pgcopy_archive_dump(tools, request, reader->dump);
	map_text(reader, pgcopy_archive_restore(tools, request, reader->dump, archive,
											&pre_data));
	map_text(reader, pgcopy_archive_restore(tools, request, reader->dump, archive,
											&post_data));
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	reader->is_post_data = true;
	read_section(reader);
}

/* Read the dump; the current memory context is for temporary data. */
static void
read_dump(const DumpRequest *request, SourceDump *dump)
{
	DumpReader	reader = {.dump = dump};

	reader.parse_context = AllocSetContextCreate(CurrentMemoryContext,
												 "pgcopy statement",
												 ALLOCSET_DEFAULT_SIZES);
	read_archive(request, &reader);
	MemoryContextSwitchTo(dump->context);
	pgcopy_column_options_tell(&reader.left_out, dump);
	pgcopy_postpone_run(dump);
}

static void
set_locally(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

SourceDump *
pgcopy_dump_read(const DumpRequest *request)
{
	SourceDump *dump = palloc0(sizeof(SourceDump));
	MemoryContext work_context =
		AllocSetContextCreate(CurrentMemoryContext, "pgcopy dump",
							  ALLOCSET_DEFAULT_SIZES);
	int			nest_level = NewGUCNestLevel();

	Assert(IsTransactionState());
	dump->context = CurrentMemoryContext;
	PG_TRY();
	{
		set_locally("standard_conforming_strings", "on");
		set_locally("escape_string_warning", "off");
		set_locally("backslash_quote", "safe_encoding");
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
