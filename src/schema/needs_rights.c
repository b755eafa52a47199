/*-------------------------------------------------------------------------
 *
 * needs_rights.c
 *	  Statements that a role that is not a superuser may not run here.
 *
 * What belongs to another role by ALTER ... OWNER TO, needs_roles.c looks at.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/value.h"
#include "parser/parse_type.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "schema/needs_private.h"

/* $1: a role or "public"; %s: the privilege, as a literal. */
static const char has_privilege_on_schema_sql[] =
"SELECT pg_catalog.has_schema_privilege($1::pg_catalog.name, n.oid, %s)"
" FROM pg_catalog.pg_namespace AS n WHERE n.nspname::pg_catalog.text = $2";

static const char may_create_in_database_sql[] =
"SELECT pg_catalog.has_database_privilege(pg_catalog.current_database()::pg_catalog.text,"
" 'CREATE')";

static bool
is_internal(DefElem *option)
{
	List	   *names;

	if (strcmp(option->defname, "stype") != 0 && strcmp(option->defname, "mstype") != 0)
		return false;
	if (option->arg == NULL || !IsA(option->arg, TypeName))
		return false;
	names = ((TypeName *) option->arg)->names;
	return names != NIL && strcmp(strVal(llast(names)), "internal") == 0;
}

static bool
definition_needs_superuser(DefineStmt *define)
{
	ListCell   *lc;

	switch (define->kind)
	{
		case OBJECT_TYPE:		/* a base type or a shell */
		case OBJECT_TSPARSER:
		case OBJECT_TSTEMPLATE:
			return true;
		case OBJECT_AGGREGATE:
			foreach(lc, define->definition)
			{
				if (is_internal(lfirst_node(DefElem, lc)))
					return true;
			}
			return false;
		default:
			return false;
	}
}

static bool
publishes_schemas(List *objects)
{
	ListCell   *lc;

	foreach(lc, objects)
	{
		if (pgcopy_is_schema_of_publication(lfirst(lc)))
			return true;
	}
	return false;
}

static bool
may_subscribe(const Needs *needs)
{
	Oid			role = get_role_oid("pg_create_subscription", true);

	return OidIsValid(role) && has_privs_of_role(needs->role, role);
}

/* A transform needs ownership of its type and functions. */
static bool
owns_transform(Needs *needs, CreateTransformStmt *create)
{
	return pgcopy_needs_created_has_type(needs, create->type_name) &&
		(create->fromsql == NULL ||
		 pgcopy_needs_created_has_function(needs, create->fromsql)) &&
		(create->tosql == NULL ||
		 pgcopy_needs_created_has_function(needs, create->tosql));
}

static bool
needs_superuser(Needs *needs, Node *node)
{
	switch (nodeTag(node))
	{
		case T_CreateEventTrigStmt:
		case T_CreateFdwStmt:
		case T_CreatePLangStmt:
		case T_CreateAmStmt:
		case T_CreateOpClassStmt:
		case T_CreateOpFamilyStmt:
		case T_AlterOpFamilyStmt:
			return true;
		case T_CreatePublicationStmt:
			return ((CreatePublicationStmt *) node)->for_all_tables;
		case T_AlterPublicationStmt:
			return publishes_schemas(pgcopy_publication_members((AlterPublicationStmt *) node));
		case T_CreateSubscriptionStmt:
			return !may_subscribe(needs);
		case T_DefineStmt:
			return definition_needs_superuser((DefineStmt *) node);
		case T_CreateTransformStmt:
			return !owns_transform(needs, (CreateTransformStmt *) node);
		default:
			return false;
	}
}

static void
add_superuser(Needs *needs, Node *node, const DumpStatement *statement)
{
	char	   *label = pgcopy_needs_report_label(statement);

	if (IsA(node, AlterPublicationStmt))
		label = psprintf("%s (tables in a schema)", label);
	else if (IsA(node, CreateTransformStmt))
		label = psprintf("transform for %s language %s",
						 TypeNameToString(((CreateTransformStmt *) node)->type_name),
						 quote_identifier(((CreateTransformStmt *) node)->lang));
	pgcopy_needs_report_add(needs, NEED_SUPERUSER, label);
}

