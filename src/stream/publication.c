/*-------------------------------------------------------------------------
 *
 * publication.c
 *	  Publications on the source.
 *
 * Ours list their tables.  FOR ALL TABLES would make UPDATE and DELETE fail on the
 * source for each table without a replica identity, also for those to come.
 *
 * CREATE PUBLICATION locks each table in SHARE UPDATE EXCLUSIVE mode, which disturbs
 * no reader or writer, but has to wait for VACUUM and for some ALTER TABLE.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"

#include "source/inventory.h"
#include "source/names.h"
#include "stream/publication.h"

/* How many tables one statement names. */
#define TABLES_PER_STATEMENT 500

/* Partitioned tables can be published from here on; others have filters from there. */
#define PARTITIONED_VERSION 130000
#define FILTER_VERSION	150000

/* The leaves of partitioned tables, with the root that was asked for. */
static const char leaves_sql[] =
"WITH RECURSIVE tree AS ("
"  SELECT r.oid AS root, r.oid FROM pg_catalog.unnest($1::pg_catalog.oid[]) AS r(oid)"
"  UNION ALL"
"  SELECT t.root, i.inhrelid FROM tree AS t"
"  JOIN pg_catalog.pg_inherits AS i ON i.inhparent = t.oid"
" )"
" SELECT t.root, c.oid, n.nspname, c.relname FROM tree AS t"
" JOIN pg_catalog.pg_class AS c ON c.oid = t.oid"
" JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
" WHERE c.relkind = 'r' AND c.relpersistence = 'p'"
" ORDER BY t.root, c.oid";

/* Of these relations, the partitioned ones. */
static const char partitioned_sql[] =
"SELECT c.oid FROM pg_catalog.pg_class AS c"
" WHERE c.oid = ANY ($1::pg_catalog.oid[]) AND c.relkind = 'p' ORDER BY c.oid";

/*
 * FOR ALL TABLES has members of extensions too, whose rows are the extension's.  The
 * function has OIDs; the view pg_publication_tables has names, which cost a join for
 * each schema to turn back.
 */
static const char relations_sql[] =
"SELECT c.oid FROM pg_catalog.pg_publication AS p"
" CROSS JOIN LATERAL pg_catalog.pg_get_publication_tables(p.pubname) AS t"
" JOIN pg_catalog.pg_class AS c ON c.oid = t.relid"
" WHERE p.pubname = $1"
"  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d"
"   WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid"
"   AND d.deptype = 'e')"
" ORDER BY c.oid";

static char *
table_name(const char *schema, const char *name)
{
	return psprintf("%s.%s", pgcopy_inventory_quoted(schema), pgcopy_inventory_quoted(name));
}

List *
pgcopy_publication_oids(const List *tables)
{
	List	   *oids = NIL;
	ListCell   *lc;

	foreach(lc, tables)
		oids = lappend_oid(oids, ((const PublishedTable *) lfirst(lc))->oid);
	return oids;
}

/*
 * Read OIDs from the first column, in ascending order: their order is checked, since
 * callers search in it.
 */
static List *
read_oids(SourceSession *session, const char *sql, const char *param)
{
	SourceRows *rows = pgcopy_session_query(session, sql, 1, 1, &param);
	List	   *oids = NIL;

	for (int i = 0; i < pgcopy_rows_count(rows); i++)
	{
		Oid			oid = pgcopy_rows_get_oid(rows, i, 0);

		if (oids != NIL && oid <= llast_oid(oids))
			pgcopy_rows_throw(rows, "Its relations are not in the requested order.");
		oids = lappend_oid(oids, oid);
	}
	pgcopy_rows_free(rows);
	return oids;
}

/*
 * Which partitioned tables cannot be published as such: before 13 none can, and with
 * a filter none whose leaves are sent under their own names.
 */
static List *
find_roots_to_expand(SourceSession *session, const List *tables)
{
	List	   *candidates = NIL;
	ListCell   *lc;

	foreach(lc, tables)
	{
		const PublishedTable *table = lfirst(lc);

		if (pgcopy_session_version(session) < PARTITIONED_VERSION || table->row_filter != NULL)
			candidates = lappend_oid(candidates, table->oid);
	}
	if (candidates == NIL)
		return NIL;
	return read_oids(session, partitioned_sql, pgcopy_names_oids_literal(candidates));
}

static PublishedTable *
make_leaf(const SourceRows *rows, int row, const char *row_filter)
{
	PublishedTable *leaf = palloc(sizeof(PublishedTable));

	leaf->oid = pgcopy_rows_get_oid(rows, row, 1);
	leaf->schema = pstrdup(pgcopy_rows_get(rows, row, 2));
	leaf->name = pstrdup(pgcopy_rows_get(rows, row, 3));
	leaf->row_filter = row_filter;
	return leaf;
}

