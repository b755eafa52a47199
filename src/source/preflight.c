/*-------------------------------------------------------------------------
 *
 * preflight.c
 *	  Compare source and target before a job changes anything.
 *
 * A check compares the answers to a query on either side, and returns a finding
 * with the first names and a count.  To add one, write a function and add it to
 * "checks" at the end.
 *
 * Local SQL runs with an empty search_path, like that on the source, so that both
 * sides print type names alike and no user's operators are called.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "source/preflight_private.h"

/* How many names a finding lists. */
#define SHOWN_NAMES 10

static const char lock_seen_sql[] =
"SELECT EXISTS (SELECT FROM pg_catalog.pg_locks AS l"
" JOIN pg_catalog.pg_database AS d ON d.oid = l.database"
" WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
" AND l.classid = $1::pg_catalog.oid AND l.objid = $2::pg_catalog.oid"
" AND d.datname = pg_catalog.current_database())";

static const char extensions_sql[] =
"SELECT e.extname FROM pg_catalog.pg_extension AS e"
" WHERE e.extname <> 'pgcopydb_ext'";

static const char missing_extensions_sql[] =
"SELECT u.name FROM pg_catalog.unnest($1::pg_catalog.text[]) AS u(name)"
" WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_available_extensions AS a"
"  WHERE a.name::pg_catalog.text = u.name)"
" AND NOT EXISTS (SELECT FROM pg_catalog.pg_extension AS e"
"  WHERE e.extname::pg_catalog.text = u.name)"
" ORDER BY u.name COLLATE pg_catalog.\"C\"";

/*
 * All named objects, for both sides.  Relations share one namespace, so a table
 * clashes with a view.  Indexes are left out: they come with their tables.
 */
