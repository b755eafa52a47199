/*-------------------------------------------------------------------------
 *
 * publication_check.c
 *	  Whether a publication that the DBA has made can carry a job's changes.
 *
 * What it does not send would be missing here without a word.  What it sends of
 * tables that are not here stops the stream.  It may send tables that are here and
 * whose changes arrive in another way, or not at all: they are not applied.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "source/inventory.h"
#include "source/names.h"
#include "stream/publication.h"

/* How many names a message lists. */
#define MOST_NAMES	20

/* Filters and lists of columns exist from here on. */
#define FILTER_VERSION	150000

/* Texts to fill in: truncate, via root, generated columns. */
static const char publication_sql[] =
"SELECT p.pubinsert AND p.pubupdate AND p.pubdelete AND %s, %s, %s"
" FROM pg_catalog.pg_publication AS p WHERE p.pubname = $1";

/*
 * What of the tables $2, and of the leaves of partitioned ones, publication $1 does
 * not send; and what it sends that is not cloned ($3), but for members of extensions,
 * which are here.
 */
static const char difference_sql[] =
"WITH RECURSIVE tree AS ("
"  SELECT r.oid FROM pg_catalog.unnest($2::pg_catalog.oid[]) AS r(oid)"
"  UNION"
"  SELECT i.inhrelid FROM tree AS t"
"  JOIN pg_catalog.pg_class AS p ON p.oid = t.oid AND p.relkind = 'p'"
"  JOIN pg_catalog.pg_inherits AS i ON i.inhparent = t.oid"
" ), wanted AS ("
"  SELECT c.oid, n.nspname, c.relname FROM tree AS t"
"  JOIN pg_catalog.pg_class AS c ON c.oid = t.oid"
"  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
"  WHERE c.relkind = 'r' AND c.relpersistence = 'p'"
" ), sent AS ("
"  SELECT c.oid, n.nspname, c.relname FROM pg_catalog.pg_publication AS p"
"  CROSS JOIN LATERAL pg_catalog.pg_get_publication_tables(p.pubname) AS t"
"  JOIN pg_catalog.pg_class AS c ON c.oid = t.relid"
"  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
"  WHERE p.pubname = $1"
" )"
" SELECT true, w.nspname, w.relname FROM wanted AS w"
" WHERE w.oid NOT IN (SELECT s.oid FROM sent AS s)"
" UNION ALL"
" SELECT false, s.nspname, s.relname FROM sent AS s"
" WHERE s.oid <> ALL ($3::pg_catalog.oid[])"
"  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d"
"   WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = s.oid"
"   AND d.deptype = 'e')"
" ORDER BY 1, 2, 3";

/* Tables of which publication $1 sends a part only. */
static const char part_sql[] =
"SELECT r.prrelid, n.nspname, c.relname, r.prattrs IS NOT NULL,"
" pg_catalog.pg_get_expr(r.prqual, r.prrelid)"
" FROM pg_catalog.pg_publication AS p"
" JOIN pg_catalog.pg_publication_rel AS r ON r.prpubid = p.oid"
" JOIN pg_catalog.pg_class AS c ON c.oid = r.prrelid"
" JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
" WHERE p.pubname = $1 AND (r.prattrs IS NOT NULL OR r.prqual IS NOT NULL)"
" ORDER BY r.prrelid";

/* What is checked, and what was found. */
typedef struct PublicationCheck
{
	SourceSession *session;
	const char *name;
	const char *quoted;
	List	   *tables;			/* PublishedTable *, to be carried */
	const List *cloned;			/* OIDs */
	List	   *found;			/* Finding * */
} PublicationCheck;

static void
add_error(PublicationCheck *check, const char *message, const char *detail, const char *hint)
{
	Finding		finding = {
		.level = FINDING_ERROR,
		.sqlerrcode = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		.message = message,
		.detail = detail,
		.hint = hint
	};

	check->found = list_concat(check->found, pgcopy_finding_list(&finding));
}

