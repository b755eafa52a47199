/*-------------------------------------------------------------------------
 *
 * options.c
 *	  The options of a job: those of pgcopy_clone().
 *
 * One table has all there is to know about an option.  Arguments, defaults and
 * stored values all arrive as text, so that one parser serves them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/json.h"

#include "base/option_value.h"
#include "base/options.h"
#include "base/path.h"

/* Limit of table_jobs and of index_jobs. */
#define MAX_JOBS 64

#define JOBS_HINT "A good start is the number of processor cores."
#define SPLIT_HINT \
	"Give split_tables_larger_than a size like '1GB', '0' to copy each table in one piece, or 'auto'."

#define PATH_HINT "Name schemas as SET search_path does: 'app, public'."
#define SCHEMAS_HINT "Give patterns such as '{app,\"audit_*\"}'; see \"Only a part\" in README.md."
#define TABLES_HINT \
	"Give patterns such as '{public.orders,audit.*}'; see \"Only a part\" in README.md."
#define EXTENSIONS_HINT "Give patterns such as '{hstore,postgis*}'."
#define ROWS_HINT \
	"Give an object such as '{\"public.orders\": \"created_at > now() - interval ''90 days''\"}'."
#define COLUMNS_HINT \
	"Give an object such as '{\"public.users\": {\"email\": \"''user'' || id\", \"phone\": null}}'."
#define MAP_HINT "Give an object such as '{\"old\": \"new\"}'."

typedef enum OptionType
{
	OPTION_INT,					/* int, from min to max */
	OPTION_BOOL,				/* bool */
	OPTION_WORD,				/* int, position in words */
	OPTION_SPLIT,				/* int64, bytes, SPLIT_NEVER or SPLIT_AUTO */
	OPTION_PATH,				/* char *, names of schemas */
	OPTION_NAME,				/* char *, a name, or "" */
	OPTION_MAYBE,				/* int: false, true, or -1 for NULL, the default */
	OPTION_WORD_OR_BOOL,		/* int, position in words; also a boolean in SQL */
	OPTION_WORDS,				/* int, a set of bits: positions in words */
	OPTION_LIST,				/* List of char * */
	OPTION_PAIRS,				/* List of OptionPair *, values are strings */
	OPTION_NESTED_PAIRS			/* the same, values are objects */
} OptionType;

typedef struct JobOption
{
	const char *name;			/* and the argument of pgcopy_clone() */
	OptionType	type;
	size_t		offset;			/* in JobOptions */
	const char *default_text;	/* NULL: null */
	const char *meaning;		/* README.md has the same */
	int			min;			/* OPTION_INT */
	int			max;
	const char *const *words;	/* NULL-terminated */
	const char *hint;			/* for the other types */
	const char *pgcopydb;		/* its counterpart there, or NULL */
	const char *pg_dump;
} JobOption;

static const char *const foreign_keys_words[] = {
	[FOREIGN_KEYS_VALIDATE] = "validate",
	[FOREIGN_KEYS_NOT_VALID] = "not valid",
	NULL
};

static const char *const on_error_words[] = {
	[ON_ERROR_STOP] = "stop",
	[ON_ERROR_CONTINUE] = "continue",
	NULL
};

static const char *const format_words[] = {
	[FORMAT_OPTION_AUTO] = "auto",
	[FORMAT_OPTION_BINARY] = "binary",
	[FORMAT_OPTION_TEXT] = "text",
	NULL
};

/* In the order of EXCLUDE_*. */
static const char *const exclude_words[] = {
	"event triggers", "publications", "subscriptions", "policies", "security labels",
	"comments", "extension comments", "rules", "triggers", "statistics",
	"materialized view rows", "user mappings", "large objects",
	NULL
};

/* In the order of SECTION_*. */
static const char *const sections_words[] = {
	"pre-data", "data", "post-data",
	NULL
};

