/*-------------------------------------------------------------------------
 *
 * postpone.c
 *	  Statements of pre-data that need something of post-data.
 *
 * pg_dump puts a materialized view into post-data if its query needs a primary
 * key, and may not do so with what is built on it: such a function stays in
 * pre-data, though behind the view in the archive.  Move it into post-data,
 * right behind the last statement it needs.  Tables stay, for their rows come
 * before.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/bitmapset.h"

#include "schema/dump.h"

/* Does a statement need one of these entries, or belong to it? */
static bool
is_behind(const DumpStatement *statement, const Bitmapset *entries)
{
	ListCell   *lc;

	if (bms_is_member(statement->toc_id, entries))
		return true;
	foreach(lc, statement->dependencies)
	{
		if (bms_is_member(lfirst_int(lc), entries))
			return true;
	}
	return false;
}

/* The entries of post-data, but those whose order plan/ knows better. */
static Bitmapset *
find_entries(const List *statements)
{
	Bitmapset  *entries = NULL;
	ListCell   *lc;

	foreach(lc, statements)
	{
		const DumpStatement *statement = lfirst(lc);

		if (statement->is_post_data && statement->class != STATEMENT_ACL)
			entries = bms_add_member(entries, statement->toc_id);
	}
	return entries;
}

static bool
is_movable(const DumpStatement *statement)
{
	return !statement->is_post_data && statement->class != STATEMENT_ACL &&
		statement->toc_id > 0 && strcmp(statement->tag, "CREATE TABLE") != 0;
}

/* Insert a statement right behind the last one that it needs. */
static List *
insert_behind(List *statements, DumpStatement *statement)
{
	Bitmapset  *needed = bms_make_singleton(statement->toc_id);
	int			place = list_length(statements);
	ListCell   *lc;

	foreach(lc, statement->dependencies)
		needed = bms_add_member(needed, lfirst_int(lc));
	while (place > 0)
	{
		DumpStatement *other = list_nth(statements, place - 1);

		if (other->is_post_data && bms_is_member(other->toc_id, needed))
			break;
		place--;
	}
	bms_free(needed);
	statement->is_post_data = true;
	return list_insert_nth(statements, place, statement);
}

void
pgcopy_postpone_run(SourceDump *dump)
{
	Bitmapset  *entries = find_entries(dump->statements);
	List	   *moved = NIL;
	List	   *statements = NIL;
	ListCell   *lc;

	foreach(lc, dump->statements)
	{
		DumpStatement *statement = lfirst(lc);

		if (is_movable(statement) && is_behind(statement, entries))
		{
			entries = bms_add_member(entries, statement->toc_id);
			moved = lappend(moved, statement);
		}
		else
			statements = lappend(statements, statement);
	}
	foreach(lc, moved)
		statements = insert_behind(statements, lfirst(lc));
	if (moved != NIL)
		dump->statements = statements;
	bms_free(entries);
}