static void
add_missing_publication(PublicationCheck *check)
{
	Finding		finding = {
		.level = FINDING_ERROR,
		.sqlerrcode = ERRCODE_UNDEFINED_OBJECT,
		.message = psprintf("publication \"%s\" does not exist on the source", check->name),
		.hint = psprintf("CREATE PUBLICATION %s FOR TABLE ... on the source, or leave the option out.",
						 check->quoted)
	};

	check->found = pgcopy_finding_list(&finding);
}

static void
check_options(PublicationCheck *check)
{
	int			version = pgcopy_session_version(check->session);
	char	   *sql = psprintf(publication_sql, version >= 110000 ? "p.pubtruncate" : "true",
							   version >= 130000 ? "p.pubviaroot" : "false",
							   version >= 180000 ? "p.pubgencols <> 'n'" : "false");
	SourceRows *rows = pgcopy_session_query(check->session, sql, 3, 1, &check->name);
	bool		exists = pgcopy_rows_count(rows) > 0;

	if (!exists)
		add_missing_publication(check);
	if (exists && !pgcopy_rows_get_bool(rows, 0, 0))
		add_error(check, psprintf("publication \"%s\" of the source does not publish all kinds of changes", check->name),
				  NULL, psprintf("ALTER PUBLICATION %s SET (publish = '%s')", check->quoted,
								 version >= 110000 ? "insert, update, delete, truncate" :
								 "insert, update, delete"));
	if (exists && pgcopy_rows_get_bool(rows, 0, 1))
		add_error(check, psprintf("publication \"%s\" of the source publishes partitions under the name of their root", check->name),
				  NULL, psprintf("ALTER PUBLICATION %s SET (publish_via_partition_root = false)",
								 check->quoted));
	if (exists && pgcopy_rows_get_bool(rows, 0, 2))
		add_error(check, psprintf("publication \"%s\" of the source publishes generated columns", check->name),
				  NULL, psprintf("ALTER PUBLICATION %s SET (publish_generated_columns = none)",
								 check->quoted));
	pgcopy_rows_free(rows);
}

static void
add_not_sent(PublicationCheck *check, List *names)
{
	add_error(check, psprintf("publication \"%s\" of the source lacks %d tables of the job",
							  check->name, list_length(names)),
			  psprintf("Missing: %s.", pgcopy_names_list(names, MOST_NAMES)),
			  psprintf("ALTER PUBLICATION %s ADD TABLE %s", check->quoted,
					   pgcopy_names_list(names, MOST_NAMES)));
}

static void
add_sent_besides(PublicationCheck *check, List *names)
{
	add_error(check, psprintf("publication \"%s\" of the source has %d tables that are not cloned: a change of one stops the stream",
							  check->name, list_length(names)),
			  psprintf("Not cloned: %s.", pgcopy_names_list(names, MOST_NAMES)),
			  "Drop them from the publication, or clone them too: exclude_table_data leaves out only their rows.");
}

static void
check_tables(PublicationCheck *check)
{
	const char *params[] = {
		check->name, pgcopy_names_oids_literal(pgcopy_publication_oids(check->tables)),
		pgcopy_names_oids_literal(check->cloned)
	};
	SourceRows *rows = pgcopy_session_query(check->session, difference_sql, 3,
											lengthof(params), params);
	List	   *missing = NIL;
	List	   *besides = NIL;

	for (int i = 0; i < pgcopy_rows_count(rows); i++)
	{
		char	   *name = pstrdup(quote_qualified_identifier(pgcopy_rows_get(rows, i, 1),
															  pgcopy_rows_get(rows, i, 2)));

		if (pgcopy_rows_get_bool(rows, i, 0))
			missing = lappend(missing, name);
		else
			besides = lappend(besides, name);
	}
	pgcopy_rows_free(rows);
	if (missing != NIL)
		add_not_sent(check, missing);
	if (besides != NIL)
		add_sent_besides(check, besides);
}

static const PublishedTable *
find_table(const List *tables, Oid oid)
{
	ListCell   *lc;

	foreach(lc, tables)
	{
		const PublishedTable *table = lfirst(lc);

		if (table->oid == oid)
			return table;
	}
	return NULL;
}

/*
 * How the source plans to read a part of a table: two conditions that mean the same to
 * it give the same text, although one is as it was written and one as it was stored.
 */