static const char objects_sql[] =
"SELECT o.what FROM ("
" SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass AS classid, n.oid,"
"  'schema ' || pg_catalog.quote_ident(n.nspname) AS what"
" FROM pg_catalog.pg_namespace AS n"
" WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('public', 'information_schema')"
" UNION ALL"
" SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid,"
"  'relation ' || pg_catalog.format('%I.%I', n.nspname, c.relname)"
" FROM pg_catalog.pg_class AS c"
" JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
" WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c') AND c.relpersistence <> 't'"
"  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
" UNION ALL"
" SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid,"
"  'type ' || pg_catalog.format('%I.%I', n.nspname, t.typname)"
" FROM pg_catalog.pg_type AS t"
" JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace"
" WHERE t.typtype <> 'm' AND t.typrelid = 0"
"  AND NOT EXISTS (SELECT FROM pg_catalog.pg_type AS e WHERE e.typarray = t.oid)"
"  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
" UNION ALL"
" SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid,"
"  'function ' || pg_catalog.format('%I.%I(%s)', n.nspname, p.proname,"
"   pg_catalog.oidvectortypes(p.proargtypes))"
" FROM pg_catalog.pg_proc AS p"
" JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace"
" WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
" UNION ALL"
" SELECT 'pg_catalog.pg_operator'::pg_catalog.regclass, p.oid,"
"  'operator ' || pg_catalog.format('%I.%s(%s,%s)', n.nspname, p.oprname,"
"   pg_catalog.format_type(p.oprleft, NULL), pg_catalog.format_type(p.oprright, NULL))"
" FROM pg_catalog.pg_operator AS p"
" JOIN pg_catalog.pg_namespace AS n ON n.oid = p.oprnamespace"
" WHERE n.nspname !~ '^pg_'"
" UNION ALL"
" SELECT 'pg_catalog.pg_collation'::pg_catalog.regclass, c.oid,"
"  'collation ' || pg_catalog.format('%I.%I', n.nspname, c.collname)"
" FROM pg_catalog.pg_collation AS c"
" JOIN pg_catalog.pg_namespace AS n ON n.oid = c.collnamespace"
" WHERE n.nspname !~ '^pg_'"
" UNION ALL"
" SELECT 'pg_catalog.pg_conversion'::pg_catalog.regclass, c.oid,"
"  'conversion ' || pg_catalog.format('%I.%I', n.nspname, c.conname)"
" FROM pg_catalog.pg_conversion AS c"
" JOIN pg_catalog.pg_namespace AS n ON n.oid = c.connamespace"
" WHERE n.nspname !~ '^pg_'"
" UNION ALL"
" SELECT 'pg_catalog.pg_ts_config'::pg_catalog.regclass, t.oid,"
"  'text search configuration ' || pg_catalog.format('%I.%I', n.nspname, t.cfgname)"
" FROM pg_catalog.pg_ts_config AS t"
" JOIN pg_catalog.pg_namespace AS n ON n.oid = t.cfgnamespace"
" WHERE n.nspname !~ '^pg_'"
" UNION ALL"
" SELECT 'pg_catalog.pg_ts_dict'::pg_catalog.regclass, t.oid,"
"  'text search dictionary ' || pg_catalog.format('%I.%I', n.nspname, t.dictname)"
" FROM pg_catalog.pg_ts_dict AS t"
" JOIN pg_catalog.pg_namespace AS n ON n.oid = t.dictnamespace"
" WHERE n.nspname !~ '^pg_'"
" UNION ALL"
" SELECT 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass, f.oid,"
"  'foreign-data wrapper ' || pg_catalog.quote_ident(f.fdwname)"
" FROM pg_catalog.pg_foreign_data_wrapper AS f"
" UNION ALL"
" SELECT 'pg_catalog.pg_foreign_server'::pg_catalog.regclass, s.oid,"
"  'server ' || pg_catalog.quote_ident(s.srvname)"
" FROM pg_catalog.pg_foreign_server AS s"
" UNION ALL"
" SELECT 'pg_catalog.pg_language'::pg_catalog.regclass, l.oid,"
"  'language ' || pg_catalog.quote_ident(l.lanname)"
" FROM pg_catalog.pg_language AS l"
" UNION ALL"
" SELECT 'pg_catalog.pg_event_trigger'::pg_catalog.regclass, e.oid,"
"  'event trigger ' || pg_catalog.quote_ident(e.evtname)"
" FROM pg_catalog.pg_event_trigger AS e"
" UNION ALL"
" SELECT 'pg_catalog.pg_publication'::pg_catalog.regclass, p.oid,"
"  'publication ' || pg_catalog.quote_ident(p.pubname)"
" FROM pg_catalog.pg_publication AS p"
" UNION ALL"
" SELECT 'pg_catalog.pg_largeobject'::pg_catalog.regclass, m.oid,"
"  'large object ' || m.oid::pg_catalog.text"
" FROM pg_catalog.pg_largeobject_metadata AS m"
" ) AS o"
" WHERE (o.oid >= 16384 OR o.classid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass)"
" AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS x"
"  WHERE x.classid = o.classid AND x.objid = o.oid AND x.deptype = 'e'"
"  AND x.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass)";

/* Make a text[] of the first column, for a local query. */
static Datum
make_name_array(const SourceRows *rows)
{
	int			count = pgcopy_rows_count(rows);
	Datum	   *names = palloc(sizeof(Datum) * Max(count, 1));

	for (int i = 0; i < count; i++)
		names[i] = CStringGetTextDatum(pgcopy_rows_get(rows, i, 0));
	return PointerGetDatum(construct_array(names, count, TEXTOID, -1, false,
										   TYPALIGN_INT));
}

/*
 * Run a local query of one text column under an empty search_path.  Returns a
 * List of strings in the current memory context.  nparams is 0 or 1.
 */
static List *
query_names(const char *sql, int nparams, Datum param)
{
	MemoryContext context = CurrentMemoryContext;
	Oid			types[1] = {TEXTARRAYOID};
	List	   *names = NIL;
	int			nest_level = NewGUCNestLevel();

	Assert(nparams == 0 || nparams == 1);
	(void) set_config_option("search_path", "", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	SPI_connect();
	if (SPI_execute_with_args(sql, nparams, types, &param, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the catalogs");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *name = SPI_getvalue(SPI_tuptable->vals[i],
										SPI_tuptable->tupdesc, 1);
		MemoryContext spi_context = MemoryContextSwitchTo(context);

		names = lappend(names, pstrdup(name));
		MemoryContextSwitchTo(spi_context);
	}
	SPI_finish();
	AtEOXact_GUC(true, nest_level);
	return names;
}

/* List the first names, for the detail of a finding. */
static char *
list_names(const List *names)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, names)
	{
		if (foreach_current_index(lc) == SHOWN_NAMES)
		{
			appendStringInfo(&buf, " and %d more",
							 list_length(names) - SHOWN_NAMES);
			break;
		}
		appendStringInfo(&buf, "%s%s", buf.len > 0 ? ", " : "",
						 (char *) lfirst(lc));
	}
	return buf.data;
}

