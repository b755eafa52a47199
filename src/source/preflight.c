/*-------------------------------------------------------------------------
 *
 * preflight.c
 *	  Compare source and target before a job changes anything.
 *
 * A check compares the answers to a query on either side, and returns a finding
 * with the first names and a count.  To add one, write a function and add it to
 * "checks" at the end.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "source/ahead.h"
#include "source/drops.h"
#include "source/inventory.h"
#include "source/names.h"
#include "source/own.h"
#include "source/preflight_private.h"

/* How many names a finding lists. */
#define SHOWN_NAMES 10

static const char lock_seen_sql[] =
"SELECT EXISTS (SELECT FROM pg_catalog.pg_locks AS l"
" JOIN pg_catalog.pg_database AS d ON d.oid = l.database"
" WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
" AND l.classid = $1::pg_catalog.oid AND l.objid = $2::pg_catalog.oid"
" AND ($3::pg_catalog.bool OR d.datname = pg_catalog.current_database()))";

static const char extensions_sql[] =
"SELECT e.extname AS name,"
"  'pg_catalog.pg_extension'::pg_catalog.regclass::pg_catalog.oid AS classid, e.oid AS oid"
" FROM pg_catalog.pg_extension AS e"
" WHERE e.extname <> 'pgcopydb_ext'";

static const char missing_extensions_sql[] =
"SELECT u.name FROM pg_catalog.unnest($1::pg_catalog.text[]) AS u(name)"
" WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_available_extensions AS a"
"  WHERE a.name::pg_catalog.text = u.name)"
" AND NOT EXISTS (SELECT FROM pg_catalog.pg_extension AS e"
"  WHERE e.extname::pg_catalog.text = u.name)"
" ORDER BY u.name COLLATE pg_catalog.\"C\"";

/*
 * All named objects, for both sides, each with the extension that it or its owner
 * (the type of a composite type's relation, the table of an identity column's
 * sequence) is a member of, or NULL.  Relations share one namespace, so a table
 * clashes with a view.  Indexes are left out: they come with their tables.
 */
static const char objects_sql[] =
"SELECT o.what, o.classid::pg_catalog.oid AS classid, o.oid,"
" COALESCE("
"  (SELECT e.extname FROM pg_catalog.pg_depend AS x"
"   JOIN pg_catalog.pg_extension AS e ON e.oid = x.refobjid"
"   WHERE x.classid = o.classid AND x.objid = o.oid AND x.deptype = 'e'"
"   AND x.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass LIMIT 1),"
"  (SELECT e.extname FROM pg_catalog.pg_depend AS i"
"   JOIN pg_catalog.pg_depend AS x ON x.classid = i.refclassid AND x.objid = i.refobjid"
"    AND x.deptype = 'e' AND x.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass"
"   JOIN pg_catalog.pg_extension AS e ON e.oid = x.refobjid"
"   WHERE i.classid = o.classid AND i.objid = o.oid AND i.deptype = 'i' LIMIT 1)) AS extension"
" FROM ("
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
" WHERE (o.oid >= 16384 OR o.classid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass)";

/*
 * Schemas that may be here already: those that an extension is in, that one has
 * left behind, or that somebody has made for one.
 */
static const char free_schemas_sql[] =
"SELECT 'schema ' || pg_catalog.quote_ident(n.nspname) FROM pg_catalog.pg_namespace AS n"
" WHERE EXISTS (SELECT FROM pg_catalog.pg_extension AS e WHERE e.extnamespace = n.oid)"
" OR NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d"
"  WHERE d.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.refobjid = n.oid"
"  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS x"
"   WHERE x.classid = d.classid AND x.objid = d.objid AND x.deptype = 'e'))";

static const char extensions_here_sql[] =
"SELECT e.extname FROM pg_catalog.pg_extension AS e";

