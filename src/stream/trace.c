/*-------------------------------------------------------------------------
 *
 * trace.c
 *	  Whether a picture of the source's definitions may have become another, cheaply.
 *
 * A picture of thousands of tables takes seconds.  Its trace takes a look at each row of
 * the catalogs that are read for it, and at two numbers of each: how many there are, and
 * which of them, by place and xmin, were written by a transaction that is not older than
 * all that ran at a moment, the xmin of the first trace's snapshot.
 *
 * Two traces since the same moment differ if anything was committed between them:
 *
 * - A row that was added, or written again by an UPDATE, bears the xid of its
 *   transaction.  The first trace did not see that one, so it ran, or had not begun: its
 *   xid is not before the moment, and the row is in the second list alone.
 * - If rows were removed and none was added, there are fewer.
 *
 * An xid is compared by age(), as PostgreSQL does it, around its end.  Frozen rows keep
 * their old xmin: after two billion transactions it may look new, but in both traces, and
 * it is one row more in both lists.  The planner may ask for age()'s reference a moment
 * before the snapshot is taken: a little younger than that counts as new too.
 *
 * Rows of temporary objects are left out: the sessions that end in a fence remove them.
 * So are publications of others; a fence has one itself.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "stream/trace.h"

/* Of one catalog: its name, and the rows x that count. */
typedef struct TracedCatalog
{
	const char *name;
	const char *condition;
	int			version;		/* sources from this one on have it */
} TracedCatalog;

#define LASTING(relation) "x." relation " NOT IN (SELECT t.oid FROM temporary AS t)"
#define OF_OURS(publication) "x." publication " IN (SELECT o.oid FROM ours AS o)"

/*
 * All that picture.c and publication.c read.  Of pg_depend only members of extensions:
 * the rest of it changes with what depends.
 */
static const TracedCatalog catalogs[] = {
	{"pg_class", "x.relpersistence <> 't'"},
	{"pg_attribute", "x.attnum > 0 AND " LASTING("attrelid")},
	{"pg_attrdef", LASTING("adrelid")},
	{"pg_inherits", LASTING("inhrelid")},
	{"pg_partitioned_table", LASTING("partrelid")},
	{"pg_sequence", LASTING("seqrelid")},
	{"pg_index", LASTING("indrelid")},
	{"pg_constraint", LASTING("conrelid")},
	{"pg_trigger", LASTING("tgrelid")},
	{"pg_policy", LASTING("polrelid")},
	{"pg_rewrite", LASTING("ev_class")},
	{"pg_type", "x.typnamespace NOT IN (SELECT n.oid FROM pg_catalog.pg_namespace AS n"
	" WHERE n.nspname ~ '^pg_(toast_)?temp_')"},
	{"pg_enum", "true"},
	{"pg_range", "true"},
	{"pg_proc", "true"},
	{"pg_namespace", "x.nspname !~ '^pg_'"},
	{"pg_extension", "true"},
	{"pg_event_trigger", "true"},
	{"pg_depend", "x.deptype = 'e'"},
	{"pg_publication", OF_OURS("oid")},
	{"pg_publication_rel", OF_OURS("prpubid")},
	{"pg_publication_namespace", OF_OURS("pnpubid"), 150000}
};

/* $1: publications; $2: since when, NULL: from now on.  The rest is write_query()'s. */
static const char head_sql[] =
"WITH moment AS ("
"  SELECT COALESCE($2, (pg_catalog.txid_snapshot_xmin(pg_catalog.txid_current_snapshot())"
"   % 4294967296)::pg_catalog.text)::pg_catalog.xid AS xid"
" ), since AS ("
"  SELECT pg_catalog.age(m.xid) AS age FROM moment AS m"
" ), temporary AS ("
"  SELECT c.oid FROM pg_catalog.pg_class AS c WHERE c.relpersistence = 't'"
" ), ours AS ("
"  SELECT p.oid FROM pg_catalog.pg_publication AS p"
"  WHERE p.pubname = ANY ($1::pg_catalog.text[])"
" ) SELECT (SELECT m.xid FROM moment AS m), pg_catalog.concat_ws(','";

/* To fill in: the catalog and its condition. */
static const char catalog_sql[] =
", (SELECT pg_catalog.concat_ws(' ', pg_catalog.count(*), pg_catalog.md5("
"pg_catalog.string_agg(pg_catalog.concat_ws(' ', x.ctid, x.xmin), ',' ORDER BY x.ctid)"
" FILTER (WHERE pg_catalog.age(x.xmin) BETWEEN -1000000 AND (SELECT s.age FROM since AS s))))"
" FROM pg_catalog.%s AS x WHERE %s)";

static char *
write_query(int version)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, head_sql);
	for (int i = 0; i < lengthof(catalogs); i++)
	{
		if (version >= catalogs[i].version)
			appendStringInfo(&sql, catalog_sql, catalogs[i].name, catalogs[i].condition);
	}
	appendStringInfoChar(&sql, ')');
	return sql.data;
}

Trace *
pgcopy_trace_read(SourceSession *session, const char *publications, const Trace *before)
{
	const char *params[] = {publications, before != NULL ? before->since : NULL};
	char	   *sql = write_query(pgcopy_session_version(session));
	SourceRows *rows = pgcopy_session_query_row(session, sql, 2, lengthof(params), params);
	Trace	   *trace = palloc(sizeof(Trace));

	trace->since = psprintf("%u", pgcopy_rows_get_oid(rows, 0, 0));
	trace->text = pstrdup(pgcopy_rows_get(rows, 0, 1));
	if (before != NULL && strcmp(trace->since, before->since) != 0)
		pgcopy_rows_throw(rows, "A transaction is not the one that was asked about.");
	pgcopy_rows_free(rows);
	pfree(sql);
	return trace;
}
