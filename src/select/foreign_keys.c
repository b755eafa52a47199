/*-------------------------------------------------------------------------
 *
 * foreign_keys.c
 *	  The foreign keys of the source, ready to be compared in SQL there.
 *
 * Columns are compared as the key itself does it: by its own operators, with the
 * arguments cast to their types, under the collation of the referenced column.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "select/foreign_keys.h"
#include "source/inventory.h"

/*
 * One row per column of a key.  Texts to fill in: "it is enforced", "it is
 * temporal", "it is not one that a partition has from its parent".  Arguments that
 * may have any type (pseudo-types) need no cast; 2249 is record.
 */
static const char keys_sql[] =
"SELECT k.oid, k.conname, k.conrelid, k.confrelid, k.convalidated AND %s, %s,"
"  fa.attname, pa.attname, opn.nspname, op.oprname,"
"  CASE WHEN ft.typtype <> 'p' AND ft.oid <> fa.atttypid THEN ftn.nspname END, ft.typname,"
"  CASE WHEN pt.typtype <> 'p' AND pt.oid <> pa.atttypid THEN ptn.nspname END, pt.typname,"
"  con.nspname, co.collname,"
"  op.oprleft = 2249"
" FROM pg_catalog.pg_constraint AS k"
" CROSS JOIN ROWS FROM ("
"  pg_catalog.unnest(k.conkey), pg_catalog.unnest(k.confkey),"
"  pg_catalog.unnest(k.conpfeqop)) WITH ORDINALITY AS u(fk, pk, op, no)"
" JOIN pg_catalog.pg_attribute AS fa ON fa.attrelid = k.conrelid AND fa.attnum = u.fk"
" JOIN pg_catalog.pg_attribute AS pa ON pa.attrelid = k.confrelid AND pa.attnum = u.pk"
" JOIN pg_catalog.pg_operator AS op ON op.oid = u.op"
" JOIN pg_catalog.pg_namespace AS opn ON opn.oid = op.oprnamespace"
" JOIN pg_catalog.pg_type AS pt ON pt.oid = op.oprleft"
" JOIN pg_catalog.pg_namespace AS ptn ON ptn.oid = pt.typnamespace"
" JOIN pg_catalog.pg_type AS ft ON ft.oid = op.oprright"
" JOIN pg_catalog.pg_namespace AS ftn ON ftn.oid = ft.typnamespace"
" LEFT JOIN pg_catalog.pg_collation AS co"
"  ON co.oid = pa.attcollation AND pa.attcollation <> fa.attcollation"
" LEFT JOIN pg_catalog.pg_namespace AS con ON con.oid = co.collnamespace"
" WHERE k.contype = 'f' AND %s"
" ORDER BY k.oid, u.no";

/*
 * How many keys and columns that are, in another answer: with one that has less, rows
 * would be copied that refer to what is left out.  Text to fill in: the last above.
 */
static const char counts_sql[] =
"SELECT pg_catalog.count(*), COALESCE(pg_catalog.sum(pg_catalog.cardinality(k.conkey)), 0)"
" FROM pg_catalog.pg_constraint AS k WHERE k.contype = 'f' AND %s";

/* Columns of keys_sql. */
enum KeysColumn
{
	COLUMN_OID,
	COLUMN_NAME,
	COLUMN_REFERENCING,
	COLUMN_REFERENCED,
	COLUMN_IS_VALID,
	COLUMN_IS_TEMPORAL,
	COLUMN_REFERENCING_NAME,
	COLUMN_REFERENCED_NAME,
	COLUMN_OPERATOR_SCHEMA,
	COLUMN_OPERATOR,
	COLUMN_REFERENCING_TYPE_SCHEMA,
	COLUMN_REFERENCING_TYPE,
	COLUMN_REFERENCED_TYPE_SCHEMA,
	COLUMN_REFERENCED_TYPE,
	COLUMN_COLLATION_SCHEMA,
	COLUMN_COLLATION,
	COLUMN_IS_COMPOSITE,
	KEYS_COLUMNS
};

/* What an operator's name may consist of. */
#define OPERATOR_CHARACTERS "+-*/<>=~!@#%^&|`?"

/* Return prefix and a qualified name; "" if its schema is NULL. */
static char *
make_suffix(const SourceRows *rows, int row, int schema_column, const char *prefix)
{
	if (pgcopy_rows_is_null(rows, row, schema_column))
		return "";
	return psprintf("%s%s.%s", prefix,
					pgcopy_inventory_quoted(pgcopy_rows_get(rows, row, schema_column)),
					pgcopy_inventory_quoted(pgcopy_rows_get(rows, row, schema_column + 1)));
}

