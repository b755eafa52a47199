/*-------------------------------------------------------------------------
 *
 * largeobject_changes.c
 *	  Which large objects of the source have changed since a moment.
 *
 * Each change of content, owner or privileges writes a row of pg_largeobject or of
 * its metadata anew, lo_truncate() too, so rows of younger transactions tell; rows
 * that are 2^31 transactions old may look young, which does no harm.  An object that
 * is gone is seen by comparing lists, comments and labels by their texts.
 *
 * Whoever may not read pg_largeobject compares the content of all objects with what
 * is here, by a hash of hashes of pieces.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "load/largeobject.h"

/* The statistics of sources from this version on lose no change of a session that has ended. */
#define VERSION_WITH_EXACT_COUNTERS 150000

/* Comments and labels of an object; "true" if comments count. */
#define REMARKS_SQL \
	"SELECT t.oid, pg_catalog.md5(pg_catalog.string_agg(t.text, ','" \
	" ORDER BY t.text COLLATE \"C\"))" \
	" FROM (SELECT d.objoid AS oid, 'c' OPERATOR(pg_catalog.||) d.description AS text" \
	" FROM pg_catalog.pg_description AS d WHERE d.classoid OPERATOR(pg_catalog.=)" \
	" 'pg_catalog.pg_largeobject'::pg_catalog.regclass AND %s" \
	" UNION ALL SELECT l.objoid, pg_catalog.concat(l.provider, ' ', l.label)" \
	" FROM pg_catalog.pg_seclabel AS l WHERE l.classoid OPERATOR(pg_catalog.=)" \
	" 'pg_catalog.pg_largeobject'::pg_catalog.regclass) AS t" \
	" GROUP BY t.oid ORDER BY t.oid"

/* A hash of each object's content, in pieces of 1 MB. */
static const char contents_sql[] =
"SELECT m.oid, (WITH RECURSIVE pieces(n, piece) AS ("
" SELECT 0::bigint, pg_catalog.lo_get(m.oid, 0, 1048576)"
" UNION ALL SELECT p.n OPERATOR(pg_catalog.+) 1,"
" pg_catalog.lo_get(m.oid, (p.n OPERATOR(pg_catalog.+) 1) OPERATOR(pg_catalog.*) 1048576, 1048576)"
" FROM pieces AS p WHERE pg_catalog.octet_length(p.piece) OPERATOR(pg_catalog.=) 1048576)"
" SELECT pg_catalog.md5(pg_catalog.string_agg(pg_catalog.md5(q.piece), '' ORDER BY q.n))"
" FROM pieces AS q)"
" FROM pg_catalog.pg_largeobject_metadata AS m ORDER BY m.oid";

/* Objects with something to compare, ascending. */
typedef struct Texts
{
	List	   *oids;
	List	   *texts;			/* char * */
} Texts;

static void
add_text(Texts *texts, Oid oid, const char *text)
{
	texts->oids = lappend_oid(texts->oids, oid);
	texts->texts = lappend(texts->texts, pstrdup(text));
}

static Texts
ask_source(SourceSession *session, const char *sql)
{
	SourceRows *rows = pgcopy_session_query(session, sql, 2, 0, NULL);
	Texts		texts = {NIL, NIL};

	for (int i = 0; i < pgcopy_rows_count(rows); i++)
	{
		Oid			oid = pgcopy_rows_get_oid(rows, i, 0);

		if (texts.oids != NIL && oid <= llast_oid(texts.oids))
			pgcopy_rows_throw(rows, "Its large objects are not in order.");
		add_text(&texts, oid, pgcopy_rows_get(rows, i, 1));
	}
	pgcopy_rows_free(rows);
	return texts;
}

static Texts
ask_here(const char *sql)
{
	MemoryContext caller = CurrentMemoryContext;
	Texts		texts = {NIL, NIL};

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute(sql, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "\"%s\" failed", sql);
	MemoryContextSwitchTo(caller);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		bool		is_null;
		Datum		oid = SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &is_null);
		char	   *text = SPI_getvalue(row, SPI_tuptable->tupdesc, 2);

		CHECK_FOR_INTERRUPTS();
		add_text(&texts, DatumGetObjectId(oid), text);
	}
	SPI_finish();
	return texts;
}

/* List the objects that only one side has, or that have another text. */
static List *
find_different(const Texts *one, const Texts *other)
{
	List	   *different = NIL;
	int			i = 0;
	int			j = 0;

	while (i < list_length(one->oids) || j < list_length(other->oids))
	{
		bool		has_one = i < list_length(one->oids);
		bool		has_other = j < list_length(other->oids);
		Oid			a = has_one ? list_nth_oid(one->oids, i) : InvalidOid;
		Oid			b = has_other ? list_nth_oid(other->oids, j) : InvalidOid;

		CHECK_FOR_INTERRUPTS();
		if (has_one && has_other && a == b)
		{
			if (strcmp(list_nth(one->texts, i), list_nth(other->texts, j)) != 0)
				different = lappend_oid(different, a);
			i++;
			j++;
		}
		else if (has_one && (!has_other || a < b))
		{
			different = lappend_oid(different, a);
			i++;
		}
		else
		{
			different = lappend_oid(different, b);
			j++;
		}
	}
	return different;
}

