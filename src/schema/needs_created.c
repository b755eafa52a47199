/*-------------------------------------------------------------------------
 *
 * needs_created.c
 *	  The objects that statements of a dump create, and who owns them.
 *
 * Classes: relation (r), type (t; a relation is one too), function (f), schema
 * (n), extension (e), language (l), foreign-data wrapper (w), server (s), access
 * method (a).  Functions that differ only in their arguments are one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/defrem.h"
#include "nodes/value.h"

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

static void
add(Needs *needs, char class, const char *schema, const char *name)
{
	char		key[NEEDS_KEY_SIZE];
	CreatedObject *object;

	if (name == NULL)
		return;
	make_key(key, class, schema, name);
	object = hash_search(needs->created, key, HASH_ENTER, NULL);
	object->owner = needs->role;
	object->wrapper = NULL;
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

	if (class == '\0')
		return;
	add(needs, class, statement->schema, statement->name);
	if (class == 'r')
		add(needs, 't', statement->schema, statement->name);
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
