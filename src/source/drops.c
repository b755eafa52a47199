/*-------------------------------------------------------------------------
 *
 * drops.c
 *	  What drop_if_exists drops here.
 *
 * All of it is dropped by one command as if by DROP ... RESTRICT, so that objects of
 * the list may depend on each other.  What does not belong to them and depends on
 * them is found here, by pg_depend, before anything is locked.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/twophase.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "source/drops.h"
#include "source/names.h"

/* How many names an error, and a notice, list. */
#define SHOWN_NAMES 20
#define TOLD_NAMES 1000

/* Locks that the job and others need beside those of the objects. */
#define OTHER_LOCKS 200

/*
 * Casts and the like, by what the server calls them.  Those of extensions are left
 * out.
 */
static const char more_objects_sql[] =
"SELECT i.type || ' ' || i.identity AS what, m.classid::pg_catalog.oid AS classid, m.oid,"
" NULL::pg_catalog.name AS extension FROM ("
" SELECT 'pg_catalog.pg_cast'::pg_catalog.regclass AS classid, x.oid FROM pg_catalog.pg_cast AS x"
" UNION ALL SELECT 'pg_catalog.pg_transform'::pg_catalog.regclass, x.oid"
" FROM pg_catalog.pg_transform AS x"
" UNION ALL SELECT 'pg_catalog.pg_opfamily'::pg_catalog.regclass, x.oid"
" FROM pg_catalog.pg_opfamily AS x"
" UNION ALL SELECT 'pg_catalog.pg_opclass'::pg_catalog.regclass, x.oid"
" FROM pg_catalog.pg_opclass AS x"
" UNION ALL SELECT 'pg_catalog.pg_am'::pg_catalog.regclass, x.oid FROM pg_catalog.pg_am AS x"
" UNION ALL SELECT 'pg_catalog.pg_ts_parser'::pg_catalog.regclass, x.oid"
" FROM pg_catalog.pg_ts_parser AS x"
" UNION ALL SELECT 'pg_catalog.pg_ts_template'::pg_catalog.regclass, x.oid"
" FROM pg_catalog.pg_ts_template AS x"
" UNION ALL SELECT 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, x.oid"
" FROM pg_catalog.pg_statistic_ext AS x"
" UNION ALL SELECT 'pg_catalog.pg_default_acl'::pg_catalog.regclass, x.oid"
" FROM pg_catalog.pg_default_acl AS x WHERE x.defaclnamespace <> 0"
" UNION ALL SELECT 'pg_catalog.pg_user_mapping'::pg_catalog.regclass, x.umid"
" FROM pg_catalog.pg_user_mappings AS x"
") AS m CROSS JOIN LATERAL pg_catalog.pg_identify_object(m.classid, m.oid, 0) AS i"
" WHERE m.oid >= 16384 AND i.identity IS NOT NULL"
" AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d WHERE d.classid = m.classid"
" AND d.objid = m.oid"
"  AND d.deptype = 'e')";

/*
 * One row for each fact: its kind, texts, and for kinds d and s an address.
 *
 * root: what is to be created again, a composite type for its relation.  part: with
 * what goes along.  own: roots that are a part of something else.
 */
