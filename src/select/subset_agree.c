/*-------------------------------------------------------------------------
 *
 * subset_agree.c
 *	  Compare what a subset has read with the inventory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "select/agree.h"
#include "select/subset_private.h"

#define SYSTEM_SCHEMA "pg_catalog"

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
			pgcopy_agree_throw(relation, "It is in one of two lists of relations only.");
		pgcopy_agree_relation(relation, table->schema, table->name, table->relkind, table->parent);
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
			pgcopy_agree_throw(relation, "Two lists of its columns differ.");
		if (!has_same_type(column, list_nth(relation->types, count)))
			pgcopy_agree_throw(relation, psprintf("Two lists of its columns differ in the type of \"%s\".",
												   column->name));
		count++;
	}
	if (count < list_length(relation->columns))
		pgcopy_agree_throw(relation, "Two lists of its columns differ.");
}

void
pgcopy_subset_agree_columns(const Subset *subset)
{
	ListCell   *lc;

	foreach(lc, subset->relations != NIL ? subset->chosen : NIL)
	{
		const SubsetTable *table = lfirst(lc);

		compare_columns(table, pgcopy_inventory_find(subset->relations, table->oid));
	}
}
