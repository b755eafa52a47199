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

#include "base/options.h"
#include "base/path.h"

/* Limit of table_jobs and of index_jobs. */
#define MAX_JOBS 64

#define JOBS_HINT "A good start is the number of processor cores."
#define SPLIT_HINT \
	"Give split_tables_larger_than a size like '1GB', '0' to copy each table in one piece, or 'auto'."

#define PATH_HINT "Name schemas as SET search_path does: 'app, public'."

typedef enum OptionType
{
	OPTION_INT,					/* int, from min to max */
	OPTION_BOOL,				/* bool */
	OPTION_WORD,				/* int, position in words */
	OPTION_SPLIT,				/* int64, bytes, SPLIT_NEVER or SPLIT_AUTO */
	OPTION_PATH					/* char *, names of schemas */
} OptionType;

typedef struct JobOption
{
	const char *name;			/* and the argument of pgcopy_clone() */
	OptionType	type;
	size_t		offset;			/* in JobOptions */
	const char *default_text;
	const char *meaning;		/* README.md has the same */
	int			min;			/* OPTION_INT */
	int			max;
	const char *const *words;	/* OPTION_WORD, NULL-terminated */
	const char *hint;			/* for the other types */
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

#define MEMBER(name) offsetof(JobOptions, name)

static const JobOption job_options[] = {
	{"table_jobs", OPTION_INT, MEMBER(table_jobs), "4",
		"tables, chunks of tables and ranges of large objects copied at the same time",
		.min = 1, .max = MAX_JOBS, .hint = JOBS_HINT},
	{"index_jobs", OPTION_INT, MEMBER(index_jobs), "4",
		"indexes, constraints, ANALYZEs, validations, refreshes at the same time",
		.min = 1, .max = MAX_JOBS, .hint = JOBS_HINT},
	{"split_tables_larger_than", OPTION_SPLIT, MEMBER(split_bytes), "auto",
		"a table with more bytes than this, TOAST included, is copied in chunks by several workers "
		"(by blocks; from sources before 14 by ranges of an integer key); 0: never; auto: a table "
		"that would keep one worker busy while others idle is, in chunks of some tens of MB or more",
		.hint = SPLIT_HINT},
	{"no_owner", OPTION_BOOL, MEMBER(no_owner), "false",
		"objects belong to who runs the clone"},
	{"no_privileges", OPTION_BOOL, MEMBER(no_privileges), "false",
		"leave out GRANT and REVOKE"},
	{"no_comments", OPTION_BOOL, MEMBER(no_comments), "false",
		"leave out comments"},
	{"no_tablespaces", OPTION_BOOL, MEMBER(no_tablespaces), "false",
		"everything goes into the database's default tablespace"},
	{"large_objects", OPTION_BOOL, MEMBER(large_objects), "true",
		"copy large objects"},
	{"foreign_keys", OPTION_WORD, MEMBER(foreign_keys), "validate",
		"validate: check their rows; not valid: leave them NOT VALID, to be validated later",
		.words = foreign_keys_words},
	{"on_error", OPTION_WORD, MEMBER(on_error), "stop",
		"stop: at the first error; continue: finish all that does not depend on what failed",
		.words = on_error_words},
	{"format", OPTION_WORD, MEMBER(format), "auto",
		"how rows travel; auto: binary, and a column that is not exact in it as its text; "
		"binary: an error for a table with such a column; text: all as text",
		.words = format_words},
	{"search_path", OPTION_PATH, MEMBER(search_path), "",
		"what rows, indexes and refreshes evaluate runs under it; '': under an empty one, "
		"and what finds no object then under that of the source's database",
		.hint = PATH_HINT},
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

static void
set_option(JobOptions *options, const JobOption *option, const char *value)
{
	void	   *member = (char *) options + option->offset;

	if (value == NULL)
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
			escape_json(json, *(char *const *) member);
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
	line->type = "text";
	line->default_value = psprintf("'%s'", option->default_text);
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
	}
	return true;
}
