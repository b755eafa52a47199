/*-------------------------------------------------------------------------
 *
 * expression.c
 *	  An SQL expression that a user has given for the source.
 *
 * The text goes into statements for the source, in parentheses.  It must not get
 * out of them, so they have to balance outside strings, quoted names and comments,
 * by the lexer of this server.  Both sides lex alike: standard_conforming_strings
 * is on in our sessions there, and here while we read.
 *
 * A subselect would lock and read other tables, so it is refused: by the parse
 * tree, or, if only a newer source can parse the text, by its words.
 *
 * now() and its kin are those of a transaction, and each session of a job has its
 * own: a row at the boundary would be in both chunks or in none.  They are replaced,
 * token by token, so that all else stays as it was written.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/keywords.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "parser/scanner.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "select/expression.h"

/* Tokens of the core lexer, in its order; the same are in pl/pgsql's grammar. */
enum
{
	TOKEN_IDENT = 258,
	TOKEN_UIDENT,
	TOKEN_FCONST,
	TOKEN_SCONST,
	TOKEN_USCONST,
	TOKEN_BCONST,
	TOKEN_XCONST,
	TOKEN_OP,
	TOKEN_ICONST,
	TOKEN_PARAM,
	TOKEN_TYPECAST,
	TOKEN_KEYWORD = 1000		/* of ours: plus the keyword's number */
};

typedef struct Token
{
	int			code;
	int			location;
	const char *word;			/* a name, a keyword or a string; else NULL */
	bool		is_quoted;
} Token;

typedef struct Tokens
{
	const char *text;
	int			count;
	Token	   *tokens;			/* and the end, with code 0, several times */
} Tokens;

/* What is written in place of a function or keyword. */
typedef struct Replacement
{
	int			tokens;			/* that it takes the place of */
	char	   *text;
} Replacement;

static uint16 *
make_keyword_tokens(void)
{
	uint16	   *codes = palloc(sizeof(uint16) * ScanKeywords.num_keywords);

	for (int i = 0; i < ScanKeywords.num_keywords; i++)
		codes[i] = TOKEN_KEYWORD + i;
	return codes;
}

/* Throws, as the parser does. */
static void
read_tokens(Tokens *result, const char *text)
{
	core_yy_extra_type extra;
	core_yyscan_t scanner = scanner_init(text, &extra, &ScanKeywords, make_keyword_tokens());
	int			room = strlen(text) + 4;

	result->text = text;
	result->count = 0;
	result->tokens = palloc0(sizeof(Token) * (Size) room);
	for (;;)
	{
		core_YYSTYPE value;
		Token	   *token = &result->tokens[result->count];
		int			location;

		CHECK_FOR_INTERRUPTS();
		token->code = core_yylex(&value, &location, scanner);
		token->location = location;
		if (token->code == 0)
			break;
		if (token->code >= TOKEN_KEYWORD)
			token->word = value.keyword;
		else if (token->code >= TOKEN_IDENT && token->code <= TOKEN_OP)
			token->word = value.str;
		token->is_quoted = text[location] == '"' || token->code == TOKEN_UIDENT;
		result->count++;
		Assert(result->count <= room - 4);
	}
	result->tokens[result->count].location = strlen(text);
	scanner_finish(scanner);
}

static bool
is_keyword(const Token *token, const char *word)
{
	return token->code >= TOKEN_KEYWORD && strcmp(token->word, word) == 0;
}

static bool
is_name(const Token *token)
{
	return token->code == TOKEN_IDENT || token->code == TOKEN_UIDENT ||
		(token->code >= TOKEN_KEYWORD &&
		 (ScanKeywordCategories[token->code - TOKEN_KEYWORD] == UNRESERVED_KEYWORD ||
		  ScanKeywordCategories[token->code - TOKEN_KEYWORD] == TYPE_FUNC_NAME_KEYWORD));
}

static bool
is_string(const Token *token)
{
	return token->code == TOKEN_SCONST || token->code == TOKEN_USCONST;
}

