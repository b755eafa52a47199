/*-------------------------------------------------------------------------
 *
 * map_statement.c
 *	  Change the names of schemas in the statements that pg_dump writes.
 *
 * Statements that name no schema are not here, and neither are those that pg_dump
 * does not write: map.c refuses these if their text has the name.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/value.h"

#include "base/compat.h"
#include "base/options.h"
#include "base/sqltext.h"
#include "schema/map_private.h"

#define MAP_NODE(field) \
	pgcopy_map_expression_node(state, (Node *) statement->field)
#define MAP_LIST(field) \
	pgcopy_map_expression_list(state, statement->field)
#define MAP_NAMES(field) \
	pgcopy_map_expression_names(state, statement->field)
#define MAP_OPTIONS(field) \
	pgcopy_map_statement_options(state, statement->field)

/* A case of a switch over nodeTag(node). */
#define CASE(type, actions) \
	case T_##type: \
		{ \
			type	   *statement = (type *) node; \
			actions; \
			break; \
		}

/*-------------------------------------------------------------------------
 * Options
 *-------------------------------------------------------------------------
 */

/* SET of a function: search_path is a list of schemas. */
static void
map_setting(MapState *state, VariableSetStmt *set)
{
	bool		is_path = set->name != NULL && strcmp(set->name, "search_path") == 0;
	ListCell   *lc;

	foreach(lc, set->args)
	{
		A_Const    *constant = lfirst(lc);
		MappedString *string;
		const char *to;

		if (!IsA(constant, A_Const) || !pgcopy_const_is_string(constant))
			continue;
		to = pgcopy_sqltext_mapped(state->schemas, pgcopy_const_string(constant));
		if (is_path && to != NULL)
		{
			string = palloc(sizeof(MappedString));
			string->location = constant->location;
			string->value = pgcopy_const_string(constant) = pstrdup(to);
			state->strings = lappend(state->strings, string);
		}
		else if (!is_path && state->doubt == MAP_CERTAIN &&
				 pgcopy_sqltext_mentions(state->schemas, pgcopy_const_string(constant),
										 strlen(pgcopy_const_string(constant)), true))
			state->doubt = MAP_SETTING;
	}
}

/* A List of names is one qualified name, unless it has parts that are no String. */
static void
map_option(MapState *state, DefElem *option)
{
	Node	   *arg = option->arg;

	if (option->defnamespace != NULL)
		state->not_schemas = lappend_int(state->not_schemas, option->location);
	if (arg == NULL)
		return;
	if (IsA(arg, VariableSetStmt))
		map_setting(state, (VariableSetStmt *) arg);
	else if (strcmp(option->defname, "schema") == 0)
		pgcopy_map_expression_schema(state, arg);
	else if (IsA(arg, String))
		pgcopy_map_expression_doubt_string(state, strVal(arg));
	else if (IsA(arg, List) && arg != (Node *) NIL && IsA(linitial((List *) arg), String))
		pgcopy_map_expression_names(state, (List *) arg);
	else if (IsA(arg, List) || IsA(arg, TypeName))
		pgcopy_map_expression_node(state, arg);
}

void
pgcopy_map_statement_options(MapState *state, List *options)
{
	ListCell   *lc;

	foreach(lc, options)
		map_option(state, lfirst_node(DefElem, lc));
}

static const char *
find_language(List *options)
{
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "language") == 0)
			return strVal(option->arg);
	}
	return "sql";
}

/* The text of a function; of one in C it is a file. */
static void
doubt_body(MapState *state, const char *language, List *texts)
{
	bool		is_sql = strcmp(language, "sql") == 0 || strcmp(language, "plpgsql") == 0;
	const char *body = strVal(linitial(texts));

	if (strcmp(language, "c") != 0 && strcmp(language, "internal") != 0 &&
		pgcopy_sqltext_mentions(state->schemas, body, strlen(body), is_sql))
		state->doubt = MAP_BODY;
}

