/*-------------------------------------------------------------------------
 *
 * map.c
 *	  Statements of the dump under other names of schemas and tablespaces.
 *
 * A statement is changed twice, in two ways that know nothing of each other: in its
 * parse tree, where each kind of node says what names a schema, and in its text,
 * word by word (pg_dump qualifies every name: what stands before a dot is a schema,
 * unless the tree says that it is a table's alias).  The new text is taken if its
 * tree is the changed tree; else the statement is refused.  So whatever one way
 * overlooks is never wrong, and everything after this sees nothing but text.
 *
 * Only statements that have a name of the map somewhere are looked at.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_namespace.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/memutils.h"

#include "base/finding.h"
#include "base/options.h"
#include "base/sqltext.h"
#include "schema/apply.h"
#include "schema/dump.h"
#include "schema/dumpsettings.h"
#include "schema/map_private.h"

/* How many names a finding lists. */
#define SHOWN_NAMES 50

typedef struct Mapping
{
	const JobOptions *options;
	MemoryContext context;		/* of the statements */
	MemoryContext parse_context;	/* reset after each statement */
	List	   *doubts[MAP_UNKNOWN + 1];	/* char *: descriptions */
	DumpSettings *settings_from;	/* the last ones that were changed, */
	DumpSettings *settings_to;	/* and what became of them */
} Mapping;

/*-------------------------------------------------------------------------
 * Text
 *-------------------------------------------------------------------------
 */

static MappedString *
find_string(const MapState *state, int location)
{
	ListCell   *lc;

	foreach(lc, state->strings)
	{
		MappedString *string = lfirst(lc);

		if (string->location == location)
			return string;
	}
	return NULL;
}

static bool
is_word(const SqlToken *token, const char *word)
{
	return token->kind == SQL_WORD && token->length == strlen(word) &&
		pg_strncasecmp(token->start, word, token->length) == 0;
}

/*
 * The name that a word becomes, or NULL.  "before" is the token before it; SET a.b
 * names a setting or a field.
 */
static const char *
map_word(const MapState *state, const SqlToken *before, const SqlToken *token,
		 bool has_dot, int location)
{
	char	   *name;

	if (token->kind != SQL_WORD && token->kind != SQL_QUOTED)
		return NULL;
	name = pgcopy_sqltext_name(token);
	if (is_word(before, "TABLESPACE"))
		return pgcopy_sqltext_mapped(state->tablespaces, name);
	if (*before->start == '.' && before->length == 1)
		return NULL;
	if (is_word(before, "SCHEMA"))
		return pgcopy_sqltext_mapped(state->schemas, name);
	if (!has_dot || is_word(before, "SET") || list_member_int(state->not_schemas, location))
		return NULL;
	return pgcopy_sqltext_mapped(state->schemas, name);
}

/* What takes the place of a token, or NULL. */
static const char *
map_token(const MapState *state, const SqlToken *before, const SqlToken *token,
		  bool has_dot, int location)
{
	MappedString *string = find_string(state, location);
	const char *name;

	if (string != NULL)
		return token->kind == SQL_STRING ? quote_literal_cstr(string->value) :
			quote_identifier(string->value);
	name = map_word(state, before, token, has_dot, location);
	return name != NULL ? quote_identifier(name) : NULL;
}

static char *
write_text(const MapState *state, const char *text)
{
	const char *end = text + strlen(text);
	const char *at = text;
	const char *copied = text;
	SqlToken	before = {.kind = SQL_OTHER,.start = "",.length = 0};
	SqlToken	token;
	StringInfoData written;

	initStringInfo(&written);
	while (pgcopy_sqltext_next(&at, end, &token))
	{
		const char *mapped = map_token(state, &before, &token, at < end && *at == '.',
									   (int) (token.start - text));

		if (mapped != NULL)
		{
			appendBinaryStringInfo(&written, copied, token.start - copied);
			appendStringInfoString(&written, mapped);
			copied = at;
		}
		else if (state->keeps_schemas && is_word(&before, "CREATE") && is_word(&token, "SCHEMA"))
		{
			appendBinaryStringInfo(&written, copied, at - copied);
			appendStringInfoString(&written, " IF NOT EXISTS");
			copied = at;
		}
		before = token;
	}
	appendBinaryStringInfo(&written, copied, end - copied);
	return written.data;
}

/*-------------------------------------------------------------------------
 * Statements
 *-------------------------------------------------------------------------
 */

/* Does the text have the name, as far as it has no quotes that are doubled? */
static bool
may_have(const DumpStatement *statement, const char *name)
{
	const char *end = statement->text + statement->length;
	size_t		length = strcspn(name, "'\"\\");
	const char *at = statement->text;

	if (length == 0)
		return true;
	while ((at = memchr(at, name[0], end - at)) != NULL)
	{
		if ((size_t) (end - at) < length)
			return false;
		if (memcmp(at, name, length) == 0)
			return true;
		at++;
	}
	return false;
}