static const char *const referential_words[] = {
	[REFERENTIAL_CHECK] = "check",
	[REFERENTIAL_FOLLOW] = "follow",
	[REFERENTIAL_NOT_VALID] = "not valid",
	NULL
};

static const char *const roles_words[] = {
	[ROLES_NONE] = "false",
	[ROLES_NAMED] = "true",
	[ROLES_ALL] = "all",
	NULL
};

static const char *const without_identity_words[] = {
	[WITHOUT_IDENTITY_AUTO] = "auto",
	[WITHOUT_IDENTITY_SET] = "set",
	[WITHOUT_IDENTITY_COPY] = "copy",
	[WITHOUT_IDENTITY_INSERTS] = "inserts",
	NULL
};

#define MEMBER(name) offsetof(JobOptions, name)

static const JobOption job_options[] = {
	{"table_jobs", OPTION_INT, MEMBER(table_jobs), "4",
		"tables, chunks of tables and ranges of large objects copied at the same time",
		.min = 1, .max = MAX_JOBS, .hint = JOBS_HINT,
		.pgcopydb = "--table-jobs", .pg_dump = "--jobs"},
	{"index_jobs", OPTION_INT, MEMBER(index_jobs), "4",
		"indexes, constraints, ANALYZEs, validations, refreshes at the same time",
		.min = 1, .max = MAX_JOBS, .hint = JOBS_HINT,
		.pgcopydb = "--index-jobs", .pg_dump = "--jobs of pg_restore"},
	{"split_tables_larger_than", OPTION_SPLIT, MEMBER(split_bytes), "auto",
		"a table with more bytes than this, TOAST included, is copied in chunks by several workers "
		"(by blocks; from sources before 14 by ranges of an integer key); 0: never; auto: a table "
		"that would keep one worker busy while others idle is, in chunks of some tens of MB or more",
		.hint = SPLIT_HINT,
		.pgcopydb = "--split-tables-larger-than"},
	{"no_owner", OPTION_BOOL, MEMBER(no_owner), "false",
		"objects belong to who runs the clone",
		.pgcopydb = "--no-owner", .pg_dump = "--no-owner"},
	{"no_privileges", OPTION_BOOL, MEMBER(no_privileges), "false",
		"leave out GRANT and REVOKE",
		.pgcopydb = "--no-acl", .pg_dump = "--no-privileges"},
	{"no_comments", OPTION_BOOL, MEMBER(no_comments), "false",
		"leave out comments",
		.pgcopydb = "--no-comments", .pg_dump = "--no-comments"},
	{"no_tablespaces", OPTION_BOOL, MEMBER(no_tablespaces), "false",
		"everything goes into the database's default tablespace",
		.pgcopydb = "--no-tablespaces", .pg_dump = "--no-tablespaces"},
	{"large_objects", OPTION_MAYBE, MEMBER(large_objects), NULL,
		"copy large objects; NULL: unless include_schemas or include_tables is given",
		.pgcopydb = "--skip-large-objects", .pg_dump = "--large-objects, --no-large-objects"},
	{"foreign_keys", OPTION_WORD, MEMBER(foreign_keys), "validate",
		"validate: check their rows; not valid: leave them NOT VALID, to be validated later",
		.words = foreign_keys_words},
	{"on_error", OPTION_WORD, MEMBER(on_error), "stop",
		"stop: at the first error; continue: finish all that does not depend on what failed",
		.words = on_error_words,
		.pgcopydb = "--fail-fast", .pg_dump = "--exit-on-error"},
	{"format", OPTION_WORD, MEMBER(format), "auto",
		"how rows travel; auto: binary, and a column that is not exact in it as its text; "
		"binary: an error for a table with such a column; text: all as text",
		.words = format_words,
		.pgcopydb = "--use-copy-binary"},
	{"search_path", OPTION_PATH, MEMBER(search_path), "",
		"what rows, indexes and refreshes evaluate runs under it; '': under an empty one, "
		"and what finds no object then under that of the source's database",
		.hint = PATH_HINT},
	{"include_schemas", OPTION_LIST, MEMBER(include_schemas), "{}",
		"clone only what is in these schemas, and what that needs",
		.hint = SCHEMAS_HINT,
		.pgcopydb = "[include-only-schema]", .pg_dump = "--schema"},
	{"exclude_schemas", OPTION_LIST, MEMBER(exclude_schemas), "{}",
		"leave out these schemas, and what cannot be without them",
		.hint = SCHEMAS_HINT,
		.pgcopydb = "[exclude-schema]", .pg_dump = "--exclude-schema"},
	{"include_tables", OPTION_LIST, MEMBER(include_tables), "{}",
		"clone only these tables, views and sequences, and what they need",
		.hint = TABLES_HINT,
		.pgcopydb = "[include-only-table]", .pg_dump = "--table"},
	{"exclude_tables", OPTION_LIST, MEMBER(exclude_tables), "{}",
		"leave out these tables, views and sequences, and what cannot be without them",
		.hint = TABLES_HINT,
		.pgcopydb = "[exclude-table]", .pg_dump = "--exclude-table"},
	{"exclude_table_data", OPTION_LIST, MEMBER(exclude_table_data), "{}",
		"clone these tables without their rows",
		.hint = TABLES_HINT,
		.pgcopydb = "[exclude-table-data]", .pg_dump = "--exclude-table-data"},
	{"exclude_indexes", OPTION_LIST, MEMBER(exclude_indexes), "{}",
		"leave out these indexes, their constraints, and foreign keys that need them",
		.hint = TABLES_HINT,
		.pgcopydb = "[exclude-index]"},
	{"include_extensions", OPTION_LIST, MEMBER(include_extensions), "{}",
		"of extensions, clone only these and those that are needed; it leaves out nothing else",
		.hint = EXTENSIONS_HINT,
		.pgcopydb = "[include-only-extension]", .pg_dump = "--extension"},
	{"exclude_extensions", OPTION_LIST, MEMBER(exclude_extensions), "{}",
		"leave out these extensions, and what cannot be without them",
		.hint = EXTENSIONS_HINT,
		.pgcopydb = "[exclude-extension], --skip-extensions", .pg_dump = "--exclude-extension"},
	{"exclude", OPTION_WORDS, MEMBER(exclude), "{}",
		"leave out these kinds of objects",
		.words = exclude_words,
		.pgcopydb = "--skip-ext-comments",
		.pg_dump = "--no-publications, --no-subscriptions, --no-security-labels, --no-policies"},
	{"row_filters", OPTION_PAIRS, MEMBER(row_filters), "{}",
		"by table: copy only the rows for which this condition holds on the source",
		.hint = ROWS_HINT},
	{"column_values", OPTION_NESTED_PAIRS, MEMBER(column_values), "{}",
		"by table and column: copy this expression, evaluated on the source, or null instead of the column",
		.hint = COLUMNS_HINT},
	{"referential", OPTION_WORD, MEMBER(referential), "check",
		"foreign keys that row_filters break; check: an error with the number of orphans; "
		"follow: leave out the rows that refer to those left out; "
		"not valid: leave these keys NOT VALID",
		.words = referential_words},
	{"sections", OPTION_WORDS, MEMBER(sections), "{pre-data,data,post-data}",
		"what to clone: definitions, rows, what follows them",
		.words = sections_words,
		.pgcopydb = "pgcopydb copy", .pg_dump = "--section"},
	{"schema_map", OPTION_PAIRS, MEMBER(schema_map), "{}",
		"by schema of the source: the schema to clone it into",
		.hint = MAP_HINT},
	{"tablespace_map", OPTION_PAIRS, MEMBER(tablespace_map), "{}",
		"by tablespace of the source: the tablespace to use instead",
		.hint = MAP_HINT},
	{"truncate", OPTION_BOOL, MEMBER(truncate), "false",
		"sections without pre-data: empty the tables before rows are copied"},
	{"append", OPTION_BOOL, MEMBER(append), "false",
		"sections without pre-data: add rows to tables that have some",
		.pg_dump = "--data-only"},
	{"drop_if_exists", OPTION_BOOL, MEMBER(drop_if_exists), "false",
		"drop what will be created again; an error if anything else depends on it",
		.pgcopydb = "--drop-if-exists", .pg_dump = "--clean --if-exists"},
	{"roles", OPTION_WORD_OR_BOOL, MEMBER(roles), "false",
		"create missing roles; true: those that cloned objects name; all: all of the source's server",
		.words = roles_words,
		.pgcopydb = "--roles", .pg_dump = "pg_dumpall --roles-only"},
	{"database_properties", OPTION_BOOL, MEMBER(database_properties), "false",
		"clone settings, comment, owner, privileges and connection limit of the database itself",
		.pgcopydb = "without --skip-db-properties", .pg_dump = "--create"},
	{"follow", OPTION_BOOL, MEMBER(follow), "false",
		"after the copy, keep up with the source by logical replication until pgcopy_cutover()",
		.pgcopydb = "--follow"},
	{"without_identity", OPTION_WORD, MEMBER(without_identity), "auto",
		"follow: tables whose updates cannot be replicated: set a replica identity on the source; copy "
		"them again in the cutover; replicate inserts only; auto: copy them if all together are at "
		"most 64 MB, else refuse",
		.words = without_identity_words},
	{"publication", OPTION_NAME, MEMBER(publication), "",
		"follow: a publication of the source that is there already; '': make one",
		.hint = "Give the name of a publication, without quotes."},
	{"protect_target", OPTION_BOOL, MEMBER(protect_target), "true",
		"follow: sessions of others are read-only here until the cutover"},
};