/* A cast needs ownership of one of the types. */
static void
check_cast(Needs *needs, CreateCastStmt *create)
{
	if ((create->func != NULL || create->inout) &&
		(pgcopy_needs_created_has_type(needs, create->sourcetype) ||
		 pgcopy_needs_created_has_type(needs, create->targettype)))
		return;
	pgcopy_needs_report_add(needs, NEED_SUPERUSER,
							psprintf("cast (%s AS %s)",
									 TypeNameToString(create->sourcetype),
									 TypeNameToString(create->targettype)));
}

/* What is created in the database itself, not in a schema. */
static void
check_database(Needs *needs, Node *node, const DumpStatement *statement)
{
	if (!IsA(node, CreateSchemaStmt) && !IsA(node, CreatePublicationStmt))
		return;
	if (IsA(node, CreateSchemaStmt) &&
		pgcopy_needs_created_schema(needs, statement->name) != NULL)
		return;
	if (!pgcopy_needs_here_is(may_create_in_database_sql, NULL, NULL))
		pgcopy_needs_report_add(needs, NEED_DATABASE_CREATE,
								pgcopy_needs_report_label(statement));
}

/* Where objects are created there is a schema here, or the dump creates it. */
static void
check_schema(Needs *needs, const DumpStatement *statement)
{
	const char *schema = statement->schema;
	CreatedObject *created;

	if (schema == NULL || strncmp(statement->tag, "CREATE", 6) != 0 ||
		!pgcopy_needs_report_is_first(needs, NEED_SCHEMA_CREATE, schema))
		return;
	created = pgcopy_needs_created_schema(needs, schema);
	if (created == NULL)
	{
		if (!needs->creates_extension)
			pgcopy_needs_report_add(needs, NEED_SCHEMA, quote_identifier(schema));
	}
	else if (created->is_here && !needs->is_superuser &&
			 !pgcopy_needs_roles_may_create_in(needs, needs->role, schema))
		pgcopy_needs_report_add(needs, NEED_SCHEMA_CREATE, quote_identifier(schema));
}

/* COMMENT ON, ALTER ... OWNER and the like of a schema that is here, as public. */
static void
check_schema_owner(Needs *needs, const char *schema)
{
	CreatedObject *created = pgcopy_needs_created_schema(needs, schema);

	if (created == NULL ? !needs->creates_extension :
		created->is_here && !has_privs_of_role(needs->role, created->owner))
		pgcopy_needs_report_add(needs, NEED_OWNERSHIP,
								psprintf("schema %s", quote_identifier(schema)));
}

static bool
has_privilege_on_schema(const char *role, const char *privilege, const char *schema)
{
	return pgcopy_needs_here_is(psprintf(has_privilege_on_schema_sql,
										 quote_literal_cstr(privilege)), role, schema);
}

/* Has a role, or PUBLIC, what a GRANT on a schema gives? */
static bool
has_all_of_grant(const GrantStmt *grant, const RoleSpec *spec, const char *schema)
{
	const char *role = spec->roletype == ROLESPEC_PUBLIC ? "public" : spec->rolename;
	const char *option = grant->grant_option ? " WITH GRANT OPTION" : "";
	ListCell   *lc;

	if (spec->roletype == ROLESPEC_CSTRING && !OidIsValid(get_role_oid(role, true)))
		return false;
	foreach(lc, grant->privileges)
	{
		const AccessPriv *privilege = lfirst(lc);

		if (!has_privilege_on_schema(role, psprintf("%s%s", privilege->priv_name, option),
									 schema))
			return false;
	}
	return grant->privileges != NIL ||
		(has_privilege_on_schema(role, psprintf("CREATE%s", option), schema) &&
		 has_privilege_on_schema(role, psprintf("USAGE%s", option), schema));
}

/*
 * Without the right to grant, GRANT is an error for a role that has no privilege
 * itself, and a warning for others.  So it does no harm if all of it is here.
 */
