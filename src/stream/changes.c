/*-------------------------------------------------------------------------
 *
 * changes.c
 *	  DDL on the source that a stream does not carry.
 *
 * A picture has a line for each object: its kind and name, and a hash of what its
 * catalogs say.  Pictures are compared only with others of the same source, so rows of
 * catalogs serve as they are: that needs no deparsing, and no lock on any table.  Left
 * out is what maintenance changes: ANALYZE, VACUUM, CLUSTER and REINDEX are no change,
 * nor is an index that is being built.  Privileges and owners count.  Replica
 * identities and publications do not: we set them ourselves.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

#include "source/session.h"
#include "stream/changes.h"

/* How many differences are described, and how much of a name, in bytes. */
#define SHOWN_CHANGES 5
#define SHOWN_BYTES 150

/* Digits of a hash. */
#define HASH_DIGITS "16"
#define MAX_DEFINITION 64

#define VERSION_WITH_GENERATED 120000

#define HASH(values) "pg_catalog.left(pg_catalog.md5(pg_catalog.concat_ws('|', " values ")), " \
	HASH_DIGITS ")"

/* NULL is not nothing: concat_ws() leaves it out. */
#define VALUE(expression) "COALESCE((" expression ")::pg_catalog.text, '-')"

#define NOT_OF_EXTENSION(catalog, oid) \
	" NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS x WHERE x.deptype = 'e'" \
	"  AND x.classid = 'pg_catalog." catalog "'::pg_catalog.regclass AND x.objid = " oid ")"

#define OF_USERS(schema) \
	" " schema " !~ '^pg_' AND " schema " <> ALL (ARRAY['information_schema', 'pgcopy'])"

/*
 * $1: the relations that are cloned, which count with partitions that they have got
 * since.  %s: see write_query().
 */
static const char picture_sql[] =
"WITH RECURSIVE chosen AS ("
"  SELECT u.oid FROM pg_catalog.unnest($1::pg_catalog.oid[]) AS u(oid)"
"  UNION"
"  SELECT i.inhrelid FROM chosen AS t JOIN pg_catalog.pg_inherits AS i ON i.inhparent = t.oid"
"  JOIN pg_catalog.pg_class AS p ON p.oid = i.inhparent AND p.relkind = 'p'"
" ), rel AS ("
"  SELECT c.oid, c.relkind, c.relname, c.relnamespace, c.relowner, c.relacl, c.relpersistence,"
"   c.reloptions, c.relispartition, c.relpartbound, c.relrowsecurity, c.relforcerowsecurity,"
"   c.reloftype, CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'"
"    WHEN 'f' THEN 'foreign table' WHEN 'S' THEN 'sequence' WHEN 'c' THEN 'type' ELSE 'table' END"
"   || ' ' || pg_catalog.format('%I.%I', n.nspname, c.relname) AS name"
"  FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
"  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND c.relpersistence <> 't'"
"   AND" OF_USERS("n.nspname")
"   AND" NOT_OF_EXTENSION("pg_class", "c.oid")
"   AND ($1::pg_catalog.oid[] IS NULL OR c.oid IN (SELECT t.oid FROM chosen AS t))"
" )"

/* tables, views, sequences */
" SELECT r.name, " HASH("r.relkind, r.relpersistence, r.relowner, "
	 VALUE("r.reloptions") ", r.relispartition, "
	 VALUE("r.relpartbound") ", r.relrowsecurity, r.relforcerowsecurity, r.reloftype, "
	 VALUE("SELECT pg_catalog.string_agg(i.inhparent::pg_catalog.text, ',' ORDER BY i.inhseqno)"
							  " FROM pg_catalog.pg_inherits AS i WHERE i.inhrelid = r.oid") ", "
	 VALUE("SELECT p::pg_catalog.text FROM pg_catalog.pg_partitioned_table AS p WHERE p.partrelid = r.oid") ", "
	 VALUE("SELECT s::pg_catalog.text FROM pg_catalog.pg_sequence AS s WHERE s.seqrelid = r.oid") ", "
	 VALUE("SELECT v.ev_action FROM pg_catalog.pg_rewrite AS v"
							  " WHERE v.ev_class = r.oid AND v.rulename = '_RETURN'"))
" FROM rel AS r WHERE r.relkind <> 'c'"

" UNION ALL SELECT 'privileges of ' || r.name, " HASH(VALUE("r.relacl"))
" FROM rel AS r WHERE r.relacl IS NOT NULL"

" UNION ALL SELECT 'column ' || pg_catalog.quote_ident(a.attname) || ' of ' || r.name, "
 HASH("a.atttypid, a.atttypmod, a.attcollation, a.attnotnull, a.attidentity, %s, a.attstorage, "
	 VALUE("a.attoptions") ", "
	 VALUE("a.attacl") ", "
	 VALUE("d.adbin"))
