/*-------------------------------------------------------------------------
 *
 * subset_agree.c
 *	  Compare what a subset has read with the inventory.
 *
 * By these answers of the source a condition goes to a table and a value to a column.
 * A wrong one would let rows and values arrive that were to be left out or masked, so
 * none counts alone: what is copied is what the inventory lists, and both are read
 * under one snapshot.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "select/subset_private.h"

#define SYSTEM_SCHEMA "pg_catalog"

static void pg_attribute_noreturn()
throw_contradiction(const SourceRelation *relation, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("the source gives contradictory answers about relation %s",
					pgcopy_inventory_quoted_name(relation)),
			 errdetail_internal("%s", detail),
			 errhint("Check the source's catalogs, and that no proxy changes its answers.")));
}

static bool
is_same(const SubsetTable *table, const SourceRelation *relation)
{
	return strcmp(table->schema, relation->schema) == 0 &&
		strcmp(table->name, relation->name) == 0 &&
		table->relkind == relation->relkind && table->parent == relation->parent;
}

void
pgcopy_subset_agree_tables(const Subset *subset)
{
	ListCell   *lc;

	foreach(lc, subset->relations)
	{
		const SourceRelation *relation = lfirst(lc);
		const SubsetTable *table = pgcopy_subset_find(subset, relation->oid);

		CHECK_FOR_INTERRUPTS();
		if (table == NULL)
			throw_contradiction(relation, "It is in one of two lists of relations only.");
		if (!is_same(table, relation))
			throw_contradiction(relation, "Two lists of relations differ in its name, kind or parent.");
	}
}

/*
 * A type of the system, which is no domain, is what values are cast to.  Of an
 * extension's type more than the name is listed; of a domain, not what is under it.
 */
static bool
has_same_type(const SubsetColumn *column, const char *type)
{
	const char *name = type + strlen(SYSTEM_SCHEMA) + 1;

	if (strncmp(type, SYSTEM_SCHEMA ".", strlen(SYSTEM_SCHEMA) + 1) != 0 ||
		strchr(name, ' ') != NULL)
		return true;
	return strcmp(column->cast, psprintf("%s.%s", pgcopy_inventory_quoted(SYSTEM_SCHEMA),
										 pgcopy_inventory_quoted(name))) == 0;
}

/* The inventory lists the columns that are not generated. */
static void
compare_columns(const SubsetTable *table, const SourceRelation *relation)
{
	int			count = 0;
	ListCell   *lc;

	foreach(lc, table->columns)
	{
		const SubsetColumn *column = lfirst(lc);

		if (column->generated != NULL)
			continue;
		if (count >= list_length(relation->columns) ||
			strcmp(column->name, list_nth(relation->columns, count)) != 0)
			throw_contradiction(relation, "Two lists of its columns differ.");
		if (!has_same_type(column, list_nth(relation->types, count)))
			throw_contradiction(relation, psprintf("Two lists of its columns differ in the type of \"%s\".",
												   column->name));
		count++;
	}
	if (count < list_length(relation->columns))
		throw_contradiction(relation, "Two lists of its columns differ.");
}

void
pgcopy_subset_agree_columns(const Subset *subset)
{
	ListCell   *lc;

	/* before there is an inventory nothing is copied yet */
	foreach(lc, subset->relations != NIL ? subset->chosen : NIL)
	{
		const SubsetTable *table = lfirst(lc);

		compare_columns(table, pgcopy_inventory_find(subset->relations, table->oid));
	}
}