/* Does the text stay within parentheses around it, as one expression? */
static const char *
find_problem_of_shape(const Tokens *tokens)
{
	int			depth = 0;

	if (tokens->count == 0)
		return "it is empty";
	for (int i = 0; i < tokens->count; i++)
	{
		int			code = tokens->tokens[i].code;

		if (code == '(' || code == '[')
			depth++;
		if ((code == ')' || code == ']') && --depth < 0)
			return "it closes a parenthesis that it has not opened";
		if (code == ';' || (code == ',' && depth == 0))
			return "it is more than one expression";
		if (code == TOKEN_PARAM)
			return "it has a parameter";
	}
	return depth > 0 ? "it does not close a parenthesis" : NULL;
}

static bool
find_subselect(Node *node, void *context)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, SubLink))
		return true;
	return raw_expression_tree_walker(node, find_subselect, context);
}

/* Words that no expression has outside of a subselect. */
static bool
has_word_of_subselect(const Tokens *tokens)
{
	for (int i = 0; i < tokens->count; i++)
	{
		const Token *token = &tokens->tokens[i];

		if (is_keyword(token, "select") || is_keyword(token, "table") ||
			is_keyword(token, "values"))
			return true;
	}
	return false;
}

/* Parse SELECT (...); throws.  NULL if the result is anything else. */
static Node *
parse(const char *text)
{
	List	   *trees = raw_parser(psprintf("SELECT (\n%s\n)", text), RAW_PARSE_DEFAULT);
	SelectStmt *select;
	ResTarget  *target;

	if (list_length(trees) != 1 || !IsA(linitial_node(RawStmt, trees)->stmt, SelectStmt))
		return NULL;
	select = (SelectStmt *) linitial_node(RawStmt, trees)->stmt;
	if (list_length(select->targetList) != 1 || select->fromClause != NIL ||
		select->whereClause != NULL || select->groupClause != NIL ||
		select->havingClause != NULL || select->windowClause != NIL ||
		select->sortClause != NIL || select->limitCount != NULL ||
		select->limitOffset != NULL || select->lockingClause != NIL ||
		select->intoClause != NULL || select->withClause != NULL ||
		select->op != SETOP_NONE)
		return NULL;
	target = linitial_node(ResTarget, select->targetList);
	return target->name == NULL && target->indirection == NIL ? target->val : NULL;
}

/* Write a function's name in pg_catalog, or a value of the moment. */
static char *
make_literal(const char *value, const char *type, const char *precision)
{
	return psprintf("('%s'::pg_catalog.%s%s)", value, type, precision);
}

/* "(3)" behind a keyword, if it is there; counts its tokens. */
static char *
read_precision(const Tokens *tokens, int i, Replacement *replacement)
{
	const Token *token = &tokens->tokens[i];

	if (i + 2 >= tokens->count || token[0].code != '(' ||
		token[1].code != TOKEN_ICONST || token[2].code != ')')
		return "";
	replacement->tokens += 3;
	return pnstrdup(tokens->text + token[0].location,
					token[2].location + 1 - token[0].location);
}

static bool
replace_keyword(const Tokens *tokens, int i, const SourceMoment *moment,
				Replacement *replacement)
{
	const struct
	{
		const char *word;
		const char *value;
		const char *type;
	}			known[] = {
		{"current_timestamp", moment->timestamptz, "timestamptz"},
		{"current_time", moment->timetz, "timetz"},
		{"localtimestamp", moment->timestamp, "timestamp"},
		{"localtime", moment->time, "time"},
		{"current_date", moment->date, "date"}
	};

	for (int k = 0; k < lengthof(known); k++)
	{
		if (!is_keyword(&tokens->tokens[i], known[k].word))
			continue;
		replacement->tokens = 1;
		replacement->text = make_literal(known[k].value, known[k].type,
										 read_precision(tokens, i + 1, replacement));
		return true;
	}
	return false;
}

static bool
is_one_of(const char *word, const char *const *words)
{
	for (; *words != NULL; words++)
	{
		if (pg_strcasecmp(word, *words) == 0)
			return true;
	}
	return false;
}

/* age(xmin) counts transactions: no time is in it. */
static bool
is_of_transactions(const Token *token)
{
	static const char *const words[] = {"xmin", "xmax", "xid", NULL};

	return token->code == TOKEN_IDENT && is_one_of(token->word, words);
}

