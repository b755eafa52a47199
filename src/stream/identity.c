/*-------------------------------------------------------------------------
 *
 * identity.c
 *	  Replica identities on the source: what tells the old row of a change.
 *
 * The source decides by its catalogs, so we do as well, not by whether a table has
 * something that is called a primary key:
 *
 * - A deferrable key identifies nothing; UPDATE and DELETE fail as soon as the table
 *   is published.
 * - Generated columns are not sent.  With one of them in the key, the subscriber
 *   finds no row.
 * - REPLICA IDENTITY FULL is looked up by the primary key of the subscriber's table
 *   if there is one, else by comparing all columns, which needs an equality operator
 *   for each type.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "miscadmin.h"

#include "source/inventory.h"
#include "stream/publication.h"

/*
 * Types with a default operator of equality: their own, or one of a type that they
 * are as good as.  Arrays and composite types have it if all parts do.
 */
#define EQUALITY_CTE \
" equality AS (" \
"  SELECT o.opcintype AS type FROM pg_catalog.pg_opclass AS o" \
"  JOIN pg_catalog.pg_am AS m ON m.oid = o.opcmethod" \
"  WHERE o.opcdefault AND m.amname IN ('btree', 'hash')" \
"  UNION" \
"  SELECT c.castsource FROM pg_catalog.pg_cast AS c" \
"  JOIN pg_catalog.pg_opclass AS o ON o.opcintype = c.casttarget AND o.opcdefault" \
"  JOIN pg_catalog.pg_am AS m ON m.oid = o.opcmethod AND m.amname IN ('btree', 'hash')" \
"  WHERE c.castmethod = 'b' AND c.castcontext = 'i'" \
" ), part AS (" \
"  SELECT a.attrelid AS table, a.atttypid AS type FROM pg_catalog.pg_attribute AS a" \
"  JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid" \
"  WHERE c.relkind = 'r' AND c.relreplident = 'f' AND c.oid >= 16384" \
"   AND a.attnum > 0 AND NOT a.attisdropped AND NOT %s" \
"  UNION" \
"  SELECT p.table, COALESCE(NULLIF(t.typbasetype, 0), r.type, a.atttypid)" \
"  FROM part AS p JOIN pg_catalog.pg_type AS t ON t.oid = p.type" \
"  LEFT JOIN LATERAL (SELECT e.oid AS type FROM pg_catalog.pg_type AS e" \
"   WHERE e.oid = t.typelem AND e.typarray = t.oid) AS r ON true" \
"  LEFT JOIN pg_catalog.pg_attribute AS a" \
"   ON t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped" \
"  WHERE t.typtype = 'd' OR r.type IS NOT NULL OR a.atttypid IS NOT NULL" \
" ), incomparable AS (" \
"  SELECT DISTINCT p.table FROM part AS p JOIN pg_catalog.pg_type AS t ON t.oid = p.type" \
"  WHERE t.typtype = 'b' AND p.type NOT IN (SELECT e.type FROM equality AS e)" \
"   AND NOT EXISTS (SELECT FROM pg_catalog.pg_type AS e" \
"    WHERE e.oid = t.typelem AND e.typarray = t.oid)" \
" )"

/*
 * One row for each table.  Of an index, "is_good": it can identify rows, "is_not_null":
 * also by USING INDEX.  Texts to fill in: twice "a column is generated", "a column is
 * never NULL", the number of key columns, the restriction.
 */
