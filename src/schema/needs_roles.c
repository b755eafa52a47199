/*-------------------------------------------------------------------------
 *
 * needs_roles.c
 *	  Roles that a dump names: owners, grantees, grantors, those of policies, user
 *	  mappings and default privileges.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/value.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "schema/needs_private.h"

static const char may_create_in_schema_sql[] =
"SELECT pg_catalog.has_schema_privilege($1::pg_catalog.name, n.oid, 'CREATE')"
" FROM pg_catalog.pg_namespace AS n WHERE n.nspname::pg_catalog.text = $2";

static const char may_create_in_database_sql[] =
"SELECT pg_catalog.has_database_privilege($1::pg_catalog.name,"
" pg_catalog.current_database()::pg_catalog.text, 'CREATE')";

static const char may_use_wrapper_sql[] =
"SELECT pg_catalog.has_foreign_data_wrapper_privilege($1::pg_catalog.name, f.oid, 'USAGE')"
" FROM pg_catalog.pg_foreign_data_wrapper AS f WHERE f.fdwname::pg_catalog.text = $2";

bool
pgcopy_needs_roles_can_act_as(const Needs *needs, Oid role)
{
	return needs->is_superuser ||
		(pgcopy_can_set_role(needs->role, role) && has_privs_of_role(needs->role, role));
}

/* Note a name in a list, once; "as" tells the lists apart. */
static void
note_name(Needs *needs, List **names, const char *as, const char *name)
{
	MemoryContext caller;

	if (!pgcopy_needs_report_is_first(needs, NEED_ROLE, psprintf("%s %s", as, name)))
		return;
	caller = MemoryContextSwitchTo(needs->context);
	*names = lappend(*names, pstrdup(name));
	MemoryContextSwitchTo(caller);
}

/* Return the role, or InvalidOid after noting that it is missing. */
static Oid
find_role(Needs *needs, const char *name)
{
	Oid			role = get_role_oid(name, true);

	note_name(needs, &needs->named_roles, "named", name);
	if (!OidIsValid(role) && !needs->creates_roles)
		pgcopy_needs_report_add(needs, NEED_ROLE, name);
	return role;
}

void
pgcopy_needs_expect_roles(Needs *needs)
{
	needs->creates_roles = true;
}

List *
pgcopy_needs_named_roles(const Needs *needs)
{
	return needs->named_roles;
}

List *
pgcopy_needs_owners(const Needs *needs)
{
	return needs->owners;
}

void
pgcopy_needs_roles_made(Needs *needs, const List *made)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, needs->named_roles)
	{
		const char *name = lfirst(lc);
		bool		is_made = OidIsValid(get_role_oid(name, true));

		foreach(lc2, made)
		{
			if (strcmp(lfirst(lc2), name) == 0)
				is_made = true;
		}
		if (!is_made)
			pgcopy_needs_report_add(needs, NEED_ROLE, name);
	}
}

static Oid
find_role_spec(Needs *needs, const RoleSpec *spec)
{
	if (spec == NULL || spec->roletype != ROLESPEC_CSTRING)
		return InvalidOid;
	return find_role(needs, spec->rolename);
}

static void
find_role_specs(Needs *needs, List *specs)
{
	ListCell   *lc;

	foreach(lc, specs)
		(void) find_role_spec(needs, lfirst_node(RoleSpec, lc));
}

/* The role must be here, and the job's role be able to act as it. */
static Oid
find_owner(Needs *needs, const char *name)
{
	Oid			role = find_role(needs, name);

	note_name(needs, &needs->owners, "owner", name);
	if (OidIsValid(role) && !pgcopy_needs_roles_can_act_as(needs, role))
		pgcopy_needs_report_add(needs, NEED_MEMBERSHIP, name);
	return role;
}

void
pgcopy_needs_note_owners(Needs *needs, List *names)
{
	ListCell   *lc;

	foreach(lc, names)
		(void) find_owner(needs, lfirst(lc));
}

void
pgcopy_needs_note_roles(Needs *needs, List *names)
{
	ListCell   *lc;

	foreach(lc, names)
		(void) find_role(needs, lfirst(lc));
}

/* A schema that is not here comes with an extension. */
bool
pgcopy_needs_roles_may_create_in(Needs *needs, Oid role, const char *schema)
{
	CreatedObject *created = pgcopy_needs_created_schema(needs, schema);

	if (created == NULL)
		return needs->creates_extension;
	return has_privs_of_role(role, created->owner) ||
		(created->is_here && pgcopy_needs_here_is(may_create_in_schema_sql,
												  GetUserNameFromId(role, false), schema));
}

static void
add_missing_right(Needs *needs, const char *owner, const char *right, const char *object)
{
	pgcopy_needs_report_add(needs, NEED_OWNER_CREATE,
							psprintf("%s %s for %s", right, quote_identifier(object),
									 quote_identifier(owner)));
}

/* Whatever the job's role is, some objects must belong to a superuser. */
static void
check_owner_is_superuser(Needs *needs, ObjectType type, const char *owner)
{
	Oid			role = get_role_oid(owner, true);

	if (!OidIsValid(role) || superuser_arg(role))
		return;
	if (type == OBJECT_EVENT_TRIGGER || type == OBJECT_FDW ||
		(type == OBJECT_SUBSCRIPTION && !OidIsValid(get_role_oid("pg_create_subscription", true))))
		pgcopy_needs_report_add(needs, NEED_OWNER_SUPERUSER, owner);
}

/*
 * The new owner must have the right to create the object.  The server does not
 * ask if the owner stays the same, nor for a superuser.
 */