static const char facts_sql[] =
"WITH RECURSIVE named AS MATERIALIZED ("
"  SELECT s.what, s.extension, s.classid::pg_catalog.oid AS classid, s.oid FROM (%s) AS s"
"  WHERE s.what = ANY ($1::pg_catalog.text[])"
" ), root AS MATERIALIZED ("
"  SELECT CASE WHEN c.relkind = 'c'"
" THEN 'pg_catalog.pg_type'::pg_catalog.regclass::pg_catalog.oid ELSE n.classid END AS classid,"
"   CASE WHEN c.relkind = 'c' THEN c.reltype ELSE n.oid END AS objid"
"  FROM named AS n LEFT JOIN pg_catalog.pg_class AS c"
"   ON n.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = n.oid"
"  WHERE n.extension IS NULL AND n.classid <> 'pg_catalog.pg_namespace'::pg_catalog.regclass"
" ), part(classid, objid) AS ("
"  SELECT r.classid, r.objid FROM root AS r"
"  UNION"
"  SELECT d.classid, d.objid FROM part AS p"
"  JOIN pg_catalog.pg_depend AS d ON d.refclassid = p.classid AND d.refobjid = p.objid"
"  WHERE d.deptype IN ('i', 'a', 'P', 'S')"
" ), own AS MATERIALIZED ("
"  SELECT r.classid, r.objid, d.refclassid, d.refobjid,"
"   EXISTS (SELECT FROM part AS p WHERE p.classid = d.refclassid AND p.objid = d.refobjid) AS goes"
"  FROM root AS r JOIN pg_catalog.pg_depend AS d ON d.classid = r.classid AND d.objid = r.objid"
"  WHERE d.deptype = 'i' AND d.objsubid = 0"	/* a partitioned table has its key's columns */
" ), gone AS MATERIALIZED ("
"  SELECT r.classid, r.objid FROM root AS r WHERE NOT EXISTS ("
"   SELECT FROM own AS o WHERE o.classid = r.classid AND o.objid = r.objid)"
"  UNION"
"  SELECT n.classid, n.oid FROM named AS n"
"  WHERE n.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND n.extension IS NULL"
"  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d"
"   WHERE d.refclassid = n.classid AND d.refobjid = n.oid AND d.deptype <> 'a'"
"   AND NOT EXISTS (SELECT FROM part AS p WHERE p.classid = d.classid AND p.objid = d.objid))"
" )"
" SELECT 'd', i.type, i.identity, g.classid, g.objid FROM gone AS g"
" CROSS JOIN LATERAL pg_catalog.pg_identify_object(g.classid, g.objid, 0) AS i"
" UNION ALL"
/* parts, by kind */
" SELECT 'p', x.kind, pg_catalog.count(*)::pg_catalog.text, 0, 0 FROM ("
"  SELECT CASE WHEN p.classid = 'pg_catalog.pg_class'::pg_catalog.regclass"
" AND c.relkind IN ('i', 'I') THEN 'indexes'"
"   WHEN p.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.relkind = 'S'"
" THEN 'sequences'"
"   WHEN p.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass AND NOT t.tgisinternal"
" THEN 'triggers'"
"   WHEN p.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass THEN 'constraints'"
"   WHEN p.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass THEN 'policies'"
"   WHEN p.classid = 'pg_catalog.pg_publication_rel'::pg_catalog.regclass"
" THEN 'memberships of publications'"
"   END AS kind"
"  FROM part AS p LEFT JOIN pg_catalog.pg_class AS c ON c.oid = p.objid"
"   AND p.classid = 'pg_catalog.pg_class'::pg_catalog.regclass"
" AND c.relnamespace <> 'pg_toast'::pg_catalog.regnamespace"
"  LEFT JOIN pg_catalog.pg_trigger AS t ON t.oid = p.objid"
"   AND p.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass"
"  WHERE NOT EXISTS (SELECT FROM gone AS g WHERE g.classid = p.classid AND g.objid = p.objid)) AS x"
" WHERE x.kind IS NOT NULL GROUP BY x.kind"
" UNION ALL"
/* what depends on it and stays */
" SELECT DISTINCT 'o', CASE WHEN v.oid IS NOT NULL"
"  THEN pg_catalog.pg_describe_object('pg_catalog.pg_class'::pg_catalog.regclass, v.ev_class, 0)"
"  ELSE pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) END,"
"  pg_catalog.pg_describe_object(p.classid, p.objid, 0), 0, 0"
" FROM part AS p JOIN pg_catalog.pg_depend AS d ON d.refclassid = p.classid"
" AND d.refobjid = p.objid"
" LEFT JOIN pg_catalog.pg_rewrite AS v ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass"
"  AND v.oid = d.objid AND v.rulename = '_RETURN'"
" WHERE d.deptype = 'n' AND NOT EXISTS ("
"  SELECT FROM part AS q WHERE q.classid = d.classid AND q.objid = d.objid)"
" UNION ALL"
/* partitions that the source does not have, and what a root is a part of */
" SELECT DISTINCT 'o', pg_catalog.pg_describe_object(p.classid, p.objid, 0), 'its parent', 0, 0"
" FROM part AS p JOIN pg_catalog.pg_class AS c ON c.oid = p.objid"
" WHERE p.classid = 'pg_catalog.pg_class'::pg_catalog.regclass"
" AND c.relkind IN ('r', 'p', 'f', 'v', 'm')"
" AND NOT EXISTS (SELECT FROM root AS r WHERE r.classid = p.classid AND r.objid = p.objid)"
" UNION ALL"
" SELECT DISTINCT 'o', pg_catalog.pg_describe_object(o.refclassid, o.refobjid, 0),"
"  pg_catalog.pg_describe_object(o.classid, o.objid, 0), 0, 0 FROM own AS o"
" WHERE NOT o.goes"
" UNION ALL"
" SELECT 'e', n.what, n.extension::pg_catalog.text, 0, 0 FROM named AS n"
" WHERE n.extension IS NOT NULL"
" UNION ALL"
/*
 * What belongs to another role.  Casts, transforms and user mappings belong to who
 * owns a type or the server; who owns what is not in pg_shdepend is role 10.
 */