static void
map_function(MapState *state, CreateFunctionStmt *statement)
{
	const char *language = find_language(statement->options);
	ListCell   *lc;

	MAP_NAMES(funcname);
	MAP_LIST(parameters);
	MAP_NODE(returnType);
	MAP_NODE(sql_body);
	foreach(lc, statement->options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "as") == 0)
			doubt_body(state, language, (List *) option->arg);
		else if (strcmp(option->defname, "language") != 0)
			map_option(state, option);
	}
}

/*-------------------------------------------------------------------------
 * Objects that other statements have made
 *-------------------------------------------------------------------------
 */

/* The two lists of arguments share the types of those that are no OUT. */
static void
map_object_with_args(MapState *state, ObjectWithArgs *object)
{
	ListCell   *lc;

	if (object == NULL)
		return;
	pgcopy_map_expression_names(state, object->objname);
	pgcopy_map_expression_list(state, object->objargs);
	foreach(lc, object->objfuncargs)
	{
		FunctionParameter *parameter = lfirst_node(FunctionParameter, lc);

		if (!list_member_ptr(object->objargs, parameter->argType))
			pgcopy_map_expression_node(state, (Node *) parameter->argType);
	}
}

/* List: a name, a name after that of an access method, or types and a name. */
static void
map_object_list(MapState *state, ObjectType type, List *object)
{
	ListCell   *lc;

	if (type == OBJECT_OPCLASS || type == OBJECT_OPFAMILY)
	{
		if (list_length(object) > 2)
			pgcopy_map_expression_schema(state, lsecond(object));
		return;
	}
	if (IsA(linitial(object), String))
	{
		pgcopy_map_expression_names(state, object);
		return;
	}
	foreach(lc, object)
		pgcopy_map_expression_node(state, lfirst(lc));
}

static void
map_object(MapState *state, ObjectType type, Node *object)
{
	if (object == NULL)
		return;
	switch (nodeTag(object))
	{
		case T_String:
			if (type == OBJECT_SCHEMA)
				pgcopy_map_expression_schema(state, object);
			break;
		case T_List:
			map_object_list(state, type, (List *) object);
			break;
		case T_ObjectWithArgs:
			map_object_with_args(state, (ObjectWithArgs *) object);
			break;
		case T_RangeVar:
		case T_TypeName:
			pgcopy_map_expression_node(state, object);
			break;
		default:
			break;
	}
}

static void
map_grant(MapState *state, GrantStmt *grant)
{
	ListCell   *lc;

	foreach(lc, grant->objects)
		map_object(state, grant->objtype, lfirst(lc));
}

static void
map_default_privileges(MapState *state, AlterDefaultPrivilegesStmt *alter)
{
	ListCell   *lc;
	ListCell   *name;

	foreach(lc, alter->options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "schemas") == 0)
			foreach(name, (List *) option->arg)
				pgcopy_map_expression_schema(state, lfirst(name));
	}
}

static bool
map_about_object(MapState *state, Node *node)
{
	switch (nodeTag(node))
	{
		CASE(CommentStmt, map_object(state, statement->objtype, statement->object))
		CASE(SecLabelStmt, map_object(state, statement->objtype, statement->object))
		CASE(AlterOwnerStmt, MAP_NODE(relation);
			 map_object(state, statement->objectType, statement->object))
		CASE(AlterObjectDependsStmt, MAP_NODE(relation);
			 map_object(state, statement->objectType, statement->object))
		CASE(GrantStmt, map_grant(state, statement))
		CASE(AlterDefaultPrivilegesStmt, map_default_privileges(state, statement))
		default:
			return false;
	}
	return true;
}

/*-------------------------------------------------------------------------
 * Relations and their parts
 *-------------------------------------------------------------------------
 */