static void
check_new_owner(Needs *needs, ObjectType type, const char *owner,
				const DumpStatement *statement)
{
	Oid			role = get_role_oid(owner, true);

	if (needs->is_superuser || !OidIsValid(role) || role == needs->role ||
		superuser_arg(role))
		return;
	if (statement->schema != NULL)
	{
		char	   *key = psprintf("%s in %s", owner, statement->schema);

		if (pgcopy_needs_report_is_first(needs, NEED_OWNER_CREATE, key) &&
			!pgcopy_needs_roles_may_create_in(needs, role, statement->schema))
			add_missing_right(needs, owner, "CREATE on schema", statement->schema);
	}
	else if (type == OBJECT_SCHEMA || type == OBJECT_PUBLICATION || type == OBJECT_SUBSCRIPTION)
	{
		if (!pgcopy_needs_here_is(may_create_in_database_sql, owner, NULL))
			add_missing_right(needs, owner, "CREATE on database", needs->database);
	}
	else if (type == OBJECT_FOREIGN_SERVER)
	{
		CreatedObject *server = pgcopy_needs_created_find(needs, 's', NULL, statement->name);

		if (server != NULL && server->wrapper != NULL &&
			!pgcopy_needs_here_is(may_use_wrapper_sql, owner, server->wrapper))
			add_missing_right(needs, owner, "USAGE on foreign-data wrapper", server->wrapper);
	}
}

/* Keep who owns a schema or a server from here on. */
static void
keep_owner(Needs *needs, ObjectType type, const char *name, Oid role)
{
	CreatedObject *created = NULL;

	if (type == OBJECT_SCHEMA)
		created = pgcopy_needs_created_find(needs, 'n', NULL, name);
	else if (type == OBJECT_FOREIGN_SERVER)
		created = pgcopy_needs_created_find(needs, 's', NULL, name);
	if (created != NULL && OidIsValid(role) &&
		(!created->is_here || pgcopy_needs_roles_can_act_as(needs, role)))
		created->owner = role;
}

static void
note_owner(Needs *needs, ObjectType type, const RoleSpec *spec,
		   const DumpStatement *statement)
{
	Oid			role;

	if (spec == NULL || spec->roletype != ROLESPEC_CSTRING)
		return;
	role = find_owner(needs, spec->rolename);
	check_owner_is_superuser(needs, type, spec->rolename);
	check_new_owner(needs, type, spec->rolename, statement);
	if (statement->name != NULL)
		keep_owner(needs, type, statement->name, role);
}

static void
note_alter_table(Needs *needs, AlterTableStmt *alter, const DumpStatement *statement)
{
	ListCell   *lc;

	foreach(lc, alter->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		if (cmd->subtype == AT_ChangeOwner)
			note_owner(needs, alter->objtype, cmd->newowner, statement);
	}
}

static void
note_default_privileges(Needs *needs, AlterDefaultPrivilegesStmt *alter)
{
	ListCell   *lc;

	find_role_specs(needs, alter->action->grantees);
	foreach(lc, alter->options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);
		ListCell   *role;

		if (strcmp(option->defname, "roles") != 0)
			continue;
		foreach(role, (List *) option->arg)
			(void) find_owner(needs, lfirst_node(RoleSpec, role)->rolename);
	}
}

static void
note_server(Needs *needs, CreateForeignServerStmt *create)
{
	CreatedObject *server = pgcopy_needs_created_find(needs, 's', NULL, create->servername);

	if (server != NULL)
		server->wrapper = MemoryContextStrdup(needs->context, create->fdwname);
	if (!needs->is_superuser &&
		!pgcopy_needs_here_is(may_use_wrapper_sql, needs->role_name, create->fdwname))
		pgcopy_needs_report_add(needs, NEED_WRAPPER_USAGE,
								quote_identifier(create->fdwname));
}

/* SET SESSION AUTHORIZATION, which pg_dump writes for grantors, needs a superuser. */
static void
note_grantor(Needs *needs, const char *grantor)
{
	Oid			role;

	if (grantor == NULL)
		return;
	role = find_role(needs, grantor);
	if ((OidIsValid(role) || needs->creates_roles) && role != needs->role &&
		!needs->is_superuser)
		pgcopy_needs_report_add(needs, NEED_GRANTOR, grantor);
}

void
pgcopy_needs_roles_note(Needs *needs, Node *node, const DumpStatement *statement)
{
	note_grantor(needs, statement->settings->session_authorization);
	switch (nodeTag(node))
	{
		case T_AlterOwnerStmt:
			if (!pgcopy_needs_created_is_no_change(needs, (AlterOwnerStmt *) node))
				note_owner(needs, ((AlterOwnerStmt *) node)->objectType,
						   ((AlterOwnerStmt *) node)->newowner, statement);
			break;
		case T_AlterTableStmt:
			note_alter_table(needs, (AlterTableStmt *) node, statement);
			break;
		case T_GrantStmt:
			find_role_specs(needs, ((GrantStmt *) node)->grantees);
			break;
		case T_AlterDefaultPrivilegesStmt:
			note_default_privileges(needs, (AlterDefaultPrivilegesStmt *) node);
			break;
		case T_CreatePolicyStmt:
			find_role_specs(needs, ((CreatePolicyStmt *) node)->roles);
			break;
		case T_CreateUserMappingStmt:
			(void) find_role_spec(needs, ((CreateUserMappingStmt *) node)->user);
			break;
		case T_CreateForeignServerStmt:
			note_server(needs, (CreateForeignServerStmt *) node);
			break;
		case T_CreateSchemaStmt:
			(void) find_role_spec(needs, ((CreateSchemaStmt *) node)->authrole);
			break;
		default:
			break;
	}
}
