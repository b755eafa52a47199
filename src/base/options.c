/*-------------------------------------------------------------------------
 *
 * options.c
 *	  The options of a job: those of pgcopy_clone().
 *
 * option_table.c has all there is to know about an option.  Arguments, defaults and
 * stored values all arrive as text, so that one parser serves them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/json.h"

#include "base/option_table.h"
#include "base/path.h"

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
	int			count;
	const JobOption *table = pgcopy_option_table(&count);

	for (int i = 0; i < count; i++)
		set_option(options, &table[i], table[i].default_text);
}

static const JobOption *
find_option(const char *name)
{
	int			count;
	const JobOption *table = pgcopy_option_table(&count);

	for (int i = 0; i < count; i++)
	{
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
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
	int			count;
	const JobOption *table = pgcopy_option_table(&count);

	initStringInfo(&json);
	for (int i = 0; i < count; i++)
	{
		const JobOption *option = &table[i];

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
	int			count;
	const JobOption *option = &pgcopy_option_table(&count)[i];

	if (i >= count)
		return false;
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
