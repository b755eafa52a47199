/*-------------------------------------------------------------------------
 *
 * ini.c
 *	  pgcopy_options_from_ini(): pgcopydb's filter file as a call of pgcopy_clone().
 *
 * pgcopydb uses sections and keys only.  A line is a comment if it begins with ';'
 * or '#'; what follows "=", or " ;", is left out as a value or a comment unless it is
 * in quotes or in a regular expression, ~/.../.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

extern PGDLLEXPORT Datum pgcopy_options_from_ini(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgcopy_options_from_ini);

typedef struct IniSection
{
	const char *name;			/* in the file */
	const char *option;			/* of pgcopy_clone() */
	bool		has_plain_names;	/* neither qualified nor folded to lower case */
} IniSection;

/* In the order of pgcopydb's documentation. */
static const IniSection sections[] = {
	{"include-only-schema", "include_schemas", true},
	{"include-only-table", "include_tables", false},
	{"exclude-schema", "exclude_schemas", true},
	{"exclude-table", "exclude_tables", false},
	{"exclude-table-data", "exclude_table_data", false},
	{"exclude-index", "exclude_indexes", false},
	{"include-only-extension", "include_extensions", true},
	{"exclude-extension", "exclude_extensions", true}
};

#define INCLUDE_SCHEMA	0
#define INCLUDE_TABLE	1

typedef struct IniFile
{
	int			line;
	int			section;		/* of the next entry, -1: none yet */
	List	   *entries[lengthof(sections)];	/* char * */
} IniFile;

static void
throw_line(const IniFile *file, const char *message, const char *line)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < lengthof(sections); i++)
		appendStringInfo(&names, "%s%s", i == 0 ? "" : ", ", sections[i].name);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("line %d of the filter file: %s: \"%s\"", file->line, message, line),
			 errhint("Sections are %s; each has one name per line.", names.data)));
}

static char *
trim(char *text)
{
	char	   *end;

	while (*text == ' ' || *text == '\t')
		text++;
	end = text + strlen(text);
	while (end > text && strchr(" \t\r", end[-1]) != NULL)
		end--;
	*end = '\0';
	return text;
}

/* Cut off a value or a comment. */
static void
cut_rest(char *line)
{
	char		closing = '\0';

	for (char *c = line; *c != '\0'; c++)
	{
		if (closing != '\0')
		{
			if (closing == '/' && *c == '\\' && c[1] != '\0')
				c++;
			else if (*c == closing)
				closing = '\0';
		}
		else if (*c == '"')
			closing = '"';
		else if (*c == '~' && c[1] == '/')
		{
			closing = '/';
			c++;
		}
		else if (*c == '=' || (*c == ';' && c > line && (c[-1] == ' ' || c[-1] == '\t')))
		{
			*c = '\0';
			return;
		}
	}
}

static int
find_section(const IniFile *file, const char *name)
{
	for (int i = 0; i < lengthof(sections); i++)
	{
		if (strcmp(sections[i].name, name) == 0)
			return i;
	}
	throw_line(file, "unknown section", name);
	return -1;
}

/* A name as a pattern that matches it alone. */
static char *
quote_plain(const char *name)
{
	if (name[0] == '"' || name[0] == '~')
		return pstrdup(name);
	return pstrdup(quote_identifier(name));
}

static void
read_line(IniFile *file, char *line)
{
	file->line++;
	line = trim(line);
	if (line[0] == '\0' || line[0] == ';' || line[0] == '#')
		return;
	cut_rest(line);
	line = trim(line);
	if (line[0] == '[')
	{
		char	   *end = strchr(line, ']');

		if (end == NULL || end[1] != '\0')
			throw_line(file, "this is not the name of a section", line);
		*end = '\0';
		file->section = find_section(file, trim(line + 1));
		return;
	}
	if (line[0] == '\0')
		throw_line(file, "there is no name", line);
	if (file->section < 0)
		throw_line(file, "this name is in no section", line);
	file->entries[file->section] =
		lappend(file->entries[file->section],
				sections[file->section].has_plain_names ? quote_plain(line) : pstrdup(line));
}

/* The list as a literal of text[], quoted. */
static char *
quote_list(List *list)
{
	Datum	   *elements = palloc(sizeof(Datum) * list_length(list));
	int			n = 0;
	ListCell   *lc;
	ArrayType  *array;

	foreach(lc, list)
		elements[n++] = CStringGetTextDatum(lfirst(lc));
	array = construct_array(elements, n, TEXTOID, -1, false, TYPALIGN_INT);
	return quote_literal_cstr(OidOutputFunctionCall(F_ARRAY_OUT, PointerGetDatum(array)));
}

/*
 * Write the call.  Beside tables to include, pgcopydb's schemas to include only
 * exclude others, from which nothing is included then.
 */
static char *
write_call(IniFile *file, const char *schema)
{
	StringInfoData call;

	initStringInfo(&call);
	if (file->entries[INCLUDE_TABLE] != NIL && file->entries[INCLUDE_SCHEMA] != NIL)
	{
		appendStringInfoString(&call,
							   "-- [include-only-schema] is left out: include_tables says it all\n");
		file->entries[INCLUDE_SCHEMA] = NIL;
	}
	appendStringInfo(&call,
					 "-- instead of 'source': a connection string, a URI or the name of a foreign server\n"
					 "SELECT %s.pgcopy_clone('source'", quote_identifier(schema));
	for (int i = 0; i < lengthof(sections); i++)
	{
		if (file->entries[i] != NIL)
			appendStringInfo(&call, ",\n    %s => %s", sections[i].option,
							 quote_list(file->entries[i]));
	}
	appendStringInfoString(&call, ");");
	return call.data;
}

Datum
pgcopy_options_from_ini(PG_FUNCTION_ARGS)
{
	char	   *content = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Oid			schema = get_func_namespace(fcinfo->flinfo->fn_oid);
	IniFile		file = {.section = -1};
	char	   *next;

	for (char *line = content; line != NULL; line = next)
	{
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		read_line(&file, line);
		CHECK_FOR_INTERRUPTS();
	}
	PG_RETURN_TEXT_P(cstring_to_text(write_call(&file, get_namespace_name(schema))));
}
