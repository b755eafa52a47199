/*-------------------------------------------------------------------------
 *
 * needs.c
 *	  What the statements of a dump need of this server and of the job's role.
 *
 * Whatever would fail while statements run, but can be known before the first
 * of them, is found here.  Each statement is looked at once, in dump order, as a
 * parse tree: so nothing is asked about what pg_dump leaves out, and sources of
 * all versions look alike.  What the server checks in a function that can be
 * called by itself is left to it (needs_here.c).
 *
 * Statements run in dump order, except that privileges come last: a role that
 * owns an object has no more rights on its schema than ownership gives.
 *
 * A superuser has all rights, but not all roles, tablespaces, files ...
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "schema/needs_private.h"

static HTAB *
make_table(const char *name, Size entry_size)
{
	HASHCTL		ctl = {
		.keysize = NEEDS_KEY_SIZE,
		.entrysize = entry_size,
		.hcxt = CurrentMemoryContext
	};

	return hash_create(name, 256, &ctl, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
}

Needs *
pgcopy_needs_make(void)
{
	Needs	   *needs = palloc0(sizeof(Needs));

	needs->context = CurrentMemoryContext;
	needs->role = GetUserId();
	needs->role_name = GetUserNameFromId(needs->role, false);
	needs->database = get_database_name(MyDatabaseId);
	needs->is_superuser = superuser();
	needs->created = make_table("pgcopy created objects", sizeof(CreatedObject));
	needs->seen = make_table("pgcopy needs", NEEDS_KEY_SIZE);
	return needs;
}

bool
pgcopy_needs_note(Needs *needs, Node *node, const DumpStatement *statement)
{
	if (!pgcopy_needs_extension_note(needs, node))
		return false;
	pgcopy_needs_rights_note(needs, node, statement);
	pgcopy_needs_created_note(needs, node, statement);
	pgcopy_needs_roles_note(needs, node, statement);
	pgcopy_needs_server_note(needs, node, statement);
	return true;
}
