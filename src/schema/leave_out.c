/*-------------------------------------------------------------------------
 *
 * leave_out.c
 *	  Leave statements out of a dump: what belongs to this extension.
 *
 * An entry of the archive bears the OID of its object, or none.  Those without
 * are about other entries, on which they depend, and go with these: comments,
 * security labels, grants.  Grants on members of an extension depend on an entry
 * that is not in the dump, and user mappings depend on nothing: they are known
 * by name.
 *
 * The schema of the extension may be on both sides: it need not be created, but
 * owner, grants and comment are the source's, as for public.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_namespace.h"

#include "schema/dump.h"
#include "source/own.h"

typedef struct DumpEntries
{
	int			max_toc_id;
	bool	   *is_there;		/* by toc id: the dump has this entry */
	bool	   *is_out;			/* it is left out */
} DumpEntries;

static void
note_entries(DumpEntries *entries, const SourceOwn *own, List *statements)
{
	ListCell   *lc;

	foreach(lc, statements)
		entries->max_toc_id = Max(entries->max_toc_id, ((DumpStatement *) lfirst(lc))->toc_id);
	entries->is_there = palloc0(sizeof(bool) * (entries->max_toc_id + 1));
	entries->is_out = palloc0(sizeof(bool) * (entries->max_toc_id + 1));
	foreach(lc, statements)
	{
		const DumpStatement *statement = lfirst(lc);

		entries->is_there[statement->toc_id] = true;
		entries->is_out[statement->toc_id] = OidIsValid(statement->class_oid) &&
			pgcopy_own_has(own, statement->class_oid, statement->object_oid);
	}
}

static bool
depends_on_any(const DumpStatement *statement, const DumpEntries *entries,
			   const bool *which)
{
	ListCell   *lc;

	foreach(lc, statement->dependencies)
	{
		if (lfirst_int(lc) <= entries->max_toc_id && which[lfirst_int(lc)])
			return true;
	}
	return false;
}

static bool
is_user_mapping(const DumpStatement *statement)
{
	return strcmp(statement->tag, "CREATE USER MAPPING") == 0 ||
		strcmp(statement->tag, "ALTER USER MAPPING") == 0;
}

static bool
is_left_out(const DumpStatement *statement, const DumpEntries *entries,
			const SourceOwn *own)
{
	if (entries->is_out[statement->toc_id])
		return true;
	if (OidIsValid(statement->class_oid))
		return false;
	if (depends_on_any(statement, entries, entries->is_out))
		return true;
	if (statement->name == NULL ||
		depends_on_any(statement, entries, entries->is_there))
		return false;
	return (statement->class == STATEMENT_ACL || is_user_mapping(statement)) &&
		pgcopy_own_has_name(own, statement->schema ? statement->schema : "",
							statement->name);
}

static bool
creates_schema(const DumpStatement *statement, const char *schema)
{
	return schema != NULL && statement->class_oid == NamespaceRelationId &&
		strcmp(statement->tag, "CREATE SCHEMA") == 0 &&
		strcmp(statement->name, schema) == 0;
}

List *
pgcopy_dump_leave_out(List *statements, const SourceOwn *own, const char *schema_here)
{
	DumpEntries entries = {0};
	List	   *kept = NIL;
	ListCell   *lc;

	note_entries(&entries, own, statements);
	foreach(lc, statements)
	{
		DumpStatement *statement = lfirst(lc);

		if (!is_left_out(statement, &entries, own) &&
			!creates_schema(statement, schema_here))
			kept = lappend(kept, statement);
	}
	pfree(entries.is_there);
	pfree(entries.is_out);
	return kept;
}
