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

#include "schema/apply.h"
#include "schema/needs_private.h"
#include "schema/split.h"

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

static void
note_statement(Needs *needs, const DumpStatement *statement)
{
	size_t		longest_string;
	char	   *text = pgcopy_split_outline(statement->text, statement->length,
											&longest_string);
	Node	   *node = pgcopy_apply_parse(text)->stmt;

	pgcopy_needs_extension_note(needs, node);
	pgcopy_needs_rights_note(needs, node, statement);
	pgcopy_needs_created_note(needs, node, statement);
	pgcopy_needs_roles_note(needs, node, statement);
	pgcopy_needs_server_note(needs, node, statement);
}

void
pgcopy_needs_note(Needs *needs, const List *statements)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pgcopy needs",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	ListCell   *lc;

	foreach(lc, statements)
	{
		CHECK_FOR_INTERRUPTS();
		note_statement(needs, lfirst(lc));
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}