static void
map_create_table(MapState *state, CreateStmt *statement)
{
	MAP_NODE(relation);
	MAP_LIST(tableElts);
	MAP_LIST(inhRelations);
	MAP_NODE(partbound);
	MAP_NODE(partspec);
	MAP_NODE(ofTypename);
	MAP_LIST(constraints);
	MAP_OPTIONS(options);
	statement->tablespacename = pgcopy_map_expression_tablespace(state, statement->tablespacename);
}

/* What is OPTIONS (...) names things of another server. */
static void
map_alter_table(MapState *state, AlterTableStmt *statement)
{
	ListCell   *lc;

	MAP_NODE(relation);
	foreach(lc, statement->cmds)
	{
		AlterTableCmd *command = lfirst_node(AlterTableCmd, lc);

		if (command->subtype == AT_SetTableSpace)
			command->name = pgcopy_map_expression_tablespace(state, command->name);
		else if (command->subtype != AT_GenericOptions &&
				 command->subtype != AT_AlterColumnGenericOptions)
			pgcopy_map_expression_node(state, command->def);
	}
}

static void
map_index(MapState *state, IndexStmt *statement)
{
	MAP_NODE(relation);
	MAP_LIST(indexParams);
	MAP_LIST(indexIncludingParams);
	MAP_OPTIONS(options);
	MAP_NODE(whereClause);
	statement->tableSpace = pgcopy_map_expression_tablespace(state, statement->tableSpace);
}

static void
map_trigger(MapState *state, CreateTrigStmt *statement)
{
	ListCell   *lc;

	MAP_NODE(relation);
	MAP_NAMES(funcname);
	MAP_NODE(whenClause);
	MAP_NODE(constrrel);
	foreach(lc, statement->args)
		pgcopy_map_expression_doubt_string(state, strVal(lfirst(lc)));
}

static bool
map_relation(MapState *state, Node *node)
{
	switch (nodeTag(node))
	{
		CASE(CreateStmt, map_create_table(state, statement))
		CASE(CreateForeignTableStmt, map_create_table(state, &statement->base))
		CASE(CreateTableAsStmt, MAP_NODE(into); MAP_NODE(query))
		CASE(ViewStmt, MAP_NODE(view); MAP_NODE(query); MAP_OPTIONS(options))
		CASE(RefreshMatViewStmt, MAP_NODE(relation))
		CASE(CreateSeqStmt, MAP_NODE(sequence); MAP_OPTIONS(options))
		CASE(AlterSeqStmt, MAP_NODE(sequence); MAP_OPTIONS(options))
		CASE(AlterTableStmt, map_alter_table(state, statement))
		CASE(IndexStmt, map_index(state, statement))
		CASE(CreateTrigStmt, map_trigger(state, statement))
		CASE(RuleStmt, MAP_NODE(relation); MAP_NODE(whereClause); MAP_LIST(actions))
		CASE(CreatePolicyStmt, MAP_NODE(table); MAP_NODE(qual); MAP_NODE(with_check))
		CASE(CreateStatsStmt, MAP_NAMES(defnames); MAP_LIST(exprs); MAP_LIST(relations))
		CASE(AlterStatsStmt, MAP_NAMES(defnames))
		default:
			return false;
	}
	return true;
}

/*-------------------------------------------------------------------------
 * Types, functions and the rest
 *-------------------------------------------------------------------------
 */

static bool
map_type(MapState *state, Node *node)
{
	switch (nodeTag(node))
	{
		CASE(CompositeTypeStmt, MAP_NODE(typevar); MAP_LIST(coldeflist))
		CASE(CreateEnumStmt, MAP_NAMES(typeName))
		CASE(AlterEnumStmt, MAP_NAMES(typeName))
		CASE(CreateRangeStmt, MAP_NAMES(typeName); MAP_OPTIONS(params))
		CASE(CreateDomainStmt, MAP_NAMES(domainname); MAP_NODE(typeName);
			 MAP_NODE(collClause); MAP_LIST(constraints))
		CASE(AlterDomainStmt, MAP_NAMES(typeName); MAP_NODE(def))
		default:
			return false;
	}
	return true;
}