static bool
may_have_any(const DumpStatement *statement, const List *map)
{
	ListCell   *lc;

	foreach(lc, map)
	{
		if (may_have(statement, ((OptionPair *) lfirst(lc))->key))
			return true;
	}
	return false;
}

static bool
is_concerned(const Mapping *mapping, const DumpStatement *statement)
{
	const JobOptions *options = mapping->options;

	if (statement->class_oid == NamespaceRelationId &&
		strcmp(statement->tag, "CREATE SCHEMA") == 0)
		return true;
	return may_have_any(statement, options->schema_map) ||
		may_have_any(statement, options->tablespace_map);
}

static void
note_doubt(Mapping *mapping, const DumpStatement *statement, MapDoubt doubt)
{
	MemoryContext caller = MemoryContextSwitchTo(mapping->context);
	const char *name = statement->name != NULL ? statement->name :
		statement->table_name != NULL ? statement->table_name : "";
	const char *tag = statement->tag;

	if (strncmp(tag, "CREATE ", 7) == 0)
		tag += 7;
	mapping->doubts[doubt] =
		lappend(mapping->doubts[doubt],
				psprintf("%s %s", asc_tolower(tag, strlen(tag)),
						 quote_qualified_identifier(statement->schema, name)));
	MemoryContextSwitchTo(caller);
}

static void
take_text(Mapping *mapping, DumpStatement *statement, const char *text)
{
	statement->text = MemoryContextStrdup(mapping->context, text);
	statement->length = strlen(text);
}

/* A schema that may be here already is used as it is. */
static bool
keeps_schema(const Mapping *mapping, Node *node)
{
	return IsA(node, CreateSchemaStmt) &&
		(mapping->options->drop_if_exists ||
		 pgcopy_sqltext_mapped(mapping->options->schema_map,
							   ((CreateSchemaStmt *) node)->schemaname) != NULL);
}

static void
map_text(Mapping *mapping, DumpStatement *statement)
{
	char	   *text = pnstrdup(statement->text, statement->length);
	RawStmt    *tree = pgcopy_apply_parse(text);
	MapState	state = {
		.schemas = mapping->options->schema_map,
		.tablespaces = mapping->options->tablespace_map,
		.keeps_schemas = keeps_schema(mapping, tree->stmt)
	};
	char	   *changed;

	pgcopy_map_statement_tree(&state, tree->stmt);
	changed = write_text(&state, text);
	if (!equal(tree->stmt, pgcopy_apply_parse(changed)->stmt))
	{
		note_doubt(mapping, statement, MAP_UNKNOWN);
		return;
	}
	if (state.doubt != MAP_CERTAIN)
		note_doubt(mapping, statement, state.doubt);
	if (strcmp(text, changed) != 0)
		take_text(mapping, statement, changed);
}

static void
map_settings(Mapping *mapping, DumpStatement *statement)
{
	DumpSettings *settings = statement->settings;
	const char *mapped = pgcopy_sqltext_mapped(mapping->options->tablespace_map,
											   settings->default_tablespace);

	if (mapped == NULL)
		return;
	if (mapping->settings_from != settings)
	{
		mapping->settings_from = settings;
		mapping->settings_to = palloc(sizeof(DumpSettings));
		*mapping->settings_to = *settings;
		mapping->settings_to->default_tablespace = pstrdup(mapped);
	}
	statement->settings = mapping->settings_to;
}

static char *
map_name(const Mapping *mapping, char *name)
{
	const char *mapped = name != NULL ?
		pgcopy_sqltext_mapped(mapping->options->schema_map, name) : NULL;

	return mapped != NULL ? pstrdup(mapped) : name;
}

static void
map_names(const Mapping *mapping, DumpStatement *statement)
{
	if (statement->class_oid == NamespaceRelationId && statement->schema == NULL)
		statement->name = map_name(mapping, statement->name);
	statement->schema = map_name(mapping, statement->schema);
	statement->table_schema = map_name(mapping, statement->table_schema);
	statement->referenced_schema = map_name(mapping, statement->referenced_schema);
}

static void
map_statement(Mapping *mapping, DumpStatement *statement)
{
	if (is_concerned(mapping, statement))
	{
		MemoryContext caller = MemoryContextSwitchTo(mapping->parse_context);

		map_text(mapping, statement);
		MemoryContextSwitchTo(caller);
		MemoryContextReset(mapping->parse_context);
	}
	map_settings(mapping, statement);
	map_names(mapping, statement);
}

/*-------------------------------------------------------------------------
 * Schemas
 *-------------------------------------------------------------------------
 */

static bool
has_schema(List *statements, const char *name)
{
	ListCell   *lc;

	foreach(lc, statements)
	{
		DumpStatement *statement = lfirst(lc);

		if (statement->class_oid == NamespaceRelationId &&
			strcmp(statement->tag, "CREATE SCHEMA") == 0 &&
			strcmp(statement->name, name) == 0)
			return true;
	}
	return false;
}