static const char identity_sql[] =
"WITH RECURSIVE" EQUALITY_CTE ", index AS ("
"  SELECT i.indrelid AS table, i.indexrelid AS oid, i.indisprimary, i.indisreplident,"
"   i.indimmediate, k.count, k.is_generated,"
"   i.indisunique AND i.indimmediate AND i.indisvalid AND i.indisready AND i.indislive"
"    AND i.indpred IS NULL AND i.indexprs IS NULL AND NOT k.is_generated"
"    AND k.is_not_null AS is_good"
"  FROM pg_catalog.pg_index AS i CROSS JOIN LATERAL ("
"   SELECT pg_catalog.count(*) AS count,"
"    COALESCE(pg_catalog.bool_or(%s), false) AS is_generated,"
"    pg_catalog.bool_and(COALESCE(%s AND a.attnum > 0, false)) AS is_not_null"
"   FROM pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY AS c(attnum, no)"
"   LEFT JOIN pg_catalog.pg_attribute AS a"
"    ON a.attrelid = i.indrelid AND a.attnum = c.attnum"
"   WHERE c.no <= %s) AS k"
"  WHERE i.indisunique AND i.indrelid >= 16384"
" ), best AS ("
"  SELECT DISTINCT ON (g.table) g.table, x.relname FROM index AS g"
"  JOIN pg_catalog.pg_class AS x ON x.oid = g.oid WHERE g.is_good"
"  ORDER BY g.table, g.indisprimary DESC, g.count, g.oid"
" )"
" SELECT c.oid, c.relreplident,"
"  CASE WHEN c.relpersistence = 'u' THEN 'unlogged'"
"   WHEN c.relreplident = 'f' AND key.is_generated THEN 'generated'"
"   WHEN c.relreplident = 'f' AND COALESCE(NOT key.is_good, true)"
"    AND c.oid IN (SELECT n.table FROM incomparable AS n) THEN 'no equality'"
"   WHEN c.relreplident = 'f' THEN 'fine'"
"   WHEN c.relreplident = 'n' OR used.oid IS NULL THEN 'missing'"
"   WHEN NOT used.indimmediate THEN 'deferrable'"
"   WHEN used.is_generated THEN 'generated'"
"   WHEN NOT used.is_good THEN 'missing'"
"   ELSE 'fine' END,"
"  c.relreplident <> 'i' OR used.oid IS NULL,"
"  CASE WHEN c.relpersistence <> 'u' THEN best.relname END,"
"  COALESCE(pg_catalog.pg_stat_get_tuples_updated(c.oid), 0)"
"   + COALESCE(pg_catalog.pg_stat_get_tuples_deleted(c.oid), 0),"
"  COALESCE(pg_catalog.pg_relation_size(c.oid), 0)"
"   + COALESCE(pg_catalog.pg_relation_size(NULLIF(c.reltoastrelid, 0)), 0),"
"  c.relreplident = 'f' AND EXISTS (SELECT FROM pg_catalog.pg_index AS i"
"   JOIN pg_catalog.pg_class AS x ON x.oid = i.indexrelid"
"   JOIN pg_catalog.pg_am AS m ON m.oid = x.relam AND m.amname = 'btree'"
"   WHERE i.indrelid = c.oid AND i.indpred IS NULL AND i.indkey[0] <> 0)"
" FROM pg_catalog.pg_class AS c"
" JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
" LEFT JOIN best ON best.table = c.oid"
" LEFT JOIN index AS key ON key.table = c.oid AND key.indisprimary"
" LEFT JOIN index AS used ON used.table = c.oid"
"  AND CASE c.relreplident WHEN 'd' THEN used.indisprimary WHEN 'i' THEN used.indisreplident END"
" WHERE c.relkind = 'r' AND c.relpersistence <> 't'"
"  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' %s"
" ORDER BY c.oid";

/* From 18 on NOT NULL may be NOT VALID: then rows may have the same key, which is NULL. */
#define NEVER_NULL \
"a.attnotnull AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS v" \
" WHERE v.conrelid = a.attrelid AND v.contype = 'n' AND NOT v.convalidated" \
"  AND v.conkey[1] = a.attnum)"

static const char name_sql[] =
"SELECT n.nspname, c.relname FROM pg_catalog.pg_class AS c"
" JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
" WHERE c.oid = $1::pg_catalog.oid";

/* The words of identity_sql, by IdentityFault (NULL: it has none), and what to say. */
static const struct
{
	const char *word;
	const char *text;
}			faults[] = {
	[IDENTITY_FINE] = {"fine", "has a replica identity"},
	[IDENTITY_MISSING] = {"missing", "has no primary key and no other replica identity"},
	[IDENTITY_DEFERRABLE] = {"deferrable", "has a deferrable primary key, which identifies no rows for replication"},
	[IDENTITY_GENERATED] = {"generated", "has a generated column in its key, which is not replicated"},
	[IDENTITY_NO_EQUALITY] = {"no equality", "has REPLICA IDENTITY FULL and a column whose type has no equality operator"},
	[IDENTITY_UNLOGGED] = {"unlogged", "is unlogged, which is not replicated"},
	[IDENTITY_LACKS_FILTER] = {NULL, "is filtered by columns outside its replica identity"},
	[IDENTITY_LACKS_LARGE] = {NULL, "is filtered, and may have large values outside its replica identity, which an UPDATE that moves a row into the filter does not send"}
};

const char *
pgcopy_identity_fault_text(IdentityFault fault)
{
	return faults[fault].text;
}

static IdentityFault
get_fault(const SourceRows *rows, int row, int column)
{
	const char *word = pgcopy_rows_get(rows, row, column);

	for (int i = 0; i < lengthof(faults); i++)
	{
		if (faults[i].word != NULL && strcmp(word, faults[i].word) == 0)
			return (IdentityFault) i;
	}
	pgcopy_rows_throw(rows, "It is not about a replica identity.");
}