static void
map_class_items(MapState *state, List *items)
{
	ListCell   *lc;

	foreach(lc, items)
	{
		CreateOpClassItem *item = lfirst_node(CreateOpClassItem, lc);

		map_object_with_args(state, item->name);
		pgcopy_map_expression_names(state, item->order_family);
		pgcopy_map_expression_list(state, item->class_args);
		pgcopy_map_expression_node(state, (Node *) item->storedtype);
	}
}

static bool
map_function_like(MapState *state, Node *node)
{
	switch (nodeTag(node))
	{
		CASE(CreateFunctionStmt, map_function(state, statement))
		CASE(DefineStmt, MAP_NAMES(defnames); MAP_LIST(args); MAP_OPTIONS(definition))
		CASE(CreateOpClassStmt, MAP_NAMES(opclassname); MAP_NAMES(opfamilyname);
			 MAP_NODE(datatype); map_class_items(state, statement->items))
		CASE(CreateOpFamilyStmt, MAP_NAMES(opfamilyname))
		CASE(AlterOpFamilyStmt, MAP_NAMES(opfamilyname);
			 map_class_items(state, statement->items))
		CASE(CreateCastStmt, MAP_NODE(sourcetype); MAP_NODE(targettype);
			 map_object_with_args(state, statement->func))
		CASE(CreateTransformStmt, MAP_NODE(type_name);
			 map_object_with_args(state, statement->fromsql);
			 map_object_with_args(state, statement->tosql))
		CASE(CreateConversionStmt, MAP_NAMES(conversion_name); MAP_NAMES(func_name))
		CASE(CreateEventTrigStmt, MAP_NAMES(funcname))
		CASE(CreatePLangStmt, MAP_NAMES(plhandler); MAP_NAMES(plinline);
			 MAP_NAMES(plvalidator))
		CASE(CreateFdwStmt, MAP_OPTIONS(func_options))
		CASE(CreateAmStmt, MAP_NAMES(handler_name))
		default:
			return false;
	}
	return true;
}

static void
map_publication(MapState *state, List *members)
{
	ListCell   *lc;

	foreach(lc, members)
	{
#ifdef PGCOPY_HAS_SCHEMAS_IN_PUBLICATIONS
		PublicationObjSpec *object = lfirst_node(PublicationObjSpec, lc);

		object->name = pgcopy_map_expression_schema_name(state, object->name);
		if (object->pubtable == NULL)
			continue;
		pgcopy_map_expression_node(state, (Node *) object->pubtable->relation);
		pgcopy_map_expression_node(state, object->pubtable->whereClause);
#else
		pgcopy_map_expression_node(state, lfirst(lc));
#endif
	}
}

static void
map_search_configuration(MapState *state, AlterTSConfigurationStmt *statement)
{
	ListCell   *lc;

	MAP_NAMES(cfgname);
	foreach(lc, statement->dicts)
		pgcopy_map_expression_names(state, lfirst(lc));
}

static void
map_create_schema(MapState *state, CreateSchemaStmt *statement)
{
	statement->schemaname = pgcopy_map_expression_schema_name(state, statement->schemaname);
	if (state->keeps_schemas)
		statement->if_not_exists = true;
}

void
pgcopy_map_statement_tree(MapState *state, Node *node)
{
	if (map_about_object(state, node) || map_relation(state, node) ||
		map_type(state, node) || map_function_like(state, node))
		return;
	switch (nodeTag(node))
	{
		CASE(CreateSchemaStmt, map_create_schema(state, statement))
		CASE(CreateExtensionStmt, MAP_OPTIONS(options))
		CASE(CreatePublicationStmt, map_publication(state, pgcopy_publication_members(statement)))
		CASE(AlterPublicationStmt, map_publication(state, pgcopy_publication_members(statement)))
		CASE(AlterTSConfigurationStmt, map_search_configuration(state, statement))
		CASE(SelectStmt, MAP_NODE(targetList))
		default:
			break;
	}
}