" FROM rel AS r JOIN pg_catalog.pg_attribute AS a ON a.attrelid = r.oid"
" LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum"
" WHERE r.relkind IN ('r', 'p', 'f', 'c') AND a.attnum > 0 AND NOT a.attisdropped"

/* one that belongs to a constraint is that constraint */
" UNION ALL SELECT 'index ' || pg_catalog.quote_ident(c.relname) || ' of ' || r.name, "
 HASH("i.indisunique, i.indnatts, i.indkey, i.indclass, i.indcollation, i.indoption, "
	 VALUE("i.indexprs") ", "
	 VALUE("i.indpred") ", c.relam, "
	 VALUE("c.reloptions"))
" FROM rel AS r JOIN pg_catalog.pg_index AS i ON i.indrelid = r.oid"
" JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid"
" WHERE i.indisvalid AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d"
"  WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = i.indexrelid"
"  AND d.refclassid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND d.deptype = 'i')"

" UNION ALL SELECT 'constraint ' || pg_catalog.quote_ident(k.conname) || ' of ' || r.name, "
 HASH("k.contype, k.condeferrable, k.condeferred, k.convalidated, k.confrelid, k.confupdtype, k.confdeltype, k.confmatchtype, "
	 VALUE("k.conkey") ", "
	 VALUE("k.confkey") ", "
	 VALUE("k.conbin"))
" FROM rel AS r JOIN pg_catalog.pg_constraint AS k ON k.conrelid = r.oid"

" UNION ALL SELECT 'trigger ' || pg_catalog.quote_ident(t.tgname) || ' of ' || r.name, "
 HASH("t::pg_catalog.text")
" FROM rel AS r JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal"

" UNION ALL SELECT 'policy ' || pg_catalog.quote_ident(p.polname) || ' of ' || r.name, "
 HASH("p::pg_catalog.text")
" FROM rel AS r JOIN pg_catalog.pg_policy AS p ON p.polrelid = r.oid"

" UNION ALL SELECT 'rule ' || pg_catalog.quote_ident(v.rulename) || ' of ' || r.name, "
 HASH("v::pg_catalog.text")
" FROM rel AS r JOIN pg_catalog.pg_rewrite AS v ON v.ev_class = r.oid"
" WHERE v.rulename <> '_RETURN'"

/* of a part, the types that its columns have */
" UNION ALL SELECT 'type ' || pg_catalog.format('%I.%I', n.nspname, t.typname), "
 HASH("t::pg_catalog.text, "
	 VALUE("SELECT pg_catalog.string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder)"
		   " FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = t.oid") ", "
	 VALUE("SELECT pg_catalog.string_agg(k.conname || ' ' || k.convalidated || ' ' || k.conbin::pg_catalog.text,"
		   " ',' ORDER BY k.conname) FROM pg_catalog.pg_constraint AS k WHERE k.contypid = t.oid") ", "
	 VALUE("SELECT g::pg_catalog.text FROM pg_catalog.pg_range AS g WHERE g.rngtypid = t.oid"))
" FROM pg_catalog.pg_type AS t JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace"
" WHERE" OF_USERS("n.nspname")
" AND" NOT_OF_EXTENSION("pg_type", "t.oid")
" AND (t.typrelid = 0 OR EXISTS (SELECT FROM pg_catalog.pg_class AS c"
"  WHERE c.oid = t.typrelid AND c.relkind = 'c'))"
" AND NOT EXISTS (SELECT FROM pg_catalog.pg_type AS e WHERE e.typarray = t.oid)"
" AND ($1::pg_catalog.oid[] IS NULL OR EXISTS (SELECT FROM pg_catalog.pg_depend AS d"
"  WHERE d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.refobjid = t.oid"
"  AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass"
"  AND d.objid IN (SELECT r.oid FROM rel AS r)))"

/* what is not of relations counts only if all is cloned */
" UNION ALL SELECT 'function ' || pg_catalog.format('%I.%I(%s)', n.nspname, p.proname,"
"  pg_catalog.pg_get_function_identity_arguments(p.oid)), " HASH("p::pg_catalog.text")
" FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace"
" WHERE $1::pg_catalog.oid[] IS NULL AND" OF_USERS("n.nspname")
" AND" NOT_OF_EXTENSION("pg_proc", "p.oid")

" UNION ALL SELECT 'schema ' || pg_catalog.quote_ident(n.nspname), " HASH("n::pg_catalog.text")
" FROM pg_catalog.pg_namespace AS n"
" WHERE $1::pg_catalog.oid[] IS NULL AND" OF_USERS("n.nspname")
" AND" NOT_OF_EXTENSION("pg_namespace", "n.oid")