static bool
is_granted_here(const Needs *needs, const GrantStmt *grant, const char *schema)
{
	ListCell   *lc;

	if (!grant->is_grant ||
		!has_privilege_on_schema(needs->role_name, "USAGE, CREATE", schema))
		return false;
	foreach(lc, grant->grantees)
	{
		if (!has_all_of_grant(grant, lfirst_node(RoleSpec, lc), schema))
			return false;
	}
	return true;
}

/* Whether the dump creates an object, and so the job's role owns it. */
static bool
creates_object(Needs *needs, ObjectType type, Node *object)
{
	RangeVar   *relation;

	switch (type)
	{
		case OBJECT_TABLE:
		case OBJECT_SEQUENCE:
			relation = castNode(RangeVar, object);
			return pgcopy_needs_created_find(needs, 'r', relation->schemaname,
											 relation->relname) != NULL;
		case OBJECT_FUNCTION:
		case OBJECT_PROCEDURE:
		case OBJECT_ROUTINE:
			return pgcopy_needs_created_has_function(needs, castNode(ObjectWithArgs, object));
		case OBJECT_TYPE:
		case OBJECT_DOMAIN:
			return pgcopy_needs_created_has_type(needs,
												 makeTypeNameFromNameList((List *) object));
		case OBJECT_LANGUAGE:
			return pgcopy_needs_created_find(needs, 'l', NULL, strVal(object)) != NULL;
		case OBJECT_FDW:
			return pgcopy_needs_created_find(needs, 'w', NULL, strVal(object)) != NULL;
		case OBJECT_FOREIGN_SERVER:
			return pgcopy_needs_created_find(needs, 's', NULL, strVal(object)) != NULL;
		default:
			return true;
	}
}

static void
check_grant(Needs *needs, GrantStmt *grant, const DumpStatement *statement)
{
	ListCell   *lc;

	if (grant->targtype != ACL_TARGET_OBJECT)
		return;
	foreach(lc, grant->objects)
	{
		Node	   *object = lfirst(lc);

		if (grant->objtype == OBJECT_SCHEMA)
		{
			if (!is_granted_here(needs, grant, strVal(object)))
				check_schema_owner(needs, strVal(object));
		}
		else if (!creates_object(needs, grant->objtype, object) &&
				 !(needs->owns_members && statement->schema != NULL &&
				   strcmp(statement->schema, "pg_catalog") != 0))
			pgcopy_needs_report_add(needs, NEED_GRANT_ON_MEMBER,
									statement->schema != NULL ?
									quote_qualified_identifier(statement->schema,
															   statement->name) :
									quote_identifier(statement->name));
	}
}

/* Statements about a schema. */
static void
check_about_schema(Needs *needs, Node *node, const DumpStatement *statement)
{
	ObjectType	type = OBJECT_TABLE;

	if (IsA(node, CommentStmt))
		type = ((CommentStmt *) node)->objtype;
	else if (IsA(node, SecLabelStmt))
		type = ((SecLabelStmt *) node)->objtype;
	else if (IsA(node, AlterOwnerStmt) &&
			 !pgcopy_needs_created_is_no_change(needs, (AlterOwnerStmt *) node))
		type = ((AlterOwnerStmt *) node)->objectType;
	if (type == OBJECT_SCHEMA && statement->name != NULL)
		check_schema_owner(needs, statement->name);
}

void
pgcopy_needs_rights_note(Needs *needs, Node *node, const DumpStatement *statement)
{
	check_schema(needs, statement);
	if (IsA(node, CreateFunctionStmt))
		pgcopy_needs_functions_note(needs, (CreateFunctionStmt *) node, statement);
	if (needs->is_superuser)
		return;
	if (needs_superuser(needs, node))
		add_superuser(needs, node, statement);
	else
		check_database(needs, node, statement);
	if (IsA(node, CreateCastStmt))
		check_cast(needs, (CreateCastStmt *) node);
	if (IsA(node, GrantStmt))
		check_grant(needs, (GrantStmt *) node, statement);
	check_about_schema(needs, node, statement);
}