static DumpStatement *
make_statement(StatementClass class, const char *tag, const char *schema, char *text)
{
	DumpStatement *statement = palloc0(sizeof(DumpStatement));

	statement->class = class;
	statement->tag = pstrdup(tag);
	statement->name = pstrdup(schema);
	statement->text = text;
	statement->length = strlen(text);
	statement->settings = pgcopy_dumpsettings_initial();
	return statement;
}

/*
 * pg_dump creates neither the schema public nor one that an extension makes.  It
 * writes the privileges of public as changes to those that it is born with.  A job
 * without pre-data makes no schema.
 */
static List *
add_schemas(const JobOptions *options, List *statements)
{
	List	   *added = NIL;
	ListCell   *lc;

	foreach(lc, options->sections & SECTION_PRE_DATA ? options->schema_map : NIL)
	{
		OptionPair *pair = lfirst(lc);
		const char *name = quote_identifier(pair->value);

		if (has_schema(statements, pair->value))
			continue;
		added = lappend(added, make_statement(STATEMENT_PLAIN, "CREATE SCHEMA", pair->value,
											  psprintf("CREATE SCHEMA IF NOT EXISTS %s", name)));
		if (strcmp(pair->key, "public") == 0 && !options->no_privileges)
			added = lappend(added, make_statement(STATEMENT_ACL, "GRANT", pair->value,
												  psprintf("GRANT USAGE ON SCHEMA %s TO PUBLIC", name)));
	}
	return list_concat(added, statements);
}

/*-------------------------------------------------------------------------
 * Findings
 *-------------------------------------------------------------------------
 */

static Finding *
make_finding(List *names, const char *what, const char *hint, bool goes_on)
{
	Finding    *finding = palloc0(sizeof(Finding));
	StringInfoData list;
	ListCell   *lc;

	initStringInfo(&list);
	foreach(lc, names)
	{
		if (foreach_current_index(lc) == SHOWN_NAMES)
		{
			appendStringInfo(&list, " and %d more", list_length(names) - SHOWN_NAMES);
			break;
		}
		appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "", (char *) lfirst(lc));
	}
	finding->level = goes_on ? FINDING_NOTICE : FINDING_ERROR;
	finding->sqlerrcode = ERRCODE_FEATURE_NOT_SUPPORTED;
	finding->object = list.data;
	finding->message = psprintf(what, list_length(names));
	finding->detail = psprintf("They are: %s.", list.data);
	finding->hint = hint;
	return finding;
}

static List *
make_findings(const Mapping *mapping)
{
	static const struct
	{
		const char *one;
		const char *many;
		const char *hint;
	}			texts[] = {
		[MAP_BODY] = {"%d function has a schema of schema_map in its text, which cannot be changed with certainty",
			"%d functions have a schema of schema_map in their text, which cannot be changed with certainty",
		"Write them without the schema on the source (SET search_path is changed), or clone with on_error => 'continue' and correct them here."},
		[MAP_SETTING] = {"%d function has a schema of schema_map in a SET that cannot be changed with certainty",
			"%d functions have a schema of schema_map in a SET that cannot be changed with certainty",
		"Change them on the source, or clone with on_error => 'continue' and correct them here."},
		[MAP_STRING] = {"%d definition has a schema of schema_map in a string, which cannot be changed with certainty",
			"%d definitions have a schema of schema_map in a string, which cannot be changed with certainty",
		"Cast the string to regclass, regtype and the like on the source, or clone with on_error => 'continue' and correct them here."},
		[MAP_UNKNOWN] = {"%d definition names a schema of schema_map in a way that cannot be changed with certainty",
			"%d definitions name a schema of schema_map in a way that cannot be changed with certainty",
		"Leave them out, or clone with on_error => 'continue' and correct them here."},
	};
	bool		goes_on = mapping->options->on_error == ON_ERROR_CONTINUE;
	List	   *findings = NIL;

	for (int i = MAP_CERTAIN + 1; i <= MAP_UNKNOWN; i++)
	{
		if (mapping->doubts[i] != NIL)
			findings = lappend(findings, make_finding(mapping->doubts[i],
													  list_length(mapping->doubts[i]) == 1 ?
													  texts[i].one : texts[i].many,
													  texts[i].hint, goes_on));
	}
	return findings;
}

List *
pgcopy_map_statements(List *statements, const JobOptions *options, List **findings)
{
	Mapping		mapping = {.options = options,.context = CurrentMemoryContext};
	ListCell   *lc;

	*findings = NIL;
	if (options->schema_map == NIL && options->tablespace_map == NIL &&
		!options->drop_if_exists)
		return statements;
	mapping.parse_context = AllocSetContextCreate(CurrentMemoryContext, "pgcopy map",
												  ALLOCSET_DEFAULT_SIZES);
	foreach(lc, statements)
	{
		CHECK_FOR_INTERRUPTS();
		map_statement(&mapping, lfirst(lc));
	}
	MemoryContextDelete(mapping.parse_context);
	*findings = make_findings(&mapping);
	return add_schemas(options, statements);
}
