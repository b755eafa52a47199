/*-------------------------------------------------------------------------
 *
 * sqltext.h
 *	  The words of SQL text, and names of schemas in it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SQLTEXT_H
#define PGCOPY_SQLTEXT_H

#include "nodes/pg_list.h"

typedef enum SqlTokenKind
{
	SQL_WORD,					/* an identifier or key word without quotes */
	SQL_QUOTED,					/* "identifier" */
	SQL_STRING,					/* '...', E'...', $tag$...$tag$ */
	SQL_OTHER					/* a number, or one character */
} SqlTokenKind;

typedef struct SqlToken
{
	SqlTokenKind kind;
	const char *start;
	size_t		length;
	const char *content;		/* of a string: without its quotes, as written */
	size_t		content_length;
} SqlToken;

/*
 * Find the next token, without blanks and comments.  Returns false at the end.  Never
 * fails: what is not closed ends with the text.
 */
extern bool pgcopy_sqltext_next(const char **at, const char *end, SqlToken *token);

/* The name that a word or a quoted identifier stands for. */
extern char *pgcopy_sqltext_name(const SqlToken *token);

/*
 * The name that a name is mapped to, by a List of OptionPair *; NULL: it is not
 * in the map.
 */
extern const char *pgcopy_sqltext_mapped(const List *map, const char *name);

/* The same, but the name itself if it is not in the map. */
extern const char *pgcopy_sqltext_map(const List *map, const char *name);

/* Swap keys and values. */
extern List *pgcopy_sqltext_reverse(const List *map);

/*
 * Replace the schemas of qualified names ("sales.t", "f(sales.t)"), as regclass,
 * regprocedure and the like print them.
 */
extern char *pgcopy_sqltext_rename(const List *map, const char *text);

/* Replace the schemas of a search_path. */
extern char *pgcopy_sqltext_rename_path(const List *map, const char *path);

/*
 * Whether a key of the map is a word of the text of a function, at any depth of
 * its strings.  Of SQL, comments do not count; in any other language every
 * word does.
 */
extern bool pgcopy_sqltext_mentions(const List *map, const char *text, size_t length,
									bool is_sql);

/* Whether a value has a key of the map as the schema of a qualified name. */
extern bool pgcopy_sqltext_qualifies(const List *map, const char *text);

#endif							/* PGCOPY_SQLTEXT_H */