static char *
explain_filter(SourceSession *session, const PublishedTable *table, const char *filter)
{
	char	   *sql = psprintf("EXPLAIN (COSTS OFF, FORMAT JSON) SELECT FROM ONLY %s.%s WHERE (%s\n)",
							   pgcopy_inventory_quoted(table->schema),
							   pgcopy_inventory_quoted(table->name), filter);
	SourceRows *rows = pgcopy_session_command(session, sql, 1, 0);
	char	   *text = pstrdup(pgcopy_rows_get(rows, 0, 0));

	pgcopy_rows_free(rows);
	return text;
}

static bool
is_our_filter(SourceSession *session, const PublishedTable *table, const char *filter)
{
	if (filter == NULL || table->row_filter == NULL)
		return filter == table->row_filter;
	return strcmp(explain_filter(session, table, filter),
				  explain_filter(session, table, table->row_filter)) == 0;
}

static void
check_part(PublicationCheck *check, const SourceRows *rows, int row)
{
	const PublishedTable *table = find_table(check->tables, pgcopy_rows_get_oid(rows, row, 0));
	const char *filter = pgcopy_rows_get_or_null(rows, row, 4);
	const char *name = quote_qualified_identifier(pgcopy_rows_get(rows, row, 1),
												  pgcopy_rows_get(rows, row, 2));

	if (table == NULL)
		return;
	if (pgcopy_rows_get_bool(rows, row, 3))
		add_error(check, psprintf("publication \"%s\" of the source sends only some columns of %s",
								  check->name, name),
				  NULL, psprintf("ALTER PUBLICATION %s DROP TABLE %s, and ADD TABLE it without a list of columns.",
								 check->quoted, name));
	if (filter != NULL && !is_our_filter(check->session, table, filter))
		add_error(check, psprintf("publication \"%s\" of the source sends only some rows of %s",
								  check->name, name),
				  psprintf("Its condition is %s.", filter),
				  psprintf("ALTER PUBLICATION %s DROP TABLE %s, and ADD TABLE it with the condition of the job, or without one.",
						   check->quoted, name));
}

/* Tables whose rows the job chooses, and the publication does not. */
static void
check_filtered_tables(PublicationCheck *check, const List *with_filter)
{
	ListCell   *lc;

	foreach(lc, check->tables)
	{
		const PublishedTable *table = lfirst(lc);
		char	   *name;

		if (table->row_filter == NULL || list_member_oid(with_filter, table->oid))
			continue;
		name = pstrdup(quote_qualified_identifier(table->schema, table->name));
		add_error(check, psprintf("publication \"%s\" of the source sends all rows of %s",
								  check->name, name),
				  "The job clones a part of them.",
				  psprintf("ALTER PUBLICATION %s DROP TABLE %s, and ADD TABLE it with the condition of the job.",
						   check->quoted, name));
	}
}

static void
check_parts(PublicationCheck *check)
{
	List	   *with_filter = NIL;

	if (pgcopy_session_version(check->session) >= FILTER_VERSION)
	{
		SourceRows *rows = pgcopy_session_query(check->session, part_sql, 5, 1, &check->name);

		for (int i = 0; i < pgcopy_rows_count(rows); i++)
		{
			check_part(check, rows, i);
			if (!pgcopy_rows_is_null(rows, i, 4))
				with_filter = lappend_oid(with_filter, pgcopy_rows_get_oid(rows, i, 0));
		}
		pgcopy_rows_free(rows);
	}
	check_filtered_tables(check, with_filter);
}

List *
pgcopy_publication_check(SourceSession *session, const char *name)
{
	PublicationCheck check = {
		.session = session,
		.name = name,
		.quoted = pgcopy_inventory_quoted(name)
	};

	check_options(&check);
	return check.found;
}

List *
pgcopy_publication_check_tables(SourceSession *session, const char *name, List *tables,
								const List *cloned)
{
	PublicationCheck check = {
		.session = session,
		.name = name,
		.quoted = pgcopy_inventory_quoted(name),
		.tables = tables,
		.cloned = cloned
	};

	check_tables(&check);
	check_parts(&check);
	return check.found;
}