/* Does a call with one argument, which may be a time, begin at this parenthesis? */
static bool
has_one_time(const Tokens *tokens, int i)
{
	int			depth = 0;

	for (int k = i; k < tokens->count; k++)
	{
		int			code = tokens->tokens[k].code;

		if (code == '(' || code == '[')
			depth++;
		if ((code == ',' && depth == 1) || is_of_transactions(&tokens->tokens[k]))
			return false;
		if ((code == ')' || code == ']') && --depth == 0)
			return k > i + 1;
	}
	return false;
}

/* now(), which other functions are too, and age(x), which is age(current_date, x). */
static bool
replace_function(const Tokens *tokens, int i, const SourceMoment *moment,
				 Replacement *replacement)
{
	static const char *const names[] = {
		"now", "transaction_timestamp", "statement_timestamp", NULL
	};
	const Token *token = &tokens->tokens[i];
	bool		is_qualified = i >= 2 && token[-1].code == '.';

	if (token->code != TOKEN_IDENT || token[1].code != '(' ||
		(is_qualified && strcmp(token[-2].word ? token[-2].word : "", "pg_catalog") != 0))
		return false;
	if (strcmp(token->word, "age") == 0 && has_one_time(tokens, i + 1))
	{
		replacement->tokens = 2;
		replacement->text = psprintf("age(%s, ", make_literal(moment->date, "date", ""));
		return true;
	}
	for (int k = 0; names[k] != NULL; k++)
	{
		if (strcmp(token->word, names[k]) != 0 || token[2].code != ')')
			continue;
		replacement->tokens = 3;
		replacement->text = make_literal(moment->timestamptz, "timestamptz", "");
		return true;
	}
	return false;
}

/* The literal takes the place of a schema before the function, too. */
static int
find_start(const Tokens *tokens, int i, const Replacement *replacement)
{
	bool		is_qualified = i >= 2 && tokens->tokens[i - 1].code == '.' &&
		replacement->text[0] == '(';

	return tokens->tokens[is_qualified ? i - 2 : i].location;
}

/* Where the token ends; it is a keyword or one character. */
static int
find_end(const Tokens *tokens, int i)
{
	const Token *token = &tokens->tokens[i];

	return token->location + (token->word != NULL ? (int) strlen(token->word) : 1);
}

static void
freeze_time(SourceExpression *expression, const Tokens *tokens,
			const SourceMoment *moment)
{
	StringInfoData text;
	int			copied = 0;

	initStringInfo(&text);
	for (int i = 0; i < tokens->count; i++)
	{
		Replacement replacement = {0};
		int			start;

		if (!replace_keyword(tokens, i, moment, &replacement) &&
			!replace_function(tokens, i, moment, &replacement))
			continue;
		start = find_start(tokens, i, &replacement);
		appendBinaryStringInfo(&text, tokens->text + copied, start - copied);
		appendStringInfoString(&text, replacement.text);
		i += replacement.tokens - 1;
		copied = find_end(tokens, i);
		expression->has_moment = true;
	}
	appendStringInfoString(&text, tokens->text + copied);
	expression->text = text.data;
}

static char *
trim(const char *word)
{
	const char *start = word + strspn(word, " \t\n\r\f");
	int			length = strlen(start);

	while (length > 0 && strchr(" \t\n\r\f", start[length - 1]) != NULL)
		length--;
	return pnstrdup(start, length);
}

static bool
is_noted(const SourceExpression *expression, const CalledFunction *function)
{
	ListCell   *lc;

	foreach(lc, expression->functions)
	{
		const CalledFunction *other = lfirst(lc);

		if (strcmp(function->name, other->name) == 0 &&
			(function->schema == NULL ? other->schema == NULL :
			 other->schema != NULL && strcmp(function->schema, other->schema) == 0))
			return true;
	}
	return false;
}