static int
parse_int(const JobOption *option, const char *value)
{
	int			number = pg_strtoint32(value);

	if (number < option->min || number > option->max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be between %d and %d, not %d",
						option->name, option->min, option->max, number),
				 errhint("%s", option->hint)));
	return number;
}

static void
throw_invalid(const JobOption *option, const char *value, const char *valid)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for %s: \"%s\"", option->name, value),
			 errhint("Valid values are %s.", valid)));
}

static bool
parse_flag(const JobOption *option, const char *value)
{
	bool		flag = false;

	if (!parse_bool(value, &flag))
		throw_invalid(option, value, "true, false");
	return flag;
}

/* List the valid words, each in quotes. */
static char *
list_words(const JobOption *option, char quote)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; option->words[i] != NULL; i++)
		appendStringInfo(&list, "%s%c%s%c", i == 0 ? "" : ", ",
						 quote, option->words[i], quote);
	return list.data;
}

static int
parse_word(const JobOption *option, const char *value)
{
	int			i = 0;

	while (option->words[i] != NULL && strcmp(value, option->words[i]) != 0)
		i++;
	if (option->words[i] == NULL)
		throw_invalid(option, value, list_words(option, '"'));
	return i;
}

/* A boolean, as its output is too, or a word. */
static int
parse_word_or_bool(const JobOption *option, const char *value)
{
	bool		flag;

	if (parse_bool(value, &flag))
		value = flag ? "true" : "false";
	return parse_word(option, value);
}

