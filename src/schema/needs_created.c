/*-------------------------------------------------------------------------
 *
 * needs_created.c
 *	  The objects that statements of a dump create, and who owns them.
 *
 * Classes: relation (r), type (t; a relation is one too), function (f), schema
 * (n), extension (e), language (l), foreign-data wrapper (w), server (s), access
 * method (a).  Functions that differ only in their arguments are one.
 *
 * A schema that is here stays, also if the dump would create it (needless.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_namespace.h"
#include "commands/defrem.h"
#include "nodes/value.h"
#include "utils/acl.h"
#include "utils/syscache.h"

#include "schema/needs_private.h"

static void
make_key(char *key, char class, const char *schema, const char *name)
{
	snprintf(key, NEEDS_KEY_SIZE, "%c%s.%s", class, schema ? schema : "", name);
}

CreatedObject *
pgcopy_needs_created_find(Needs *needs, char class, const char *schema, const char *name)
{
	char		key[NEEDS_KEY_SIZE];

	make_key(key, class, schema, name);
	return hash_search(needs->created, key, HASH_FIND, NULL);
}

static CreatedObject *
add(Needs *needs, char class, const char *schema, const char *name)
{
	char		key[NEEDS_KEY_SIZE];
	CreatedObject *object;

	make_key(key, class, schema, name);
	object = hash_search(needs->created, key, HASH_ENTER, NULL);
	object->owner = needs->role;
	object->is_here = false;
	object->wrapper = NULL;
	return object;
}

/* Return a schema that is here or that the dump has created, else NULL. */
CreatedObject *
pgcopy_needs_created_schema(Needs *needs, const char *name)
{
	CreatedObject *object = pgcopy_needs_created_find(needs, 'n', NULL, name);
	HeapTuple	tuple;

	if (object != NULL)
		return object;
	tuple = SearchSysCache1(NAMESPACENAME, CStringGetDatum(name));
	if (!HeapTupleIsValid(tuple))
		return NULL;
	object = add(needs, 'n', NULL, name);
	object->owner = ((Form_pg_namespace) GETSTRUCT(tuple))->nspowner;
	object->is_here = true;
	ReleaseSysCache(tuple);
	return object;
}

/* ALTER SCHEMA ... OWNER TO the owner that it has asks for no rights. */
bool
pgcopy_needs_created_is_no_change(Needs *needs, const AlterOwnerStmt *alter)
{
	CreatedObject *object;

	if (alter->objectType != OBJECT_SCHEMA || alter->newowner->roletype != ROLESPEC_CSTRING)
		return false;
	object = pgcopy_needs_created_schema(needs, strVal(alter->object));
	return object != NULL && object->owner == get_role_oid(alter->newowner->rolename, true);
}

static char
class_of(Node *node)
{
	switch (nodeTag(node))
	{
		case T_CreateStmt:
		case T_CreateForeignTableStmt:
		case T_CreateTableAsStmt:
		case T_ViewStmt:
		case T_CreateSeqStmt:
			return 'r';
		case T_CompositeTypeStmt:
		case T_CreateDomainStmt:
		case T_CreateEnumStmt:
		case T_CreateRangeStmt:
			return 't';
		case T_CreateFunctionStmt:
			return 'f';
		case T_CreateSchemaStmt:
			return 'n';
		case T_CreateExtensionStmt:
			return 'e';
		case T_CreatePLangStmt:
			return 'l';
		case T_CreateFdwStmt:
			return 'w';
		case T_CreateForeignServerStmt:
			return 's';
		case T_CreateAmStmt:
			return 'a';
		case T_DefineStmt:
			switch (((DefineStmt *) node)->kind)
			{
				case OBJECT_TYPE:
					return 't';
				case OBJECT_AGGREGATE:
					return 'f';
				default:
					return '\0';
			}
		default:
			return '\0';
	}
}

void
pgcopy_needs_created_note(Needs *needs, Node *node, const DumpStatement *statement)
{
	char		class = class_of(node);

	if (class == '\0' || statement->name == NULL ||
		(class == 'n' && pgcopy_needs_created_schema(needs, statement->name) != NULL))
		return;
	(void) add(needs, class, statement->schema, statement->name);
	if (class == 'r')
		(void) add(needs, 't', statement->schema, statement->name);
}

/* Look for the last two words of a name. */
static bool
has_name(Needs *needs, char class, List *names)
{
	int			n = list_length(names);

	return n >= 2 &&
		pgcopy_needs_created_find(needs, class, strVal(list_nth(names, n - 2)),
								  strVal(list_nth(names, n - 1))) != NULL;
}

bool
pgcopy_needs_created_has_type(Needs *needs, TypeName *type)
{
	return has_name(needs, 't', type->names);
}

bool
pgcopy_needs_created_has_function(Needs *needs, ObjectWithArgs *function)
{
	return has_name(needs, 'f', function->objname);
}
