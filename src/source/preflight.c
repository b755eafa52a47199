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

#include "source/own.h"
#include "source/preflight.h"

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
 * Roles that a dump names: owners if $1, grantees if $2, and those of policies
 * and user mappings always.
 *
 * pg_shdepend does not record roles that initdb made, and the superuser of the
 * source may have another name here.  "pinned" finds where the most common objects
 * use them.
 */
static const char roles_sql[] =
"WITH RECURSIVE " PGCOPY_OWN_CTE ", pinned AS ("
"  SELECT o.owner AS role, 'o'::pg_catalog.text AS why FROM ("
"   SELECT relowner, oid FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f')"
"   UNION ALL SELECT proowner, oid FROM pg_catalog.pg_proc"
"   UNION ALL SELECT typowner, oid FROM pg_catalog.pg_type WHERE typrelid = 0"
"   UNION ALL SELECT nspowner, oid FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_'"
"  ) AS o(owner, oid)"
"  WHERE o.oid >= 16384 AND o.owner < 16384"
"   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS x"
"    WHERE x.objid = o.oid AND x.deptype = 'e')"
"  UNION ALL"
"  SELECT a.grantee, 'a' FROM ("
"   SELECT relacl FROM pg_catalog.pg_class WHERE oid >= 16384 AND relacl IS NOT NULL"
"   UNION ALL SELECT proacl FROM pg_catalog.pg_proc WHERE oid >= 16384 AND proacl IS NOT NULL"
"   UNION ALL SELECT nspacl FROM pg_catalog.pg_namespace WHERE oid >= 16384 AND nspacl IS NOT NULL"
"   UNION ALL SELECT defaclacl FROM pg_catalog.pg_default_acl"
"  ) AS g(acl), pg_catalog.aclexplode(g.acl) AS a"
"  WHERE a.grantee <> 0 AND a.grantee < 16384"
"  UNION ALL"
"  SELECT DISTINCT m.lomowner, 'o' FROM pg_catalog.pg_largeobject_metadata AS m"
"  WHERE m.lomowner < 16384"
"  UNION ALL"
"  SELECT r.oid, 'a' FROM pg_catalog.pg_largeobject_metadata AS m,"
"   pg_catalog.aclexplode(m.lomacl) AS a, pg_catalog.unnest(ARRAY[a.grantor, a.grantee]) AS r(oid)"
"  WHERE r.oid < 16384 AND r.oid <> m.lomowner"
" ), shared AS ("
"  SELECT s.refobjid AS role, CASE"
"    WHEN s.deptype = 'r' THEN 'p'"
"    WHEN s.classid = 'pg_catalog.pg_user_mapping'::pg_catalog.regclass THEN 'p'"
"    WHEN s.classid = 'pg_catalog.pg_default_acl'::pg_catalog.regclass THEN 'a'"
"    ELSE s.deptype::pg_catalog.text END AS why"
"  FROM pg_catalog.pg_shdepend AS s"
"  WHERE s.dbid = (SELECT d.oid FROM pg_catalog.pg_database AS d"
"    WHERE d.datname = pg_catalog.current_database())"
"   AND s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass"
"   AND s.deptype IN ('o', 'a', 'r')"
"   AND s.classid <> 'pg_catalog.pg_extension'::pg_catalog.regclass"
"   AND (s.classid, s.objid) NOT IN (SELECT x.classid, x.objid FROM own AS x)"
"   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS x"
"    WHERE x.classid = s.classid AND x.objid = s.objid AND x.deptype = 'e')"
"   AND NOT EXISTS (SELECT FROM pg_catalog.pg_class AS t"
"    WHERE s.classid = 'pg_catalog.pg_class'::pg_catalog.regclass"
"     AND t.oid = s.objid AND t.relpersistence = 't')"
" )"
" SELECT DISTINCT r.rolname FROM ("
"  SELECT * FROM pinned UNION ALL SELECT * FROM shared) AS u"
" JOIN pg_catalog.pg_roles AS r ON r.oid = u.role"
" WHERE u.why = 'p' OR (u.why = 'o' AND $1::pg_catalog.bool)"
"  OR (u.why = 'a' AND $2::pg_catalog.bool)";

static const char missing_roles_sql[] =
"SELECT u.name FROM pg_catalog.unnest($1::pg_catalog.text[]) AS u(name)"
" WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS r"
"  WHERE r.rolname::pg_catalog.text = u.name)"
" ORDER BY u.name COLLATE pg_catalog.\"C\"";

/*
 * All named objects, for both sides, each with the extension that it or its owner
 * (the type of a composite type's relation, the table of an identity column's
 * sequence) is a member of, or NULL.  Relations share one namespace, so a table
 * clashes with a view.  Indexes are left out: they come with their tables.
 */