static int
parse_words(const JobOption *option, const char *value)
{
	const char *valid = list_words(option, '"');
	int			set = 0;
	ListCell   *lc;

	foreach(lc, pgcopy_option_value_list(option->name, value,
										 psprintf("Valid elements are %s.", valid)))
		set |= 1 << parse_word(option, lfirst(lc));
	return set;
}

/* Give an error of pg_size_bytes() our hint. */
static void
add_split_hint(void *arg)
{
	errhint("%s", ((const JobOption *) arg)->hint);
}

static int64
parse_split(const JobOption *option, const char *value)
{
	ErrorContextCallback context = {
		.previous = error_context_stack,
		.callback = add_split_hint,
		.arg = (void *) option
	};
	int64		bytes;

	if (strcmp(value, "auto") == 0)
		return SPLIT_AUTO;
	error_context_stack = &context;
	bytes = DatumGetInt64(DirectFunctionCall1(pg_size_bytes,
											  CStringGetTextDatum(value)));
	if (bytes < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must not be negative", option->name)));
	error_context_stack = context.previous;
	return bytes;
}

static char *
parse_path(const JobOption *option, const char *value)
{
	if (!pgcopy_path_is_valid(value))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for %s: \"%s\"", option->name, value),
				 errdetail("It is not a list of names of schemas."),
				 errhint("%s", option->hint)));
	return pstrdup(value);
}

