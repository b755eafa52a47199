/*-------------------------------------------------------------------------
 *
 * keys.c
 *	  Foreign keys that rows left out would violate.
 *
 * A table whose rows are cloned may refer to one whose rows are not.  Its key is
 * added NOT VALID, and holds for what is written from then on.  A partitioned table
 * cannot have such a key, so there it is left out.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "nodes/bitmapset.h"
#include "utils/hsearch.h"

#include "plan/plan.h"

typedef struct KeyTable
{
	NameData	key[2];			/* schema, name */
	const SourceRelation *relation;
} KeyTable;

static void
fill_key(NameData *key, const char *schema, const char *name)
{
	memset(key, 0, sizeof(NameData) * 2);
	strlcpy(NameStr(key[0]), schema, NAMEDATALEN);
	strlcpy(NameStr(key[1]), name, NAMEDATALEN);
}

/* Hash the tables by name; NULL if none lacks rows. */
static HTAB *
hash_tables(List *relations)
{
	HASHCTL		ctl = {
		.keysize = sizeof(NameData) * 2,.entrysize = sizeof(KeyTable),
		.hcxt = CurrentMemoryContext
	};
	HTAB	   *tables;
	bool		has_any = false;
	ListCell   *lc;

	foreach(lc, relations)
		has_any |= ((SourceRelation *) lfirst(lc))->lacks_rows;
	if (!has_any)
		return NULL;
	tables = hash_create("pgcopy tables of keys", 1024, &ctl,
						 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	foreach(lc, relations)
	{
		const SourceRelation *relation = lfirst(lc);
		NameData	key[2];
		KeyTable   *entry;

		fill_key(key, relation->schema, relation->name);
		entry = hash_search(tables, key, HASH_ENTER, NULL);
		entry->relation = relation;
	}
	return tables;
}

static const SourceRelation *
find_table(HTAB *tables, const char *schema, const char *name)
{
	NameData	key[2];
	KeyTable   *entry;

	if (schema == NULL || name == NULL)
		return NULL;
	fill_key(key, schema, name);
	entry = hash_search(tables, key, HASH_FIND, NULL);
	return entry != NULL ? entry->relation : NULL;
}

static List *
make_notice(const DumpStatement *statement, bool is_left_out)
{
	Finding		finding = {
		.level = FINDING_NOTICE,
		.object = psprintf("foreign key %s of table %s.%s", statement->name,
						   statement->table_schema, statement->table_name),
		.message = psprintf(is_left_out ?
							"left out: rows of %s.%s are left out, and the foreign key of a partitioned table cannot stay NOT VALID" :
							"stays NOT VALID: rows of %s.%s are left out",
							statement->referenced_schema, statement->referenced_name)
	};

	return pgcopy_finding_list(&finding);
}

/* Is a statement about one of these entries, a comment on it? */
static bool
is_about(const DumpStatement *statement, const Bitmapset *entries)
{
	ListCell   *lc;

	if (OidIsValid(statement->class_oid))
		return false;
	foreach(lc, statement->dependencies)
	{
		if (bms_is_member(lfirst_int(lc), entries))
			return true;
	}
	return false;
}

List *
pgcopy_plan_release_keys(List *relations, List *statements, List **notices)
{
	HTAB	   *tables = hash_tables(relations);
	List	   *kept = NIL;
	Bitmapset  *gone = NULL;
	ListCell   *lc;

	*notices = NIL;
	if (tables == NULL)
		return statements;
	foreach(lc, statements)
	{
		DumpStatement *statement = lfirst(lc);
		const SourceRelation *table = NULL;
		const SourceRelation *referenced = NULL;
		bool		is_left_out = false;

		if (statement->class == STATEMENT_FOREIGN_KEY)
		{
			table = find_table(tables, statement->table_schema, statement->table_name);
			referenced = find_table(tables, statement->referenced_schema,
									statement->referenced_name);
		}
		if (table != NULL && referenced != NULL && referenced->lacks_rows &&
			!table->is_left_empty && statement->wants_validation)
		{
			is_left_out = table->relkind == RELKIND_PARTITIONED_TABLE;
			statement->wants_validation = false;
			*notices = list_concat(*notices, make_notice(statement, is_left_out));
		}
		if (is_left_out)
			gone = bms_add_member(gone, statement->toc_id);
		else if (!is_about(statement, gone))
			kept = lappend(kept, statement);
	}
	hash_destroy(tables);
	return kept;
}