static const char objects_sql[] =
"SELECT o.what,"
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

/* How to report objects.  The messages have one %d, for their number. */
typedef struct ObjectsReport
{
	int			sqlerrcode;
	const char *message_one;
	const char *message_many;
	const char *what;			/* introduces the names in the detail */
	const char *hint;
} ObjectsReport;

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

static List *
check_roles(SourceSession *session, const PreflightRequest *request)
{
	const char *params[] = {
		request->with_owners ? "t" : "f", request->with_privileges ? "t" : "f"
	};
	ObjectsReport report = {
		ERRCODE_UNDEFINED_OBJECT,
		"%d role that the source uses does not exist here",
		"%d roles that the source uses do not exist here",
		"Missing",
		request->with_owners || request->with_privileges ?
		"Create them, or leave ownership and grants out with no_owner => true and no_privileges => true; roles of policies and user mappings are needed in any case." :
		"Create them: policies and user mappings need them."
	};

	return find_objects(find_missing(session, roles_sql, lengthof(params), params,
									 missing_roles_sql),
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

List *
pgcopy_preflight_names_here(const char *sql)
{
	return query_names(sql, 0, (Datum) 0);
}

/*
 * Return what a query on the source finds whose column "what" is one of the names
 * here.  They go to the source: the target is nearly always empty.  more: the
 * rest of the WHERE clause, which may use parameters from $2 on; params[0] is
 * set here.
 */
static List *
find_shared(SourceSession *session, List *here, const char *there_sql,
			const char *more, const char **params)
{
	static const char shared_sql[] =
		"SELECT s.what FROM (%s) AS s"
		" WHERE s.what IN (SELECT pg_catalog.unnest($1::pg_catalog.text[])) %s"
		" ORDER BY s.what COLLATE pg_catalog.\"C\"";
	List	   *shared = NIL;
	SourceRows *rows;

	if (here == NIL)
		return NIL;
	params[0] = make_array_literal(here);
	rows = pgcopy_session_query(session, psprintf(shared_sql, there_sql, more),
								1, more[0] == '\0' ? 1 : 3, params);
	for (int i = 0; i < pgcopy_rows_count(rows); i++)
		shared = lappend(shared, pstrdup(pgcopy_rows_get(rows, i, 0)));
	pgcopy_rows_free(rows);
	return shared;
}

List *
pgcopy_preflight_names_shared(SourceSession *session, const char *here_sql,
							  const char *there_sql)
{
	const char *params[1];

	return find_shared(session, pgcopy_preflight_names_here(here_sql), there_sql, "", params);
}

/*
 * What an extension makes is no clash if that extension is here already.  What
 * needs this extension stays on the source.
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
		"Clone into an empty database: CREATE DATABASE ... TEMPLATE template0, and create the extension there."
	};
	List	   *here =
		pgcopy_preflight_names_here(psprintf("SELECT s.what FROM (%s) AS s", objects_sql));
	const char *params[3];

	params[1] = make_array_literal(pgcopy_preflight_names_here(extensions_here_sql));
	params[2] = make_array_literal(pgcopy_preflight_names_here(free_schemas_sql));
	return find_objects(find_shared(session, here, psprintf("%s%s", objects_sql, not_cloned),
									not_expected, params),
						&report);
}

/*
 * Roles that have granted privileges on large objects that are not theirs.  A
 * job that may not act as them grants as the owner (load/largeobject.c).
 */
static List *
check_grantors(SourceSession *session, const PreflightRequest *request)
{
	static const char grantors_sql[] =
		"SELECT DISTINCT r.rolname FROM pg_catalog.pg_largeobject_metadata AS m,"
		" pg_catalog.aclexplode(m.lomacl) AS a, pg_catalog.pg_roles AS r"
		" WHERE a.grantor <> m.lomowner AND r.oid = a.grantor";
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

	if (request->with_privileges)
		names = find_missing(session, grantors_sql, 0, NULL, not_ours_sql);
	if (names == NIL)
		return NIL;
	finding.object = list_names(names);
	return pgcopy_finding_list(&finding);
}

typedef List *(*PreflightCheck) (SourceSession *session,
								 const PreflightRequest *request);

static const PreflightCheck checks[] = {
	check_extensions,
	check_roles,
	check_clashes,
	check_grantors,
	pgcopy_own_check_names,
	pgcopy_preflight_check_extensions
};

List *
pgcopy_preflight_run(SourceSession *session, const PreflightRequest *request)
{
	List	   *findings = pgcopy_preflight_check_database(session);

	if (findings != NIL)
		return findings;
	for (int i = 0; i < lengthof(checks); i++)
		findings = list_concat(findings, checks[i] (session, request));
	return findings;
}