" SELECT DISTINCT 'r', i.type, i.identity, 0, 0 FROM gone AS g"
" CROSS JOIN LATERAL pg_catalog.pg_identify_object(g.classid, g.objid, 0) AS i"
" WHERE NOT EXISTS (SELECT FROM ("
"  SELECT g.classid, g.objid WHERE g.classid NOT IN ('pg_catalog.pg_cast'::pg_catalog.regclass,"
"   'pg_catalog.pg_transform'::pg_catalog.regclass,"
" 'pg_catalog.pg_user_mapping'::pg_catalog.regclass)"
"  UNION ALL SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid FROM pg_catalog.pg_cast AS x,"
"   pg_catalog.unnest(ARRAY[x.castsource, x.casttarget]) AS t(oid)"
"   WHERE g.classid = 'pg_catalog.pg_cast'::pg_catalog.regclass AND x.oid = g.objid"
"  UNION ALL SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, x.trftype"
" FROM pg_catalog.pg_transform AS x"
"   WHERE g.classid = 'pg_catalog.pg_transform'::pg_catalog.regclass AND x.oid = g.objid"
"  UNION ALL SELECT 'pg_catalog.pg_foreign_server'::pg_catalog.regclass, x.srvid"
" FROM pg_catalog.pg_user_mappings AS x"
"   WHERE g.classid = 'pg_catalog.pg_user_mapping'::pg_catalog.regclass AND x.umid = g.objid"
" ) AS w(classid, objid) WHERE pg_catalog.pg_has_role(COALESCE((SELECT s.refobjid"
" FROM pg_catalog.pg_shdepend AS s"
"  WHERE s.dbid = (SELECT b.oid FROM pg_catalog.pg_database AS b"
" WHERE b.datname = pg_catalog.current_database())"
"  AND s.classid = w.classid AND s.objid = w.objid"
" AND s.deptype = 'o' LIMIT 1), 10::pg_catalog.oid), 'USAGE'))"
" AND NOT EXISTS (SELECT FROM pg_catalog.pg_user_mappings AS x"
"  WHERE g.classid = 'pg_catalog.pg_user_mapping'::pg_catalog.regclass AND x.umid = g.objid"
"  AND x.usename = CURRENT_USER)"
" UNION ALL"
" SELECT 'n', 'locks', pg_catalog.count(*)::pg_catalog.text, 0, 0 FROM part AS p"
" ORDER BY 1, 2, 3";

typedef struct Facts
{
	List	   *gone;			/* DropObject *, ordered by type */
	List	   *parts;			/* char * */
	List	   *outsiders;
	List	   *members;
	List	   *not_owned;
	int64		locks;
} Facts;

const char *
pgcopy_drops_more_objects(void)
{
	return more_objects_sql;
}

List *
pgcopy_drops_choose(List *names, bool with_large_objects)
{
	static const char large_object[] = "large object ";
	List	   *chosen = NIL;
	ListCell   *lc;

	foreach(lc, names)
	{
		if (with_large_objects ||
			strncmp(lfirst(lc), large_object, strlen(large_object)) != 0)
			chosen = lappend(chosen, lfirst(lc));
	}
	return chosen;
}

static Datum
make_array(List *names)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(list_length(names), 1));
	ListCell   *lc;

	foreach(lc, names)
		elements[foreach_current_index(lc)] = CStringGetTextDatum(lfirst(lc));
	return PointerGetDatum(construct_array(elements, list_length(names), TEXTOID, -1,
										   false, TYPALIGN_INT));
}

static void
add_fact(Facts *facts, char **fact)
{
	DropObject *object;
	char	   *a = fact[1];
	char	   *b = fact[2];

	switch (fact[0][0])
	{
		case 'd':
			object = palloc(sizeof(DropObject));
			object->class_oid = (Oid) strtoul(fact[3], NULL, 10);
			object->object_oid = (Oid) strtoul(fact[4], NULL, 10);
			object->type = a;
			object->identity = b;
			facts->gone = lappend(facts->gone, object);
			break;
		case 'p':
			facts->parts = lappend(facts->parts, psprintf("%s %s", b, a));
			break;
		case 'o':
			facts->outsiders = lappend(facts->outsiders, psprintf("%s (on %s)", a, b));
			break;
		case 'e':
			facts->members = lappend(facts->members, psprintf("%s (extension %s)", a, b));
			break;
		case 'r':
			facts->not_owned = lappend(facts->not_owned, psprintf("%s %s", a, b));
			break;
		case 'n':
			facts->locks = strtol(b, NULL, 10);
			break;
	}
}

static char *
get_text(int row, int column)
{
	char	   *value = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);

	return value != NULL ? value : "";
}