/*
 * Return the names that source_sql finds on the source and local_sql, given them
 * as $1, returns.
 */
static List *
find_missing(SourceSession *session, const char *source_sql, int nparams,
			 const char *const *params, const char *local_sql)
{
	SourceRows *rows = pgcopy_session_query(session, source_sql, 1,
											nparams, params);
	List	   *missing = NIL;

	if (pgcopy_rows_count(rows) > 0)
		missing = query_names(local_sql, 1, make_name_array(rows));
	pgcopy_rows_free(rows);
	return missing;
}

static bool
sees_lock(SourceSession *session, uint64 key)
{
	const char *params[] = {
		psprintf("%u", (uint32) (key >> 32)), psprintf("%u", (uint32) key)
	};
	SourceRows *rows = pgcopy_session_query_row(session, lock_seen_sql, 1,
												lengthof(params), params);
	bool		is_seen = pgcopy_rows_get_bool(rows, 0, 0);

	pgcopy_rows_free(rows);
	return is_seen;
}

/*
 * Take an advisory lock here and look for it there.  Names, addresses and even
 * system identifiers may be the same on two servers.
 */
List *
pgcopy_preflight_check_database(SourceSession *session)
{
	static const Finding is_this_database = {
		.level = FINDING_ERROR,
		.sqlerrcode = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		.message = "the source is this same database",
		.hint = "Connect to the database to clone into, and give the other one as the source."
	};
	uint64		key;
	volatile bool is_seen = false;

	if (!pg_strong_random(&key, sizeof(key)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
	DirectFunctionCall1(pg_advisory_lock_int8, Int64GetDatum((int64) key));
	PG_TRY();
	{
		is_seen = sees_lock(session, key);
	}
	PG_FINALLY();
	{
		DirectFunctionCall1(pg_advisory_unlock_int8,
							Int64GetDatum((int64) key));
	}
	PG_END_TRY();
	return is_seen ? pgcopy_finding_list(&is_this_database) : NIL;
}

/* Make a finding about objects; NIL if there are none. */
static List *
find_objects(List *names, const ObjectsReport *report)
{
	int			count = list_length(names);
	Finding		finding = {
		.level = FINDING_ERROR,
		.sqlerrcode = report->sqlerrcode,
		.hint = report->hint
	};

	if (count == 0)
		return NIL;
	finding.message = psprintf(count == 1 ? report->message_one : report->message_many, count);
	finding.detail = psprintf("%s: %s.", report->what, list_names(names));
	return pgcopy_finding_list(&finding);
}

static List *
check_extensions(SourceSession *session, const PreflightRequest *request)
{
	static const ObjectsReport report = {
		ERRCODE_UNDEFINED_OBJECT,
		"%d extension of the source is not available here",
		"%d extensions of the source are not available here",
		"Missing",
		"Install their packages on this server; pg_available_extensions then shows them."
	};

	return find_objects(find_missing(session, extensions_sql, 0, NULL, missing_extensions_sql),
						&report);
}

/* Make the text of a text[], for the source. */
static char *
make_array_literal(List *names)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(list_length(names), 1));
	ListCell   *lc;
	ArrayType  *array;

	foreach(lc, names)
		elements[foreach_current_index(lc)] = CStringGetTextDatum(lfirst(lc));
	array = construct_array(elements, list_length(names), TEXTOID, -1, false,
							TYPALIGN_INT);
	return OidOutputFunctionCall(F_ARRAY_OUT, PointerGetDatum(array));
}