static char *
make_operator(const SourceRows *rows, int row)
{
	const char *name = pgcopy_rows_get(rows, row, COLUMN_OPERATOR);

	if (name[0] == '\0' || name[strspn(name, OPERATOR_CHARACTERS)] != '\0')
		pgcopy_rows_throw(rows, "The name of an operator is not one.");
	return psprintf("OPERATOR(%s.%s)",
					pgcopy_inventory_quoted(pgcopy_rows_get(rows, row, COLUMN_OPERATOR_SCHEMA)),
					name);
}

static KeyColumn *
read_column(const SourceRows *rows, int row)
{
	KeyColumn  *column = palloc0(sizeof(KeyColumn));

	column->referencing = pstrdup(pgcopy_rows_get(rows, row, COLUMN_REFERENCING_NAME));
	column->referenced = pstrdup(pgcopy_rows_get(rows, row, COLUMN_REFERENCED_NAME));
	column->operator = make_operator(rows, row);
	column->referencing_cast = make_suffix(rows, row, COLUMN_REFERENCING_TYPE_SCHEMA, "::");
	column->referenced_cast = make_suffix(rows, row, COLUMN_REFERENCED_TYPE_SCHEMA, "::");
	column->collation = make_suffix(rows, row, COLUMN_COLLATION_SCHEMA, " COLLATE ");
	column->is_composite = pgcopy_rows_get_bool(rows, row, COLUMN_IS_COMPOSITE);
	return column;
}

static ForeignKey *
read_key(const SourceRows *rows, int row)
{
	ForeignKey *key = palloc0(sizeof(ForeignKey));

	key->oid = pgcopy_rows_get_oid(rows, row, COLUMN_OID);
	key->name = pstrdup(pgcopy_rows_get(rows, row, COLUMN_NAME));
	key->referencing = pgcopy_rows_get_oid(rows, row, COLUMN_REFERENCING);
	key->referenced = pgcopy_rows_get_oid(rows, row, COLUMN_REFERENCED);
	key->is_valid = pgcopy_rows_get_bool(rows, row, COLUMN_IS_VALID);
	key->is_temporal = pgcopy_rows_get_bool(rows, row, COLUMN_IS_TEMPORAL);
	return key;
}

/* Compare the keys with the counts, before the rows are freed. */
static void
check_counts(SourceSession *session, const char *is_own, const SourceRows *rows, List *keys)
{
	SourceRows *counts = pgcopy_session_query_row(session, psprintf(counts_sql, is_own), 2,
												  0, NULL);

	if (pgcopy_rows_get_size(counts, 0, 0) != list_length(keys) ||
		pgcopy_rows_get_size(counts, 0, 1) != pgcopy_rows_count(rows))
		pgcopy_rows_throw(rows, "Its foreign keys are not as many as another answer says.");
	pgcopy_rows_free(counts);
}

List *
pgcopy_foreign_keys_read(SourceSession *session)
{
	int			version = pgcopy_session_version(session);
	const char *is_own = version >= 110000 ? "k.conparentid = 0" : "true";
	char	   *sql = psprintf(keys_sql,
							   version >= 180000 ? "k.conenforced" : "true",
							   version >= 180000 ? "k.conperiod" : "false", is_own);
	SourceRows *rows = pgcopy_session_query(session, sql, KEYS_COLUMNS, 0, NULL);
	List	   *keys = NIL;
	ForeignKey *key = NULL;

	for (int i = 0; i < pgcopy_rows_count(rows); i++)
	{
		Oid			oid = pgcopy_rows_get_oid(rows, i, COLUMN_OID);

		if (key == NULL || key->oid != oid)
		{
			if (key != NULL && oid < key->oid)
				pgcopy_rows_throw(rows, "Its foreign keys are not in the requested order.");
			key = read_key(rows, i);
			keys = lappend(keys, key);
		}
		key->columns = lappend(key->columns, read_column(rows, i));
		CHECK_FOR_INTERRUPTS();
	}
	check_counts(session, is_own, rows, keys);
	pgcopy_rows_free(rows);
	return keys;
}

static const char partitions_sql[] =
"SELECT i.inhrelid, i.inhparent FROM pg_catalog.pg_inherits AS i"
" JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid"
" WHERE c.relispartition AND c.relkind IN ('r', 'p')";

List *
pgcopy_foreign_keys_partitions(SourceSession *session)
{
	SourceRows *rows = pgcopy_session_query(session, partitions_sql, 2, 0, NULL);
	List	   *links = NIL;

	for (int i = 0; i < pgcopy_rows_count(rows); i++)
	{
		PartitionLink *link = palloc(sizeof(PartitionLink));

		link->partition = pgcopy_rows_get_oid(rows, i, 0);
		link->parent = pgcopy_rows_get_oid(rows, i, 1);
		links = lappend(links, link);
	}
	pgcopy_rows_free(rows);
	return links;
}
