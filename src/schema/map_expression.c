/*-------------------------------------------------------------------------
 *
 * map_expression.c
 *	  Change the names of schemas in expressions and queries, as they are parsed.
 *
 * raw_expression_tree_walker() finds the nodes, but holds some of what has names
 * for uninteresting: operators, collations, operator classes, constraints of
 * columns.  Those are looked at here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "nodes/value.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "base/options.h"
#include "base/sqltext.h"
#include "schema/map_private.h"

static const char *
mapped(MapState *state, const char *name)
{
	return name != NULL ? pgcopy_sqltext_mapped(state->schemas, name) : NULL;
}

char *
pgcopy_map_expression_schema_name(MapState *state, char *name)
{
	const char *to = mapped(state, name);

	return to != NULL ? pstrdup(to) : name;
}

char *
pgcopy_map_expression_tablespace(MapState *state, char *name)
{
	return name != NULL ? pstrdup(pgcopy_sqltext_map(state->tablespaces, name)) : NULL;
}

void
pgcopy_map_expression_schema(MapState *state, Node *name)
{
	if (name != NULL && IsA(name, String))
		strVal(name) = pgcopy_map_expression_schema_name(state, strVal(name));
}

void
pgcopy_map_expression_names(MapState *state, List *names)
{
	if (list_length(names) >= 2 && IsA(linitial(names), String))
		pgcopy_map_expression_schema(state, linitial(names));
}

void
pgcopy_map_expression_list(MapState *state, List *nodes)
{
	ListCell   *lc;

	foreach(lc, nodes)
		pgcopy_map_expression_node(state, lfirst(lc));
}

void
pgcopy_map_expression_doubt_string(MapState *state, const char *string)
{
	if (state->doubt == MAP_CERTAIN && pgcopy_sqltext_qualifies(state->schemas, string))
		state->doubt = MAP_STRING;
}

static void
note_not_schema(MapState *state, int location)
{
	state->not_schemas = lappend_int(state->not_schemas, location);
}

/* "alias.column" and "alias.*" name no schema. */
static void
map_column(MapState *state, ColumnRef *column)
{
	if (list_length(column->fields) > 2)
		pgcopy_map_expression_names(state, column->fields);
	else
		note_not_schema(state, column->location);
}

/* The kind of value that a constant is cast to: "regclass" ..., or NULL. */
static const char *
name_of_alias_type(const TypeName *type)
{
	const char *name = type->names != NIL && IsA(llast(type->names), String) ?
		strVal(llast(type->names)) : "";

	return strncmp(name, "reg", 3) == 0 && type->arrayBounds == NIL ? name : NULL;
}

/* The constant under casts, or NULL. */
static A_Const *
find_string(Node *node)
{
	while (node != NULL && IsA(node, TypeCast))
		node = ((TypeCast *) node)->arg;
	return node != NULL && IsA(node, A_Const) && pgcopy_const_is_string((A_Const *) node) ?
		(A_Const *) node : NULL;
}

static void
change_string(MapState *state, A_Const *constant, char *value)
{
	MappedString *string = palloc(sizeof(MappedString));

	string->location = constant->location;
	string->value = value;
	state->strings = lappend(state->strings, string);
	pgcopy_const_string(constant) = value;
}

/* 'sales.t'::regclass; the types of "arg" are mapped by the caller. */
static bool
map_alias(MapState *state, TypeCast *cast)
{
	const char *type = name_of_alias_type(cast->typeName);
	A_Const    *constant = type != NULL ? find_string(cast->arg) : NULL;
	char	   *value;
	SqlToken	token;
	const char *at;

	if (constant == NULL)
		return false;
	value = pgcopy_const_string(constant);
	if (strcmp(type, "regnamespace") != 0)
		change_string(state, constant, pgcopy_sqltext_rename(state->schemas, value));
	else if ((at = value, pgcopy_sqltext_next(&at, value + strlen(value), &token)) &&
			 token.kind != SQL_STRING && token.kind != SQL_OTHER &&
			 mapped(state, pgcopy_sqltext_name(&token)) != NULL)
		change_string(state, constant,
					  pstrdup(quote_identifier(mapped(state, pgcopy_sqltext_name(&token)))));
	return true;
}

static void
map_cast(MapState *state, TypeCast *cast)
{
	Node	   *arg = cast->arg;

	pgcopy_map_expression_node(state, (Node *) cast->typeName);
	if (!map_alias(state, cast))
	{
		pgcopy_map_expression_node(state, arg);
		return;
	}
	for (; IsA(arg, TypeCast); arg = ((TypeCast *) arg)->arg)
		pgcopy_map_expression_node(state, (Node *) ((TypeCast *) arg)->typeName);
}