static TableIdentity *
read_identity(const SourceRows *rows, int row)
{
	TableIdentity *identity = palloc0(sizeof(TableIdentity));

	identity->oid = pgcopy_rows_get_oid(rows, row, 0);
	identity->replident = pgcopy_rows_get_char(rows, row, 1, "dnfi");
	identity->fault = get_fault(rows, row, 2);
	identity->can_be_restored = pgcopy_rows_get_bool(rows, row, 3);
	if (!pgcopy_rows_is_null(rows, row, 4))
		identity->index = pgcopy_inventory_quoted(pgcopy_rows_get(rows, row, 4));
	identity->updates = pgcopy_rows_get_size(rows, row, 5);
	identity->bytes = pgcopy_rows_get_size(rows, row, 6);
	identity->has_index = pgcopy_rows_get_bool(rows, row, 7);
	return identity;
}

List *
pgcopy_identity_read(SourceSession *session, const char *only)
{
	int			version = pgcopy_session_version(session);
	const char *generated = version >= 120000 ? "(a.attgenerated <> '')" : "false";
	char	   *sql = psprintf(identity_sql, generated, generated,
							   version >= 180000 ? NEVER_NULL : "a.attnotnull",
							   version >= 110000 ? "i.indnkeyatts" : "i.indnatts",
							   pgcopy_inventory_restriction("c.oid", only));
	SourceRows *rows = pgcopy_session_query(session, sql, 8, only != NULL ? 1 : 0, &only);
	List	   *identities = NIL;

	for (int i = 0; i < pgcopy_rows_count(rows); i++)
	{
		TableIdentity *identity = read_identity(rows, i);

		CHECK_FOR_INTERRUPTS();
		if (identities != NIL && identity->oid <= ((TableIdentity *) llast(identities))->oid)
			pgcopy_rows_throw(rows, "Its tables are not in the requested order.");
		identities = lappend(identities, identity);
	}
	pgcopy_rows_free(rows);
	return identities;
}

/*
 * A crash gives the statistics of the whole server new times of reset; those of one
 * alone may have been reset by somebody.
 */
static const char counters_sql[] =
"SELECT pg_catalog.concat_ws(' ',"
"  (pg_catalog.date_part('epoch', LEAST(b.stats_reset, a.stats_reset)) * 1000)::pg_catalog.int8,"
"  (pg_catalog.date_part('epoch', d.stats_reset) * 1000)::pg_catalog.int8)"
" FROM pg_catalog.pg_stat_bgwriter AS b, pg_catalog.pg_stat_archiver AS a,"
"  pg_catalog.pg_stat_database AS d"
" WHERE d.datname = pg_catalog.current_database()"
"  AND pg_catalog.current_setting('track_counts') = 'on'";

char *
pgcopy_identity_counters(SourceSession *session)
{
	SourceRows *rows = pgcopy_session_query(session, counters_sql, 1, 0, NULL);
	char	   *counters = NULL;

	if (pgcopy_rows_count(rows) > 0)
		counters = pstrdup(pgcopy_rows_get(rows, 0, 0));
	pgcopy_rows_free(rows);
	return counters;
}

/* Return the table's quoted, qualified name; NULL if it is gone. */
static char *
find_name(SourceSession *session, Oid table)
{
	const char *params[] = {psprintf("%u", table)};
	SourceRows *rows = pgcopy_session_query(session, name_sql, 2, lengthof(params), params);
	char	   *name = NULL;

	if (pgcopy_rows_count(rows) > 0)
		name = psprintf("%s.%s", pgcopy_inventory_quoted(pgcopy_rows_get(rows, 0, 0)),
						pgcopy_inventory_quoted(pgcopy_rows_get(rows, 0, 1)));
	pgcopy_rows_free(rows);
	return name;
}

static void
alter_identity(SourceSession *session, const char *name, const char *identity)
{
	pgcopy_session_exec_patiently(session,
								  psprintf("ALTER TABLE ONLY %s REPLICA IDENTITY %s", name,
										   identity));
}

void
pgcopy_identity_set(SourceSession *session, Oid table, const char *index)
{
	char	   *name = find_name(session, table);

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("a table of the source was dropped before its replica identity was set"),
				 errhint("Clone again.")));
	alter_identity(session, name, index != NULL ? psprintf("USING INDEX %s", index) : "FULL");
}

/* An index that was set and is gone identifies nothing. */
static const char *
identity_words(char replident)
{
	switch (replident)
	{
		case REPLICA_IDENTITY_FULL:
			return "FULL";
		case REPLICA_IDENTITY_DEFAULT:
			return "DEFAULT";
		default:
			return "NOTHING";
	}
}

void
pgcopy_identity_restore(SourceSession *session, Oid table, char replident)
{
	char	   *name = find_name(session, table);

	if (name != NULL)
		alter_identity(session, name, identity_words(replident));
}
