/*-------------------------------------------------------------------------
 *
 * map_private.h
 *	  Shared by the files that map the names of a statement.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_MAP_PRIVATE_H
#define PGCOPY_MAP_PRIVATE_H

#include "nodes/parsenodes.h"

/* Why a statement, or a part of it, cannot be changed. */
typedef enum MapDoubt
{
	MAP_CERTAIN,
	MAP_BODY,					/* the text of a function */
	MAP_SETTING,				/* SET of a function */
	MAP_STRING,					/* another string that may be read as a name */
	MAP_UNKNOWN					/* a form of statement that is not known here */
} MapDoubt;

/* A string of the statement that is a name, or several, and its new value. */
typedef struct MappedString
{
	int			location;		/* in the text, bytes */
	char	   *value;
} MappedString;

/* A statement whose names are being changed. */
typedef struct MapState
{
	const List *schemas;		/* OptionPair * */
	const List *tablespaces;
	bool		keeps_schemas;	/* CREATE SCHEMA gets IF NOT EXISTS */
	List	   *not_schemas;	/* integer list of locations: "name." is no schema */
	List	   *strings;		/* MappedString * */
	MapDoubt	doubt;
} MapState;

/* map_statement.c: change the names in the tree of a whole statement, in place. */
extern void pgcopy_map_statement_tree(MapState *state, Node *node);

/* map_expression.c: change the names in any other node, in place; NULL is none. */
extern void pgcopy_map_expression_node(MapState *state, Node *node);

/* A List of such nodes. */
extern void pgcopy_map_expression_list(MapState *state, List *nodes);

/* A qualified name: a List of String.  One without a schema stays as it is. */
extern void pgcopy_map_expression_names(MapState *state, List *names);

/* The name of a schema by itself: a String, or a C string. */
extern void pgcopy_map_expression_schema(MapState *state, Node *name);
extern char *pgcopy_map_expression_schema_name(MapState *state, char *name);
extern char *pgcopy_map_expression_tablespace(MapState *state, char *name);

/* A string that may hold a qualified name. */
extern void pgcopy_map_expression_doubt_string(MapState *state, const char *string);

/* map_statement.c: a definition's options, and those of a function. */
extern void pgcopy_map_statement_options(MapState *state, List *options);

#endif							/* PGCOPY_MAP_PRIVATE_H */