static char *
parse_name(const JobOption *option, const char *value)
{
	if (strlen(value) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("invalid value for %s: \"%s\"", option->name, value),
				 errdetail("A name may have %d bytes.", NAMEDATALEN - 1),
				 errhint("%s", option->hint)));
	return pstrdup(value);
}

static void
set_option(JobOptions *options, const JobOption *option, const char *value)
{
	void	   *member = (char *) options + option->offset;

	if (value == NULL && option->type != OPTION_MAYBE)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", option->name),
				 errhint("Leave the argument out to get its default.")));
	switch (option->type)
	{
		case OPTION_INT:
			*(int *) member = parse_int(option, value);
			break;
		case OPTION_BOOL:
			*(bool *) member = parse_flag(option, value);
			break;
		case OPTION_WORD:
			*(int *) member = parse_word(option, value);
			break;
		case OPTION_SPLIT:
			*(int64 *) member = parse_split(option, value);
			break;
		case OPTION_PATH:
			*(char **) member = parse_path(option, value);
			break;
		case OPTION_NAME:
			*(char **) member = parse_name(option, value);
			break;
		case OPTION_MAYBE:
			*(int *) member = value == NULL ? -1 : parse_flag(option, value);
			break;
		case OPTION_WORD_OR_BOOL:
			*(int *) member = parse_word_or_bool(option, value);
			break;
		case OPTION_WORDS:
			*(int *) member = parse_words(option, value);
			break;
		case OPTION_LIST:
			*(List **) member = pgcopy_option_value_list(option->name, value, option->hint);
			break;
		case OPTION_PAIRS:
		case OPTION_NESTED_PAIRS:
			*(List **) member =
				pgcopy_option_value_pairs(option->name, value,
										  option->type == OPTION_NESTED_PAIRS, option->hint);
			break;
	}
}

void
pgcopy_options_set_defaults(JobOptions *options)
{
	for (int i = 0; i < lengthof(job_options); i++)
		set_option(options, &job_options[i], job_options[i].default_text);
}

static const JobOption *
find_option(const char *name)
{
	for (int i = 0; i < lengthof(job_options); i++)
	{
		if (strcmp(job_options[i].name, name) == 0)
			return &job_options[i];
	}
	return NULL;
}

void
pgcopy_options_set(JobOptions *options, const char *name, const char *value)
{
	const JobOption *option = find_option(name);

	if (option == NULL)
		elog(ERROR, "no option \"%s\"", name);
	set_option(options, option, value);
}

static void
name_option(void *arg)
{
	errcontext("option \"%s\" of the job", ((const JobOption *) arg)->name);
}

void
pgcopy_options_restore(JobOptions *options, const char *name, const char *value)
{
	const JobOption *option = find_option(name);
	ErrorContextCallback context = {
		.previous = error_context_stack,
		.callback = name_option,
		.arg = (void *) option
	};

	if (option == NULL)
		return;
	error_context_stack = &context;
	set_option(options, option, value);
	error_context_stack = context.previous;
}

static void
append_words(StringInfo json, const JobOption *option, int set)
{
	List	   *words = NIL;

	for (int i = 0; option->words[i] != NULL; i++)
	{
		if (set & (1 << i))
			words = lappend(words, unconstify(char *, option->words[i]));
	}
	pgcopy_option_value_append_list(json, words);
}