" UNION ALL SELECT 'extension ' || pg_catalog.quote_ident(e.extname), "
 HASH("e.extversion, e.extnamespace")
" FROM pg_catalog.pg_extension AS e"
" WHERE $1::pg_catalog.oid[] IS NULL AND e.extname <> 'pgcopydb_ext'"

" UNION ALL SELECT 'event trigger ' || pg_catalog.quote_ident(t.evtname), "
 HASH("t::pg_catalog.text")
" FROM pg_catalog.pg_event_trigger AS t"
" WHERE $1::pg_catalog.oid[] IS NULL AND" NOT_OF_EXTENSION("pg_event_trigger", "t.oid");

static int
compare_facts(const ListCell *a, const ListCell *b)
{
	return strcmp(((const StreamFact *) lfirst(a))->object,
				  ((const StreamFact *) lfirst(b))->object);
}

static StreamFact *
read_fact(const SourceRows *rows, int row)
{
	StreamFact *fact = palloc(sizeof(StreamFact));
	const char *definition = pgcopy_rows_get(rows, row, 1);

	if (strlen(definition) > MAX_DEFINITION ||
		strspn(definition, "0123456789abcdef") != strlen(definition))
		pgcopy_rows_throw(rows, "A hash is none.");
	fact->object = pstrdup(pgcopy_rows_get(rows, row, 0));
	fact->definition = pstrdup(definition);
	return fact;
}

/* The query has texts with %I: fill in the one %s by hand. */
static char *
write_query(SourceSession *session)
{
	static const char place[] = "%s, a.attstorage";
	const char *generated = pgcopy_session_version(session) >= VERSION_WITH_GENERATED ?
		"a.attgenerated" : "''";
	const char *at = strstr(picture_sql, place);

	Assert(at != NULL);
	return psprintf("%.*s%s%s", (int) (at - picture_sql), picture_sql, generated, at + 2);
}

List *
pgcopy_changes_picture(SourceSession *session, const char *only)
{
	SourceRows *rows = pgcopy_session_query(session, write_query(session), 2, 1, &only);
	List	   *facts = NIL;

	for (int i = 0; i < pgcopy_rows_count(rows); i++)
		facts = lappend(facts, read_fact(rows, i));
	pgcopy_rows_free(rows);
	list_sort(facts, compare_facts);
	return facts;
}

static bool
has_object(List *facts, const char *object)
{
	int			from = 0;
	int			to = list_length(facts);

	while (from < to)
	{
		int			middle = (from + to) / 2;
		int			order = strcmp(((StreamFact *) list_nth(facts, middle))->object, object);

		if (order == 0)
			return true;
		if (order < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return false;
}

/*
 * Is it a part of an object that only this picture has?  That one is told.  A name may
 * have " of " in it too: it ends where an object begins.
 */
static bool
is_part_of_told(const StreamFact *fact, List *facts, List *others)
{
	const char *of = fact->object;

	while ((of = strstr(of, " of ")) != NULL)
	{
		of += strlen(" of ");
		if (has_object(facts, of) && !has_object(others, of))
			return true;
	}
	return false;
}

typedef struct Description
{
	StringInfoData text;
	int			count;
} Description;

static void
describe(Description *description, const StreamFact *fact, const char *what)
{
	int			length = strlen(fact->object);

	/* there are none before the first GRANT */
	if (strncmp(fact->object, "privileges ", strlen("privileges ")) == 0)
		what = "were changed";
	if (description->count++ >= SHOWN_CHANGES)
		return;
	if (length > SHOWN_BYTES)
		length = pg_mbcliplen(fact->object, length, SHOWN_BYTES);
	appendStringInfo(&description->text, "%s%.*s %s", description->count > 1 ? "; " : "",
					 length, fact->object, what);
}

char *
pgcopy_changes_describe(List *before, List *after)
{
	Description description = {.count = 0};
	int			i = 0;
	int			j = 0;

	initStringInfo(&description.text);
	while (i < list_length(before) || j < list_length(after))
	{
		const StreamFact *old = i < list_length(before) ? list_nth(before, i) : NULL;
		const StreamFact *new = j < list_length(after) ? list_nth(after, j) : NULL;
		int			order = old == NULL ? 1 : new == NULL ? -1 : strcmp(old->object, new->object);

		if (order < 0 && !is_part_of_told(old, before, after))
			describe(&description, old, "was dropped");
		if (order > 0 && !is_part_of_told(new, after, before))
			describe(&description, new, "was created");
		if (order == 0 && strcmp(old->definition, new->definition) != 0)
			describe(&description, new, "was changed");
		i += order <= 0;
		j += order >= 0;
	}
	if (description.count > SHOWN_CHANGES)
		appendStringInfo(&description.text, "; and %d more", description.count - SHOWN_CHANGES);
	return description.count > 0 ? description.text.data : NULL;
}