/* Append the leaves of a root to tables, but for those that are there. */
static List *
append_leaves(List *tables, const List *known, const PublishedTable *root,
			  const SourceRows *rows)
{
	for (int i = 0; i < pgcopy_rows_count(rows); i++)
	{
		if (pgcopy_rows_get_oid(rows, i, 0) == root->oid &&
			!list_member_oid(known, pgcopy_rows_get_oid(rows, i, 1)))
			tables = lappend(tables, make_leaf(rows, i, root->row_filter));
	}
	return tables;
}

/* Replace partitioned tables that cannot be published by their leaves. */
static List *
expand_roots(SourceSession *session, List *tables)
{
	List	   *roots = find_roots_to_expand(session, tables);
	List	   *known = pgcopy_publication_oids(tables);
	const char *param = pgcopy_names_oids_literal(roots);
	List	   *expanded = NIL;
	SourceRows *rows;
	ListCell   *lc;

	if (roots == NIL)
		return tables;
	rows = pgcopy_session_query(session, leaves_sql, 4, 1, &param);
	foreach(lc, tables)
	{
		PublishedTable *table = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		expanded = list_member_oid(roots, table->oid) ?
			append_leaves(expanded, known, table, rows) : lappend(expanded, table);
	}
	pgcopy_rows_free(rows);
	return expanded;
}

static void
check_filters(SourceSession *session, const List *tables)
{
	ListCell   *lc;

	foreach(lc, tables)
	{
		const PublishedTable *table = lfirst(lc);

		if (table->row_filter != NULL && pgcopy_session_version(session) < FILTER_VERSION)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("changes of a part of the rows of %s cannot be followed",
							table_name(table->schema, table->name)),
					 errdetail("Publications filter rows from PostgreSQL 15 on; the source is older."),
					 errhint("Clone all of its rows, or without follow.")));
	}
}

static const char *
publish_list(SourceSession *session, bool inserts_only)
{
	bool		has_truncate = pgcopy_session_version(session) >= 110000;

	if (inserts_only)
		return has_truncate ? "insert, truncate" : "insert";
	return has_truncate ? "insert, update, delete, truncate" : "insert, update, delete";
}

/* Without TABLE before each name: sources before 15 know it before the first only. */
static void
append_tables(StringInfo sql, const List *tables, int first, int end)
{
	appendStringInfoString(sql, " TABLE ");
	for (int i = first; i < end; i++)
	{
		const PublishedTable *table = list_nth(tables, i);

		appendStringInfo(sql, "%sONLY %s", i == first ? "" : ", ",
						 table_name(table->schema, table->name));
		if (table->row_filter != NULL)
			appendStringInfo(sql, " WHERE (%s\n)", table->row_filter);
	}
}

void
pgcopy_publication_create(SourceSession *session, const char *name, List *tables,
						  bool inserts_only)
{
	char	   *quoted = pgcopy_inventory_quoted(name);
	const char *publish = publish_list(session, inserts_only);
	List	   *published;
	int			count;

	check_filters(session, tables);
	published = expand_roots(session, tables);
	count = list_length(published);
	for (int first = 0; first < Max(count, 1); first += TABLES_PER_STATEMENT)
	{
		StringInfoData sql;

		initStringInfo(&sql);
		appendStringInfo(&sql, first == 0 ? "CREATE PUBLICATION %s" : "ALTER PUBLICATION %s ADD",
						 quoted);
		if (count > 0)
		{
			appendStringInfoString(&sql, first == 0 ? " FOR" : "");
			append_tables(&sql, published, first, Min(first + TABLES_PER_STATEMENT, count));
		}
		if (first == 0)
			appendStringInfo(&sql, " WITH (publish = '%s')", publish);
		pgcopy_session_exec_patiently(session, sql.data);
		pfree(sql.data);
	}
}

void
pgcopy_publication_add(SourceSession *session, const char *name, List *tables)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "ALTER PUBLICATION %s ADD", pgcopy_inventory_quoted(name));
	append_tables(&sql, tables, 0, list_length(tables));
	pgcopy_session_exec_patiently(session, sql.data);
}

void
pgcopy_publication_drop(SourceSession *session, const char *name)
{
	pgcopy_session_exec_patiently(session,
								  psprintf("DROP PUBLICATION IF EXISTS %s",
										   pgcopy_inventory_quoted(name)));
}

List *
pgcopy_publication_relations(SourceSession *session, const char *name)
{
	return read_oids(session, relations_sql, name);
}