static void
read_facts(const char *sql, List *names, Facts *facts)
{
	MemoryContext context = CurrentMemoryContext;
	Oid			types[] = {TEXTARRAYOID};
	Datum		params[] = {make_array(names)};
	int			nest_level = NewGUCNestLevel();

	(void) set_config_option("search_path", "", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	SPI_connect();
	if (SPI_execute_with_args(sql, lengthof(params), types, params, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the catalogs");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		MemoryContext spi_context = MemoryContextSwitchTo(context);
		char	   *fact[5];

		for (int column = 0; column < lengthof(fact); column++)
			fact[column] = pstrdup(get_text(i, column + 1));
		add_fact(facts, fact);
		MemoryContextSwitchTo(spi_context);
	}
	SPI_finish();
	AtEOXact_GUC(true, nest_level);
}

/*-------------------------------------------------------------------------
 * Findings
 *-------------------------------------------------------------------------
 */

/* detail: with %s for the names */
static List *
add_error(List *findings, List *names, const Finding *texts)
{
	Finding		finding = *texts;

	if (names == NIL)
		return findings;
	finding.level = FINDING_ERROR;
	finding.detail = psprintf(texts->detail, pgcopy_names_list(names, SHOWN_NAMES));
	return list_concat(findings, pgcopy_finding_list(&finding));
}

/* Set what max_locks_per_transaction would have to be. */
static List *
add_lock_error(List *findings, const Facts *facts)
{
	int64		slots = MaxBackends + max_prepared_xacts;
	int64		needed = facts->locks + OTHER_LOCKS;
	Finding		finding = {
		.level = FINDING_ERROR,
		.sqlerrcode = ERRCODE_OUT_OF_MEMORY,
		.message = "the lock table has no room to drop what exists here in one transaction"
	};

	if (facts->locks == 0 || needed <= max_locks_per_xact * slots)
		return findings;
	finding.detail = psprintf("It takes " INT64_FORMAT " locks, and there is room for " INT64_FORMAT ".",
							  needed, max_locks_per_xact * slots);
	finding.hint = psprintf("Set max_locks_per_transaction to " INT64_FORMAT " or more on this server and restart it, or drop some of the objects yourself.",
							(needed + slots - 1) / slots);
	return list_concat(findings, pgcopy_finding_list(&finding));
}

/* One notice for each type of object. */
static List *
tell_gone(List *findings, const Facts *facts)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, facts->gone)
	{
		const DropObject *object = lfirst(lc);
		const DropObject *next = lnext(facts->gone, lc) != NULL ?
			lfirst(lnext(facts->gone, lc)) : NULL;
		Finding		finding = {.level = FINDING_NOTICE};

		names = lappend(names, object->identity);
		if (next != NULL && strcmp(next->type, object->type) == 0)
			continue;
		finding.object = pgcopy_names_list(names, TOLD_NAMES);
		finding.message = psprintf("dropped before it is created again: %s (%d)",
								   object->type, list_length(names));
		findings = list_concat(findings, pgcopy_finding_list(&finding));
		list_free(names);
		names = NIL;
	}
	return findings;
}

static List *
tell_parts(List *findings, const Facts *facts)
{
	Finding		finding = {.level = FINDING_NOTICE};

	if (facts->parts == NIL)
		return findings;
	finding.message = psprintf("dropped as parts of these objects: %s",
							   pgcopy_names_list(facts->parts, SHOWN_NAMES));
	return list_concat(findings, pgcopy_finding_list(&finding));
}

List *
pgcopy_drops_find(const char *objects_sql, List *names, List **dropped)
{
	static const Finding member = {
		.sqlerrcode = ERRCODE_DUPLICATE_OBJECT,
		.message = "objects of extensions are here under names of the source",
		.detail = "Existing: %s.",
		.hint = "drop_if_exists never drops these: drop the extensions, or exclude the objects."
	};
	static const Finding outsider = {
		.sqlerrcode = ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST,
		.message = "other objects depend on what drop_if_exists would drop",
		.detail = "Dependent: %s.",
		.hint = "Drop them yourself, or exclude what they depend on."
	};
	static const Finding not_owned = {
		.sqlerrcode = ERRCODE_INSUFFICIENT_PRIVILEGE,
		.message = "what drop_if_exists would drop belongs to other roles",
		.detail = "Not yours: %s.",
		.hint = "Run the job as a superuser, or as a member of the owners."
	};
	Facts		facts = {0};
	List	   *findings;

	*dropped = NIL;
	if (names == NIL)
		return NIL;
	read_facts(psprintf(facts_sql, objects_sql), names, &facts);
	*dropped = facts.gone;
	findings = add_error(NIL, facts.members, &member);
	findings = add_error(findings, facts.outsiders, &outsider);
	findings = add_error(findings, facts.not_owned, &not_owned);
	findings = add_lock_error(findings, &facts);
	return tell_parts(tell_gone(findings, &facts), &facts);
}