static List *
find_by_text(SourceSession *session, const char *sql)
{
	Texts		there = ask_source(session, sql);
	Texts		here = ask_here(sql);

	return find_different(&there, &here);
}

/* Read a column of OIDs. */
static List *
ask_oids(SourceSession *session, const char *sql)
{
	SourceRows *rows = pgcopy_session_query(session, sql, 1, 0, NULL);
	List	   *oids = NIL;

	for (int i = 0; i < pgcopy_rows_count(rows); i++)
	{
		Oid			oid = pgcopy_rows_get_oid(rows, i, 0);

		if (oids != NIL && oid <= llast_oid(oids))
			pgcopy_rows_throw(rows, "Its large objects are not in order.");
		oids = lappend_oid(oids, oid);
	}
	pgcopy_rows_free(rows);
	return oids;
}

List *
pgcopy_largeobject_list(SourceSession *session)
{
	return ask_oids(session,
					"SELECT m.oid FROM pg_catalog.pg_largeobject_metadata AS m ORDER BY m.oid");
}

static bool
may_read_content(SourceSession *session)
{
	SourceRows *rows =
		pgcopy_session_query_row(session,
								 "SELECT pg_catalog.has_table_privilege("
								 "'pg_catalog.pg_largeobject', 'SELECT')", 1, 0, NULL);
	bool		result = pgcopy_rows_get_bool(rows, 0, 0);

	pgcopy_rows_free(rows);
	return result;
}

/* Rows of transactions that began at "xmin" or later. */
static List *
find_young(SourceSession *session, int64 xmin, bool with_content)
{
	char	   *young = psprintf("pg_catalog.age(%%s.xmin) OPERATOR(pg_catalog.<=)"
								 " pg_catalog.age('%u'::pg_catalog.xid)", (uint32) xmin);
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT m.oid FROM pg_catalog.pg_largeobject_metadata AS m WHERE ");
	appendStringInfo(&sql, young, "m");
	if (with_content)
	{
		appendStringInfoString(&sql, " UNION SELECT l.loid FROM pg_catalog.pg_largeobject AS l WHERE ");
		appendStringInfo(&sql, young, "l");
	}
	appendStringInfoString(&sql, " ORDER BY 1");
	return ask_oids(session, sql.data);
}

List *
pgcopy_largeobject_find_written(SourceSession *session, int64 xmin)
{
	if (may_read_content(session))
		return find_young(session, xmin, true);
	return list_concat_unique_oid(find_young(session, xmin, false),
								  find_by_text(session, contents_sql));
}

List *
pgcopy_largeobject_find_remarked(SourceSession *session, bool no_comments)
{
	return find_by_text(session, psprintf(REMARKS_SQL, no_comments ? "false" : "true"));
}

static int
compare_oid(const void *key, const void *cell)
{
	Oid			oid = *(const Oid *) key;
	Oid			other = lfirst_oid((const ListCell *) cell);

	return oid < other ? -1 : oid > other;
}

bool
pgcopy_largeobject_is_member(const List *oids, Oid oid)
{
	return oids != NIL &&
		bsearch(&oid, oids->elements, list_length(oids), sizeof(ListCell), compare_oid) != NULL;
}

char *
pgcopy_largeobject_counters(SourceSession *session, int64 *bytes)
{
	SourceRows *rows =
		pgcopy_session_query_row(session,
								 "SELECT pg_catalog.concat_ws(' ',"
								 " pg_catalog.pg_stat_get_tuples_inserted(2613),"
								 " pg_catalog.pg_stat_get_tuples_updated(2613),"
								 " pg_catalog.pg_stat_get_tuples_deleted(2613),"
								 " pg_catalog.pg_stat_get_tuples_inserted(2995),"
								 " pg_catalog.pg_stat_get_tuples_updated(2995),"
								 " pg_catalog.pg_stat_get_tuples_deleted(2995)),"
								 " pg_catalog.pg_relation_size('pg_catalog.pg_largeobject')",
								 2, 0, NULL);
	char	   *counters = pgcopy_session_version(session) < VERSION_WITH_EXACT_COUNTERS ?
		NULL : pstrdup(pgcopy_rows_get(rows, 0, 0));

	*bytes = pgcopy_rows_get_size(rows, 0, 1);
	pgcopy_rows_free(rows);
	return counters;
}