static void
map_constraint(MapState *state, Constraint *constraint)
{
	ListCell   *lc;

	pgcopy_map_expression_node(state, constraint->raw_expr);
	pgcopy_map_expression_node(state, (Node *) constraint->pktable);
	pgcopy_map_expression_node(state, constraint->where_clause);
	pgcopy_map_statement_options(state, constraint->options);
	constraint->indexspace = pgcopy_map_expression_tablespace(state, constraint->indexspace);
	foreach(lc, constraint->exclusions)
	{
		List	   *pair = lfirst_node(List, lc);

		pgcopy_map_expression_node(state, linitial(pair));
		pgcopy_map_expression_names(state, lsecond(pair));
	}
}

/* Nodes that the server's walker does not go into. */
static bool
map_unwalked(MapState *state, Node *node)
{
	switch (nodeTag(node))
	{
		case T_TypeCast:
			map_cast(state, (TypeCast *) node);
			return true;
		case T_Constraint:
			map_constraint(state, (Constraint *) node);
			return true;
		case T_DefElem:
			pgcopy_map_statement_options(state, list_make1(node));
			return true;
		case T_FunctionParameter:
			pgcopy_map_expression_node(state, (Node *) ((FunctionParameter *) node)->argType);
			pgcopy_map_expression_node(state, ((FunctionParameter *) node)->defexpr);
			return true;
		case T_PartitionSpec:
			pgcopy_map_expression_list(state, ((PartitionSpec *) node)->partParams);
			return true;
		case T_PartitionElem:
			pgcopy_map_expression_node(state, ((PartitionElem *) node)->expr);
			pgcopy_map_expression_names(state, ((PartitionElem *) node)->collation);
			pgcopy_map_expression_names(state, ((PartitionElem *) node)->opclass);
			return true;
		case T_PartitionBoundSpec:
			pgcopy_map_expression_list(state, ((PartitionBoundSpec *) node)->listdatums);
			pgcopy_map_expression_list(state, ((PartitionBoundSpec *) node)->lowerdatums);
			pgcopy_map_expression_list(state, ((PartitionBoundSpec *) node)->upperdatums);
			return true;
		case T_PartitionCmd:
			pgcopy_map_expression_node(state, (Node *) ((PartitionCmd *) node)->name);
			pgcopy_map_expression_node(state, (Node *) ((PartitionCmd *) node)->bound);
			return true;
		case T_StatsElem:
			pgcopy_map_expression_node(state, ((StatsElem *) node)->expr);
			return true;
		case T_ReplicaIdentityStmt:
		case T_RoleSpec:
		case T_TriggerTransition:
			return true;
		default:
			return false;
	}
}

/* Names in nodes that the server's walker goes into. */
static void
map_walked(MapState *state, Node *node)
{
	switch (nodeTag(node))
	{
		case T_RangeVar:
			((RangeVar *) node)->schemaname =
				pgcopy_map_expression_schema_name(state, ((RangeVar *) node)->schemaname);
			break;
		case T_ColumnRef:
			map_column(state, (ColumnRef *) node);
			break;
		case T_ResTarget:
			/* UPDATE ... SET column.field; of a SELECT it is where the value begins */
			if (((ResTarget *) node)->indirection != NIL)
				note_not_schema(state, ((ResTarget *) node)->location);
			break;
		case T_A_Const:
			if (find_string(node) != NULL)
				pgcopy_map_expression_doubt_string(state, pgcopy_const_string(find_string(node)));
			break;
		case T_TypeName:
			pgcopy_map_expression_names(state, ((TypeName *) node)->names);
			break;
		case T_FuncCall:
			pgcopy_map_expression_names(state, ((FuncCall *) node)->funcname);
			break;
		case T_A_Expr:
			pgcopy_map_expression_names(state, ((A_Expr *) node)->name);
			break;
		case T_SubLink:
			pgcopy_map_expression_names(state, ((SubLink *) node)->operName);
			break;
		case T_SortBy:
			pgcopy_map_expression_names(state, ((SortBy *) node)->useOp);
			break;
		case T_CollateClause:
			pgcopy_map_expression_names(state, ((CollateClause *) node)->collname);
			break;
		case T_RangeTableSample:
			pgcopy_map_expression_names(state, ((RangeTableSample *) node)->method);
			break;
		case T_IndexElem:
			pgcopy_map_expression_names(state, ((IndexElem *) node)->collation);
			pgcopy_map_expression_names(state, ((IndexElem *) node)->opclass);
			pgcopy_map_statement_options(state, ((IndexElem *) node)->opclassopts);
			break;
		case T_ColumnDef:
			pgcopy_map_expression_list(state, ((ColumnDef *) node)->constraints);
			break;
		case T_IntoClause:
			pgcopy_map_statement_options(state, ((IntoClause *) node)->options);
			((IntoClause *) node)->tableSpaceName =
				pgcopy_map_expression_tablespace(state, ((IntoClause *) node)->tableSpaceName);
			break;
		default:
			break;
	}
}

static bool
walk(Node *node, void *context)
{
	MapState   *state = context;

	if (node == NULL || map_unwalked(state, node))
		return false;
	map_walked(state, node);
	return raw_expression_tree_walker(node, walk, context);
}

void
pgcopy_map_expression_node(MapState *state, Node *node)
{
	(void) walk(node, state);
}