/* in_any: in any database of the server. */
static bool
sees_lock(SourceSession *session, uint64 key, const char *in_any)
{
	const char *params[] = {
		psprintf("%u", (uint32) (key >> 32)), psprintf("%u", (uint32) key), in_any
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
static bool
is_here(SourceSession *session, const char *in_any)
{
	uint64		key;
	volatile bool is_seen = false;

	if (!pg_strong_random(&key, sizeof(key)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
	DirectFunctionCall1(pg_advisory_lock_int8, Int64GetDatum((int64) key));
	PG_TRY();
	{
		is_seen = sees_lock(session, key, in_any);
	}
	PG_FINALLY();
	{
		DirectFunctionCall1(pg_advisory_unlock_int8,
							Int64GetDatum((int64) key));
	}
	PG_END_TRY();
	return is_seen;
}

List *
pgcopy_preflight_check_database(SourceSession *session)
{
	static const Finding is_this_database = {
		.level = FINDING_ERROR,
		.sqlerrcode = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		.message = "the source is this same database",
		.hint = "Connect to the database to clone into, and give the other one as the source."
	};

	return is_here(session, "f") ? pgcopy_finding_list(&is_this_database) : NIL;
}

List *
pgcopy_preflight_check_server(SourceSession *session)
{
	static const Finding is_this_server = {
		.level = FINDING_ERROR,
		.sqlerrcode = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		.message = "the source is a database of this same server",
		.hint = "Clone single databases of a server into others with pgcopy_clone()."
	};

	return is_here(session, "t") ? pgcopy_finding_list(&is_this_server) : NIL;
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
	finding.detail = psprintf("%s: %s.", report->what, pgcopy_names_list(names, SHOWN_NAMES));
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

	return find_objects(pgcopy_names_missing(session, extensions_sql, request->filter,
											 missing_extensions_sql),
						&report);
}

/*
 * Which objects this job creates by name.  Without pre-data, objects of post-data that
 * are here are compared with the source's (schema/existing.c).
 */
static const char *
of_sections(const PreflightRequest *request)
{
	static const char large_objects[] = "s.what LIKE 'large object %'";
	static const char of_post_data[] =
		"(s.what LIKE 'event trigger %' OR s.what LIKE 'publication %')";
	StringInfoData text;

	initStringInfo(&text);
	if (!(request->sections & SECTION_PRE_DATA))
		appendStringInfo(&text, " AND %s", large_objects);
	else if (!(request->sections & SECTION_POST_DATA))
		appendStringInfo(&text, " AND NOT %s", of_post_data);
	if (!(request->sections & SECTION_DATA) || !request->with_large_objects)
		appendStringInfo(&text, " AND NOT (%s)", large_objects);
	return text.data;
}

/*
 * What an extension makes is no clash if that extension is here already.  What
 * needs this extension stays on the source; its own names are the next check's.
 */
static List *
check_clashes(SourceSession *session, const PreflightRequest *request)
{
	static const char not_cloned[] =
		" AND (o.classid, o.oid) NOT IN (WITH RECURSIVE " PGCOPY_OWN_CTE
		" SELECT x.classid, x.objid FROM own AS x)";
	static const char not_expected[] =
		" AND CASE WHEN s.extension IS NULL THEN s.what <> ALL ($3::pg_catalog.text[])"
		" ELSE s.extension <> ALL ($2::pg_catalog.text[]) END";
	static const ObjectsReport report = {
		ERRCODE_DUPLICATE_TABLE,
		"%d object of the source already exists here",
		"%d objects of the source already exist here",
		"Existing",
		"Clone into an empty database: CREATE DATABASE ... TEMPLATE template0, and create the extension there; or drop them first: drop_if_exists => true."
	};
	const char *more = request->drops ?
		psprintf(" UNION ALL %s", pgcopy_drops_more_objects()) : "";
	List	   *here =
		pgcopy_names_query(psprintf("SELECT s.what FROM (%s%s) AS s"
									" WHERE s.extension IS DISTINCT FROM 'pgcopydb_ext'%s",
									objects_sql, more, of_sections(request)));
	List	   *shared;
	NamesQuery	there = {
		.sql = psprintf("%s%s%s", objects_sql, not_cloned, more),
		.more = not_expected
	};

	there.params[1] = pgcopy_names_array_literal(pgcopy_names_query(extensions_here_sql));
	there.params[2] = pgcopy_names_array_literal(pgcopy_names_query(free_schemas_sql));
	shared = pgcopy_names_shared(session, request->filter,
								 pgcopy_names_map_back(here, request->schema_map), &there);
	shared = pgcopy_names_map(shared, request->schema_map);
	if (request->drops)
		return pgcopy_drops_find(psprintf("%s%s", objects_sql, more),
								 pgcopy_drops_choose(shared, request->with_large_objects),
								 request->dropped);
	return find_objects(shared, &report);
}

static List *
check_own_names(SourceSession *session, const PreflightRequest *request)
{
	return pgcopy_own_check_names(session, request->filter);
}

static const char grantors_sql[] =
"SELECT r.rolname AS name,"
" 'pg_catalog.pg_largeobject'::pg_catalog.regclass::pg_catalog.oid AS classid, m.oid AS oid"
" FROM pg_catalog.pg_largeobject_metadata AS m,"
" pg_catalog.aclexplode(m.lomacl) AS a, pg_catalog.pg_roles AS r"
" WHERE a.grantor <> m.lomowner AND r.oid = a.grantor";

/*
 * Roles that have granted privileges on large objects that are not theirs.  A
 * job that may not act as them grants as the owner (load/largeobject.c).
 */
static List *
check_grantors(SourceSession *session, const PreflightRequest *request)
{
	static const char not_ours_sql[] =
		"SELECT u.name FROM pg_catalog.unnest($1::pg_catalog.text[]) AS u(name)"
		" JOIN pg_catalog.pg_roles AS r ON r.rolname::pg_catalog.text = u.name"
		" WHERE NOT pg_catalog.pg_has_role(r.oid, 'MEMBER')"
		" ORDER BY u.name COLLATE pg_catalog.\"C\"";
	List	   *names = NIL;
	Finding		finding = {
		.level = FINDING_NOTICE,
		.message = "privileges on large objects that these roles have granted will be granted by the owners of the objects",
		.hint = "Run the job as a superuser or as a member of these roles."
	};

	if (request->with_privileges && request->with_large_objects)
		names = pgcopy_names_missing(session, grantors_sql, NULL, not_ours_sql);
	if (names == NIL)
		return NIL;
	finding.object = pgcopy_names_list(names, SHOWN_NAMES);
	return pgcopy_finding_list(&finding);
}

/* What to ask the source for names alone, and its parameter or NULL; NULL: nothing. */
static const char *
make_names_sql(const PreflightComparison *comparison, const PreflightRequest *request,
			   const char **only)
{
	*only = comparison->objects == COMPARE_RELATIONS ? request->only :
		comparison->objects == COMPARE_ROWS ? request->only_with_rows : NULL;
	if (comparison->objects == COMPARE_LARGE_OBJECTS)
		return request->with_large_objects ? comparison->source_sql : NULL;
	return psprintf("%s %s ORDER BY 1", comparison->source_sql,
					pgcopy_inventory_restriction("c.oid", *only));
}

/* Ask the source for names alone. */
static List *
ask_names(SourceSession *session, const PreflightComparison *comparison,
		  const PreflightRequest *request)
{
	const char *only;
	const char *sql = make_names_sql(comparison, request, &only);
	SourceRows *rows;
	List	   *names = NIL;

	if (sql == NULL)
		return NIL;
	rows = pgcopy_session_query(session, sql, 1, only != NULL ? 1 : 0, &only);
	for (int i = 0; i < pgcopy_rows_count(rows); i++)
		names = lappend(names, pstrdup(pgcopy_rows_get(rows, i, 0)));
	pgcopy_rows_free(rows);
	return names;
}

/* Is it one for this source and this job? */
static bool
is_wanted(SourceSession *session, const PreflightComparison *comparison,
		  const PreflightRequest *request)
{
	int			version = pgcopy_session_version(session);

	return version >= comparison->from_version &&
		(comparison->before_version == 0 || version < comparison->before_version) &&
		(request->with_privileges || !comparison->is_of_privileges);
}

/* Run a comparison of another file. */
static List *
compare(SourceSession *session, const PreflightComparison *comparison,
		const PreflightRequest *request)
{
	List	   *names;

	if (!is_wanted(session, comparison, request))
		return NIL;
	if (comparison->source_sql == NULL)
		names = pgcopy_names_query(comparison->local_sql);
	else if (comparison->local_sql != NULL)
		names = pgcopy_names_missing(session, comparison->source_sql, request->filter,
									 comparison->local_sql);
	else
		names = ask_names(session, comparison, request);
	names = find_objects(names, &comparison->report);
	if (names != NIL &&
		(comparison->is_notice || (request->goes_on && !comparison->stops_always)))
	{
		Finding    *finding = linitial(names);

		finding->level = FINDING_NOTICE;
		finding->object = finding->detail;
	}
	return names;
}

static List *
compare_all(SourceSession *session, const PreflightComparison *comparisons, int n,
			const PreflightRequest *request)
{
	List	   *findings = NIL;

	for (int i = 0; i < n; i++)
		findings = list_concat(findings, compare(session, &comparisons[i], request));
	return findings;
}

/* Say what comparisons will ask. */
static void
foresee(SourceSession *session, const PreflightComparison *comparisons, int n,
		const PreflightRequest *request)
{
	for (int i = 0; i < n; i++)
	{
		const char *sql;
		const char *only;

		if (comparisons[i].source_sql == NULL ||
			!is_wanted(session, &comparisons[i], request))
			continue;
		if (comparisons[i].local_sql != NULL)
			pgcopy_names_foresee_missing(session, comparisons[i].source_sql, request->filter);
		else if ((sql = make_names_sql(&comparisons[i], request, &only)) != NULL)
			pgcopy_ahead_foresee(session, sql, 1, only != NULL ? 1 : 0, &only);
	}
}

typedef List *(*PreflightCheck) (SourceSession *session,
								 const PreflightRequest *request);

/* Each is run for jobs with one of its sections. */
static const struct
{
	PreflightCheck check;
	int			sections;
}			checks[] = {
	{check_extensions, SECTION_PRE_DATA},
	{pgcopy_preflight_check_maps, SECTION_PRE_DATA | SECTION_DATA | SECTION_POST_DATA},
	{check_clashes, SECTION_PRE_DATA | SECTION_DATA},
	{check_grantors, SECTION_DATA},
	{check_own_names, SECTION_PRE_DATA},
	{pgcopy_preflight_check_extensions, SECTION_PRE_DATA}
};

List *
pgcopy_preflight_run(SourceSession *session, const PreflightRequest *request)
{
	List	   *findings = NIL;
	int			n;
	const PreflightComparison *comparisons = pgcopy_preflight_server_comparisons(&n);

	for (int i = 0; i < lengthof(checks); i++)
	{
		if (checks[i].sections & request->sections)
			findings = list_concat(findings, checks[i].check(session, request));
	}
	if (!(request->sections & SECTION_PRE_DATA))
		return findings;
	return list_concat(findings, compare_all(session, comparisons, n, request));
}

List *
pgcopy_preflight_check_rights(SourceSession *session, const PreflightRequest *request,
							  bool *can_dump)
{
	int			n;
	const PreflightComparison *comparisons = pgcopy_preflight_rights_comparisons(&n);
	List	   *findings = compare(session, &comparisons[0], request);

	*can_dump = findings == NIL;
	if (!(request->sections & SECTION_DATA))
		return findings;
	return list_concat(findings,
					   compare_all(session, comparisons + 1, n - 1, request));
}

#define ROLES_PARAMS 2

static void
set_roles_params(const PreflightRequest *request, const char **params)
{
	bool		has_data = (request->sections & SECTION_DATA) != 0;

	params[0] = request->with_owners && has_data ? "t" : "f";
	params[1] = request->with_privileges && has_data ? "t" : "f";
}

List *
pgcopy_preflight_roles(SourceSession *session, const PreflightRequest *request,
					   List **others)
{
	const char *params[ROLES_PARAMS];
	SourceRows *rows;
	List	   *owners = NIL;

	*others = NIL;
	if (!request->with_large_objects)
		return NIL;
	set_roles_params(request, params);
	rows = pgcopy_session_query(session, pgcopy_preflight_rights_roles_sql(),
								2, ROLES_PARAMS, params);
	for (int i = 0; i < pgcopy_rows_count(rows); i++)
	{
		char	   *name = pstrdup(pgcopy_rows_get(rows, i, 1));

		if (pgcopy_rows_get_bool(rows, i, 0))
			owners = lappend(owners, name);
		else
			*others = lappend(*others, name);
	}
	pgcopy_rows_free(rows);
	return owners;
}

void
pgcopy_preflight_foresee(SourceSession *session, const PreflightRequest *request)
{
	const char *params[ROLES_PARAMS];
	int			n;
	const PreflightComparison *comparisons = pgcopy_preflight_rights_comparisons(&n);

	foresee(session, comparisons, (request->sections & SECTION_DATA) ? n : 1, request);
	if (request->sections & SECTION_PRE_DATA)
	{
		pgcopy_names_foresee_missing(session, extensions_sql, request->filter);
		pgcopy_preflight_foresee_extensions(session);
		comparisons = pgcopy_preflight_server_comparisons(&n);
		foresee(session, comparisons, n, request);
	}
	if (!request->with_large_objects)
		return;
	if ((request->sections & SECTION_DATA) && request->with_privileges)
		pgcopy_names_foresee_missing(session, grantors_sql, NULL);
	set_roles_params(request, params);
	pgcopy_ahead_foresee(session, pgcopy_preflight_rights_roles_sql(), 2, ROLES_PARAMS, params);
}