static void
append_json(StringInfo json, const JobOption *option, const void *member)
{
	switch (option->type)
	{
		case OPTION_INT:
			appendStringInfo(json, "%d", *(const int *) member);
			break;
		case OPTION_BOOL:
			appendStringInfoString(json, *(const bool *) member ? "true" : "false");
			break;
		case OPTION_WORD:
			escape_json(json, option->words[*(const int *) member]);
			break;
		case OPTION_SPLIT:
			if (*(const int64 *) member == SPLIT_AUTO)
				appendStringInfoString(json, "\"auto\"");
			else
				appendStringInfo(json, INT64_FORMAT, *(const int64 *) member);
			break;
		case OPTION_PATH:
		case OPTION_NAME:
			escape_json(json, *(char *const *) member);
			break;
		case OPTION_MAYBE:
			appendStringInfoString(json, *(const int *) member < 0 ? "null" :
								   *(const int *) member ? "true" : "false");
			break;
		case OPTION_WORD_OR_BOOL:
			escape_json(json, option->words[*(const int *) member]);
			break;
		case OPTION_WORDS:
			append_words(json, option, *(const int *) member);
			break;
		case OPTION_LIST:
			pgcopy_option_value_append_list(json, *(List *const *) member);
			break;
		case OPTION_PAIRS:
		case OPTION_NESTED_PAIRS:
			pgcopy_option_value_append_pairs(json, *(List *const *) member);
			break;
	}
}

char *
pgcopy_options_to_json(const JobOptions *options)
{
	StringInfoData json;

	initStringInfo(&json);
	for (int i = 0; i < lengthof(job_options); i++)
	{
		const JobOption *option = &job_options[i];

		appendStringInfoString(&json, i == 0 ? "{" : ", ");
		escape_json(&json, option->name);
		appendStringInfoString(&json, ": ");
		append_json(&json, option, (const char *) options + option->offset);
	}
	appendStringInfoChar(&json, '}');
	return json.data;
}

bool
pgcopy_options_describe(int i, OptionLine *line)
{
	const JobOption *option;

	if (i >= lengthof(job_options))
		return false;
	option = &job_options[i];
	line->name = option->name;
	line->meaning = option->meaning;
	line->pgcopydb = option->pgcopydb != NULL ? option->pgcopydb : "";
	line->pg_dump = option->pg_dump != NULL ? option->pg_dump : "";
	line->type = "text";
	line->default_value = option->default_text == NULL ? "NULL" :
		psprintf("'%s'", option->default_text);
	switch (option->type)
	{
		case OPTION_INT:
			line->type = "integer";
			line->default_value = option->default_text;
			line->allowed = psprintf("%d to %d", option->min, option->max);
			break;
		case OPTION_BOOL:
			line->type = "boolean";
			line->default_value = option->default_text;
			line->allowed = "true, false";
			break;
		case OPTION_WORD:
			line->allowed = list_words(option, '\'');
			break;
		case OPTION_SPLIT:
			line->allowed = "a size such as '10GB', '0', 'auto'";
			break;
		case OPTION_PATH:
			line->allowed = "schemas such as 'app, public', ''";
			break;
		case OPTION_NAME:
			line->allowed = "a name, ''";
			break;
		case OPTION_MAYBE:
			line->type = "boolean";
			line->allowed = "true, false, NULL";
			break;
		case OPTION_WORD_OR_BOOL:
			line->type = "\"any\"";
			line->default_value = option->default_text;
			line->allowed = "true, false, 'all'";
			break;
		case OPTION_WORDS:
			line->type = "text[]";
			line->allowed = psprintf("any of %s", list_words(option, '\''));
			break;
		case OPTION_LIST:
			line->type = "text[]";
			line->allowed = "patterns";
			break;
		case OPTION_PAIRS:
		case OPTION_NESTED_PAIRS:
			line->type = "jsonb";
			line->allowed = "a JSON object";
			break;
	}
	return true;
}