/* Send the names of the target to the source: the target is nearly always empty. */
static List *
check_clashes(SourceSession *session, const PreflightRequest *request)
{
	static const ObjectsReport report = {
		ERRCODE_DUPLICATE_TABLE,
		"%d object of the source already exists here",
		"%d objects of the source already exist here",
		"Existing",
		"Clone into an empty database: CREATE DATABASE ... TEMPLATE template0, and create the extension there."
	};
	List	   *here = query_names(objects_sql, 0, (Datum) 0);
	List	   *clashes = NIL;
	const char *params[1];
	SourceRows *rows;

	if (here == NIL)
		return NIL;
	params[0] = make_array_literal(here);
	rows = pgcopy_session_query(session,
								psprintf("SELECT s.what FROM (%s) AS s"
										 " WHERE s.what IN (SELECT pg_catalog.unnest($1::pg_catalog.text[]))"
										 " ORDER BY s.what COLLATE pg_catalog.\"C\"",
										 objects_sql),
								1, 1, params);
	for (int i = 0; i < pgcopy_rows_count(rows); i++)
		clashes = lappend(clashes, pstrdup(pgcopy_rows_get(rows, i, 0)));
	pgcopy_rows_free(rows);
	return find_objects(clashes, &report);
}

/* Run a comparison of another file. */
static List *
compare(SourceSession *session, const PreflightComparison *comparison, bool goes_on)
{
	List	   *names = NIL;

	if (pgcopy_session_version(session) < comparison->from_version)
		return NIL;
	if (comparison->source_sql == NULL)
		names = query_names(comparison->local_sql, 0, (Datum) 0);
	else if (comparison->local_sql != NULL)
		names = find_missing(session, comparison->source_sql, 0, NULL, comparison->local_sql);
	else
	{
		SourceRows *rows = pgcopy_session_query(session, comparison->source_sql, 1, 0, NULL);

		for (int i = 0; i < pgcopy_rows_count(rows); i++)
			names = lappend(names, pstrdup(pgcopy_rows_get(rows, i, 0)));
		pgcopy_rows_free(rows);
	}
	names = find_objects(names, &comparison->report);
	if (names != NIL && (comparison->is_notice || (goes_on && !comparison->stops_always)))
	{
		Finding    *finding = linitial(names);

		finding->level = FINDING_NOTICE;
		finding->object = finding->detail;
	}
	return names;
}

static List *
compare_all(SourceSession *session, const PreflightComparison *comparisons, int n,
			bool goes_on)
{
	List	   *findings = NIL;

	for (int i = 0; i < n; i++)
		findings = list_concat(findings, compare(session, &comparisons[i], goes_on));
	return findings;
}

typedef List *(*PreflightCheck) (SourceSession *session,
								 const PreflightRequest *request);

static const PreflightCheck checks[] = {
	check_extensions,
	check_clashes
};

List *
pgcopy_preflight_run(SourceSession *session, const PreflightRequest *request)
{
	List	   *findings = NIL;
	int			n;
	const PreflightComparison *comparisons = pgcopy_preflight_server_comparisons(&n);

	for (int i = 0; i < lengthof(checks); i++)
		findings = list_concat(findings, checks[i] (session, request));
	return list_concat(findings, compare_all(session, comparisons, n, request->goes_on));
}

List *
pgcopy_preflight_check_rights(SourceSession *session, const PreflightRequest *request,
							  bool *can_dump)
{
	int			n;
	const PreflightComparison *comparisons = pgcopy_preflight_rights_comparisons(&n);
	List	   *findings = compare(session, &comparisons[0], request->goes_on);

	*can_dump = findings == NIL;
	return list_concat(findings,
					   compare_all(session, comparisons + 1, n - 1, request->goes_on));
}

List *
pgcopy_preflight_roles(SourceSession *session, const PreflightRequest *request,
					   List **grantees)
{
	const char *params[] = {
		request->with_owners ? "t" : "f", request->with_privileges ? "t" : "f"
	};
	SourceRows *rows = pgcopy_session_query(session, pgcopy_preflight_rights_roles_sql(),
											2, lengthof(params), params);
	List	   *owners = NIL;

	*grantees = NIL;
	for (int i = 0; i < pgcopy_rows_count(rows); i++)
	{
		char	   *name = pstrdup(pgcopy_rows_get(rows, i, 1));

		if (pgcopy_rows_get_bool(rows, i, 0))
			owners = lappend(owners, name);
		else
			*grantees = lappend(*grantees, name);
	}
	pgcopy_rows_free(rows);
	return owners;
}