/* Note what is told of an expression: whom it calls, which strings move. */
static void
note_words(SourceExpression *expression, const Tokens *tokens)
{
	static const char *const moving[] = {"now", "today", "tomorrow", "yesterday", NULL};

	for (int i = 0; i < tokens->count; i++)
	{
		const Token *token = &tokens->tokens[i];
		CalledFunction *function;
		Replacement replacement;

		if (is_string(token) && is_one_of(trim(token->word), moving))
			expression->has_moving_literal = true;
		if (!is_name(token) || token[1].code != '(' ||
			replace_function(tokens, i, &(SourceMoment) {"", "", "", "", ""},
							 &replacement))
			continue;
		function = palloc(sizeof(CalledFunction));
		function->name = pstrdup(token->word);
		function->schema = i >= 2 && token[-1].code == '.' && is_name(&token[-2]) ?
			pstrdup(token[-2].word) : NULL;
		if (!is_noted(expression, function))
			expression->functions = lappend(expression->functions, function);
	}
}

/* NULL, or NULL::type */
static bool
is_null(const Tokens *tokens)
{
	if (!is_keyword(&tokens->tokens[0], "null"))
		return false;
	if (tokens->count > 1 && tokens->tokens[1].code != TOKEN_TYPECAST)
		return false;
	for (int i = 1; i < tokens->count; i++)
	{
		const Token *token = &tokens->tokens[i];

		if (token->code == TOKEN_OP ||
			(token->code >= TOKEN_KEYWORD &&
			 ScanKeywordCategories[token->code - TOKEN_KEYWORD] != UNRESERVED_KEYWORD &&
			 ScanKeywordCategories[token->code - TOKEN_KEYWORD] != COL_NAME_KEYWORD))
			return false;
	}
	return true;
}

static void
set_problem(SourceExpression *expression, int sqlerrcode, const char *problem)
{
	expression->sqlerrcode = sqlerrcode;
	expression->problem = problem;
}

/* Throws errors of lexer and parser. */
static void
read_expression(SourceExpression *expression, const char *text,
				const SourceMoment *moment)
{
	Tokens		tokens;
	const char *problem;

	read_tokens(&tokens, text);
	freeze_time(expression, &tokens, moment);
	problem = find_problem_of_shape(&tokens);
	if (problem != NULL)
	{
		set_problem(expression, ERRCODE_SYNTAX_ERROR, problem);
		return;
	}
	note_words(expression, &tokens);
	expression->is_literal = tokens.count == 1 && is_string(&tokens.tokens[0]);
	expression->is_null = is_null(&tokens);
	if (has_word_of_subselect(&tokens))
		set_problem(expression, ERRCODE_FEATURE_NOT_SUPPORTED, "it has a subselect");
}

/* As above; a column may be named "values". */
static void
parse_expression(SourceExpression *expression, const char *text)
{
	Node	   *tree = parse(text);

	expression->problem = NULL;
	if (tree == NULL)
		set_problem(expression, ERRCODE_SYNTAX_ERROR, "it is more than one expression");
	else if (find_subselect(tree, NULL))
		set_problem(expression, ERRCODE_FEATURE_NOT_SUPPORTED, "it has a subselect");
}

static void
try_read(SourceExpression *expression, const char *text, int source_version,
		 const SourceMoment *moment)
{
	MemoryContext caller = CurrentMemoryContext;
	volatile bool is_lexed = false;

	PG_TRY();
	{
		read_expression(expression, text, moment);
		is_lexed = true;
		if (expression->problem == NULL ||
			expression->sqlerrcode != ERRCODE_SYNTAX_ERROR)
			parse_expression(expression, text);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) !=
			ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION &&
			ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_DATA_EXCEPTION)
			PG_RE_THROW();
		FlushErrorState();
		if (!is_lexed || source_version / 10000 <= COMPAT_MAJOR_VERSION)
			set_problem(expression, error->sqlerrcode, error->message);
	}
	PG_END_TRY();
}

SourceExpression *
pgcopy_expression_read(const char *text, int source_version,
					   const SourceMoment *moment)
{
	SourceExpression *expression = palloc0(sizeof(SourceExpression));
	int			nest_level = NewGUCNestLevel();

	expression->text = pstrdup(text);
	(void) set_config_option("standard_conforming_strings", "on", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("escape_string_warning", "off", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	try_read(expression, text, source_version, moment);
	AtEOXact_GUC(true, nest_level);
	return expression;
}
