/*-------------------------------------------------------------------------
 *
 * subset_here.c
 *	  Values for columns that only this database has.
 *
 * A job that does not create its tables may give a value to a column that the source
 * lacks.  It travels as text, and is read as a value of the column's type here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "base/sqltext.h"
#include "select/subset_private.h"

/* What its value is cast to, on the source. */
#define TRAVEL_TYPE "\"pg_catalog\".\"text\""

/* Make what is known of a column of the table's namesake; NULL if there is none. */
static SubsetColumn *
read_column(const Subset *subset, const SubsetTable *table, const char *name)
{
	Oid			schema = get_namespace_oid(pgcopy_sqltext_map(subset->options->schema_map,
															  table->schema), true);
	Oid			relid = OidIsValid(schema) ? get_relname_relid(table->name, schema) : InvalidOid;
	HeapTuple	tuple = OidIsValid(relid) ? SearchSysCacheAttName(relid, name) : NULL;
	SubsetColumn *column = NULL;

	if (!HeapTupleIsValid(tuple))
		return NULL;
	if (((Form_pg_attribute) GETSTRUCT(tuple))->attnum > 0 &&
		((Form_pg_attribute) GETSTRUCT(tuple))->attgenerated == '\0')
	{
		column = palloc0(sizeof(SubsetColumn));
		column->name = pstrdup(name);
		column->is_only_here = true;
		column->is_not_null = ((Form_pg_attribute) GETSTRUCT(tuple))->attnotnull;
		column->type = TEXTOID;
		column->cast = TRAVEL_TYPE;
	}
	ReleaseSysCache(tuple);
	return column;
}

SubsetColumn *
pgcopy_subset_here_find(const Subset *subset, SubsetTable *table, const char *name)
{
	const SubsetTable *owner = table;
	SubsetColumn *column = NULL;

	if (subset->options->sections & SECTION_PRE_DATA)
		return NULL;
	while (owner != NULL && column == NULL)
	{
		column = read_column(subset, owner, name);
		owner = OidIsValid(owner->parent) ? pgcopy_subset_find(subset, owner->parent) : NULL;
	}
	if (column != NULL)
		table->columns = lappend(table->columns, column);
	return column;
}
