/*-------------------------------------------------------------------------
 *
 * picture.c
 *	  The definitions of a database as a stream of changes needs them, in one query.
 *
 * A picture has a line for each object: its kind and name, and a hash of what its
 * catalogs say.  Pictures are compared with others of the same source, so rows of
 * catalogs serve as they are: that needs no deparsing, and no lock on any table.  Left
 * out is what maintenance changes: ANALYZE, VACUUM, CLUSTER and REINDEX are no change,
 * nor is an index that is being built.  Privileges and owners count, and so do replica
 * identities and our publications: what is taken out of these is not sent.
 *
 * A source that does not send TRUNCATE has the files of its tables in the picture:
 * VACUUM FULL and CLUSTER look alike there.
 *
 * To compare an object with the one here, it is spelled instead: in words that have no
 * OIDs, as both servers write them.  That costs more, and is for a few objects.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/compat.h"
#include "source/session.h"
#include "stream/picture.h"

/* Digits of a hash. */
#define HASH_DIGITS "16"
#define MAX_DEFINITION 64

#define VERSION_WITH_TRUNCATE 110000
#define VERSION_WITH_GENERATED 120000

#define HASH(values) "pg_catalog.left(pg_catalog.md5(pg_catalog.concat_ws('|', " values ")), " \
	HASH_DIGITS ")"

/* What an object is: as the catalogs have it, or in words. */
#define RAW(raw, spelled) HASH(raw)
#define SPELLED(raw, spelled) HASH(spelled)

/* NULL is not nothing: concat_ws() leaves it out. */
#define VALUE(expression) "COALESCE((" expression ")::pg_catalog.text, '-')"

#define ROLE(oid) "pg_catalog.pg_get_userbyid(" oid ")"
#define ACL(acl) VALUE("SELECT pg_catalog.string_agg(x::pg_catalog.text, ','" \
					   " ORDER BY x::pg_catalog.text COLLATE \"C\")" \
					   " FROM pg_catalog.unnest(" acl ") AS x")

/* What an ACL gives to others than ourselves: by numbers, and by names. */
#define GRANTS(acl, grantor, grantee) \
	VALUE("SELECT pg_catalog.string_agg(pg_catalog.concat_ws(' ', " grantor "," \
		  "  " grantee ", x.privilege_type, x.is_grantable), ','" \
		  "  ORDER BY x.privilege_type, " grantor ", " grantee ")" \
		  " FROM pg_catalog.aclexplode(" acl ") AS x" \
		  " WHERE x.grantee <> (SELECT u.oid FROM pg_catalog.pg_roles AS u" \
		  " WHERE u.rolname = current_user)")
#define PRIVILEGES(acl) GRANTS(acl, "x.grantor", "x.grantee")
#define PRIVILEGES_BY_NAME(acl) GRANTS(acl, ROLE("x.grantor"), ROLE("x.grantee"))

/* Without those that are not cloned: some releases number a column's versions there. */
#define OR_NAME(name) "'" name "', "
#define OPTIONS(options) VALUE("SELECT pg_catalog.string_agg(x, ',' ORDER BY x COLLATE \"C\")" \
							   " FROM pg_catalog.unnest(" options ") AS x" \
							   " WHERE pg_catalog.split_part(x, '=', 1) IN (" \
							   COMPAT_COLUMN_OPTIONS(OR_NAME) "'')")

#define NOT_OF_EXTENSION(catalog, oid) \
	" NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS x WHERE x.deptype = 'e'" \
	"  AND x.classid = 'pg_catalog." catalog "'::pg_catalog.regclass AND x.objid = " oid ")"

#define OF_USERS(schema) \
	" " schema " !~ '^pg_' AND " schema " <> ALL (ARRAY['information_schema', 'pgcopy'])"

/*
 * Is relation r followed?  On the source all that is new ought to be.  Here $3 is the
 * subscription, and $4 the job, which carries sequences by their names.
 */
#define FOLLOWED_THERE "true"
#define FOLLOWED_HERE \
	"(r.relkind NOT IN ('r', 'S')" \
	" OR EXISTS (SELECT FROM pg_catalog.pg_subscription_rel AS x" \
	"  WHERE x.srsubid = $3 AND x.srrelid = r.oid)" \
	" OR EXISTS (SELECT FROM pgcopy.relation AS x" \
	"  WHERE x.job = $4 AND x.target_oid = r.oid" \
	"   AND (x.relkind = 'S' OR x.carry <> '-')))"

/*
 * What is published, by whom.  $2: the names of the publications.  Taking a table out
 * and adding it again makes another row, with another OID.
 */
#define PUBLISHED_THERE(DEFINITION) \
" UNION ALL SELECT 'publication ' || pg_catalog.quote_ident(p.pubname), " \
	DEFINITION("p.oid, p::pg_catalog.text", "p.oid") \
" FROM pg_catalog.pg_publication AS p WHERE p.pubname = ANY ($2::pg_catalog.text[])" \
\
" UNION ALL SELECT 'publication of ' || r.name, " \
	DEFINITION("x.oid, x::pg_catalog.text", \
			   VALUE("pg_catalog.to_jsonb(x) ->> 'prqual'") ", " \
			   VALUE("pg_catalog.to_jsonb(x) ->> 'prattrs'")) \
" FROM rel AS r JOIN pg_catalog.pg_publication_rel AS x ON x.prrelid = r.oid" \
" JOIN pg_catalog.pg_publication AS p ON p.oid = x.prpubid" \
" WHERE p.pubname = ANY ($2::pg_catalog.text[])"

#define PUBLISHED_HERE(DEFINITION) \
" UNION ALL SELECT 'publication of ' || r.name, " DEFINITION("", "'-', '-'") \
" FROM rel AS r WHERE r.relkind = 'r' AND $2::pg_catalog.text[] IS NOT NULL" \
" AND EXISTS (SELECT FROM pg_catalog.pg_subscription_rel AS x" \
"  WHERE x.srsubid = $3 AND x.srrelid = r.oid)"

/*
 * $1: the relations that are cloned, which count with partitions that they have got
 * since.  %s: see write_query().
 */
#define PICTURE(DEFINITION, FOLLOWED, PUBLISHED) \
"WITH RECURSIVE chosen AS (" \
"  SELECT u.oid FROM pg_catalog.unnest($1::pg_catalog.oid[]) AS u(oid)" \
"  UNION" \
"  SELECT i.inhrelid FROM chosen AS t JOIN pg_catalog.pg_inherits AS i ON i.inhparent = t.oid" \
"  JOIN pg_catalog.pg_class AS p ON p.oid = i.inhparent AND p.relkind = 'p'" \
" ), rel AS (" \
"  SELECT c.oid, c.relkind, c.relname, c.relnamespace, c.relowner, c.relacl, c.relpersistence," \
"   c.reloptions, c.relispartition, c.relpartbound, c.relrowsecurity, c.relforcerowsecurity," \
"   c.reloftype, c.relreplident, CASE c.relkind WHEN 'v' THEN 'view'" \
"    WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table'" \
"    WHEN 'S' THEN 'sequence' WHEN 'c' THEN 'type' ELSE 'table' END" \
"   || ' ' || pg_catalog.format('%I.%I', n.nspname, c.relname) AS name" \
"  FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace" \
"  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND c.relpersistence <> 't'" \
"   AND" OF_USERS("n.nspname") \
"   AND" NOT_OF_EXTENSION("pg_class", "c.oid") \
"   AND ($1::pg_catalog.oid[] IS NULL OR c.oid IN (SELECT t.oid FROM chosen AS t))" \
" )" \
 \
/* tables, views, sequences */ \
" SELECT r.name, " \
	DEFINITION("r.relkind, r.relpersistence, r.relowner, " \
	VALUE("r.reloptions") ", r.relispartition, " \
	VALUE("r.relpartbound") ", r.relrowsecurity, r.relforcerowsecurity, r.reloftype, " \
	VALUE("SELECT pg_catalog.string_agg(i.inhparent::pg_catalog.text, ',' ORDER BY i.inhseqno)" \
		" FROM pg_catalog.pg_inherits AS i WHERE i.inhrelid = r.oid") ", " \
	VALUE("SELECT p::pg_catalog.text FROM pg_catalog.pg_partitioned_table AS p" \
		  " WHERE p.partrelid = r.oid") ", " \
	VALUE("SELECT s::pg_catalog.text FROM pg_catalog.pg_sequence AS s WHERE s.seqrelid = r.oid") ", " \
	VALUE("SELECT v.ev_action FROM pg_catalog.pg_rewrite AS v" \
		" WHERE v.ev_class = r.oid AND v.rulename = '_RETURN'"), \
	"r.relkind, r.relpersistence, " ROLE("r.relowner") ", " \
	VALUE("r.reloptions") ", r.relispartition, " \
	VALUE("pg_catalog.pg_get_expr(r.relpartbound, r.oid)") ", " \
	"r.relrowsecurity, r.relforcerowsecurity, " \
	VALUE("pg_catalog.format_type(NULLIF(r.reloftype, 0), NULL)") ", " \
	VALUE("SELECT pg_catalog.string_agg(i.inhparent::pg_catalog.regclass::pg_catalog.text, ','" \
		" ORDER BY i.inhseqno) FROM pg_catalog.pg_inherits AS i WHERE i.inhrelid = r.oid") ", " \
	VALUE("pg_catalog.pg_get_partkeydef(r.oid)") ", " \
	VALUE("SELECT pg_catalog.concat_ws(' ', pg_catalog.format_type(s.seqtypid, NULL), s.seqstart," \
		" s.seqincrement, s.seqmax, s.seqmin, s.seqcache, s.seqcycle)" \
		" FROM pg_catalog.pg_sequence AS s WHERE s.seqrelid = r.oid") ", " \
	VALUE("CASE WHEN r.relkind IN ('v', 'm') THEN pg_catalog.pg_get_viewdef(r.oid) END") ", " \
	FOLLOWED) \
" FROM rel AS r WHERE r.relkind <> 'c'" \
 \
/* but for those of our role, which may have got some for the cutover */ \
" UNION ALL SELECT 'privileges of ' || r.name, " \
	DEFINITION("p.now", PRIVILEGES_BY_NAME("r.relacl")) \
" FROM rel AS r CROSS JOIN LATERAL (SELECT " \
	PRIVILEGES("r.relacl") " AS now, " \
	PRIVILEGES("pg_catalog.acldefault(CASE r.relkind WHEN 'S' THEN 's' ELSE 'r' END" \
			   "::pg_catalog.\"char\", r.relowner)") " AS given) AS p" \
" WHERE r.relacl IS NOT NULL AND p.now <> p.given" \
 \
/* by the name of its index, since REINDEX makes another one */ \
" UNION ALL SELECT 'replica identity of ' || r.name, " \
	DEFINITION("r.relreplident, " \
	VALUE("SELECT c.relname FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c" \
		" ON c.oid = i.indexrelid WHERE i.indrelid = r.oid AND i.indisreplident"), \
	"r.relreplident, " \
	VALUE("SELECT c.relname FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c" \
		" ON c.oid = i.indexrelid WHERE i.indrelid = r.oid AND i.indisreplident")) \
" FROM rel AS r WHERE r.relkind IN ('r', 'p')" \
 \
" UNION ALL SELECT 'column ' || pg_catalog.quote_ident(a.attname) || ' of ' || r.name, " \
	DEFINITION("a.atttypid, a.atttypmod, a.attcollation, a.attnotnull, a.attidentity, " \
	"%s, a.attstorage, " \
	OPTIONS("a.attoptions") ", " \
	VALUE("a.attacl") ", " \
	VALUE("d.adbin"), \
	"pg_catalog.format_type(a.atttypid, a.atttypmod), " \
	VALUE("SELECT pg_catalog.format('%I.%I', n.nspname, c.collname)" \
		" FROM pg_catalog.pg_collation AS c" \
		" JOIN pg_catalog.pg_namespace AS n ON n.oid = c.collnamespace" \
		" WHERE c.oid = a.attcollation") ", " \
	"a.attnotnull, a.attidentity, " \
	"%s, a.attstorage, " \
	OPTIONS("a.attoptions") ", " \
	ACL("a.attacl") ", " \
	VALUE("pg_catalog.pg_get_expr(d.adbin, d.adrelid)")) \
" FROM rel AS r JOIN pg_catalog.pg_attribute AS a ON a.attrelid = r.oid" \
" LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum" \
" WHERE r.relkind IN ('r', 'p', 'f', 'c') AND a.attnum > 0 AND NOT a.attisdropped" \
 \
/* \
 * A column that is dropped and made again, or gets another type, has other values.  So may \
 * one that is new, by a default that is not the same for all rows: that is like nothing. \
 */ \
" UNION ALL SELECT 'data of column ' || pg_catalog.quote_ident(a.attname) || ' of ' || r.name, " \
	DEFINITION("a.attnum, a.atttypid, a.atttypmod", \
	VALUE("CASE WHEN a.atthasdef AND pg_catalog.to_jsonb(a) ->> 'attmissingval' IS NULL" \
		" THEN pg_catalog.random()::pg_catalog.text" \
		" ELSE pg_catalog.to_jsonb(a) ->> 'attmissingval' END")) \
" FROM rel AS r JOIN pg_catalog.pg_attribute AS a ON a.attrelid = r.oid" \
" WHERE r.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped" \
 \
/* one that belongs to a constraint is that constraint */ \
" UNION ALL SELECT 'index ' || pg_catalog.quote_ident(c.relname) || ' of ' || r.name, " \
	DEFINITION("i.indisunique, i.indnatts, i.indkey, i.indclass, i.indcollation, i.indoption, " \
	VALUE("i.indexprs") ", " \
	VALUE("i.indpred") ", c.relam, " \
	VALUE("c.reloptions"), \
	"pg_catalog.pg_get_indexdef(i.indexrelid)") \
" FROM rel AS r JOIN pg_catalog.pg_index AS i ON i.indrelid = r.oid" \
" JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid" \
" WHERE i.indisvalid AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d" \
"  WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = i.indexrelid" \
"  AND d.refclassid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND d.deptype = 'i')" \
 \
/* NOT NULL is of the column */ \
" UNION ALL SELECT 'constraint ' || pg_catalog.quote_ident(k.conname) || ' of ' || r.name, " \
	DEFINITION("k.contype, k.condeferrable, k.condeferred, k.convalidated, " \
	"k.confrelid, k.confupdtype, k.confdeltype, k.confmatchtype, " \
	VALUE("k.conkey") ", " \
	VALUE("k.confkey") ", " \
	VALUE("k.conbin"), \
	"pg_catalog.pg_get_constraintdef(k.oid)") \
" FROM rel AS r JOIN pg_catalog.pg_constraint AS k ON k.conrelid = r.oid" \
" WHERE k.contype <> 'n'" \
 \
" UNION ALL SELECT 'trigger ' || pg_catalog.quote_ident(t.tgname) || ' of ' || r.name, " \
	DEFINITION("t::pg_catalog.text", "t.tgenabled, pg_catalog.pg_get_triggerdef(t.oid)") \
" FROM rel AS r JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal" \
 \
" UNION ALL SELECT 'policy ' || pg_catalog.quote_ident(p.polname) || ' of ' || r.name, " \
	DEFINITION("p::pg_catalog.text", \
	"p.polcmd, p.polpermissive, " \
	VALUE("SELECT pg_catalog.string_agg(" ROLE("x.oid") ", ',' ORDER BY " ROLE("x.oid") ")" \
		" FROM pg_catalog.unnest(p.polroles) AS x(oid)") ", " \
	VALUE("pg_catalog.pg_get_expr(p.polqual, p.polrelid)") ", " \
	VALUE("pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)")) \
" FROM rel AS r JOIN pg_catalog.pg_policy AS p ON p.polrelid = r.oid" \
 \
" UNION ALL SELECT 'rule ' || pg_catalog.quote_ident(v.rulename) || ' of ' || r.name, " \
	DEFINITION("v::pg_catalog.text", "v.ev_enabled, pg_catalog.pg_get_ruledef(v.oid)") \
" FROM rel AS r JOIN pg_catalog.pg_rewrite AS v ON v.ev_class = r.oid" \
" WHERE v.rulename <> '_RETURN'" \
 \
/* of a part, the types that its columns have */ \
" UNION ALL SELECT 'type ' || pg_catalog.format('%I.%I', n.nspname, t.typname), " \
	DEFINITION("t::pg_catalog.text, " \
	VALUE("SELECT pg_catalog.string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder)" \
		" FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = t.oid") ", " \
	VALUE("SELECT pg_catalog.string_agg(k.conname || ' ' || k.convalidated || ' ' || k.conbin::pg_catalog.text," \
		" ',' ORDER BY k.conname) FROM pg_catalog.pg_constraint AS k WHERE k.contypid = t.oid") ", " \
	VALUE("SELECT g::pg_catalog.text FROM pg_catalog.pg_range AS g WHERE g.rngtypid = t.oid"), \
	"t.typtype, t.typnotnull, " ROLE("t.typowner") ", " \
	VALUE("t.typdefault") ", " \
	VALUE("pg_catalog.format_type(NULLIF(t.typbasetype, 0), t.typtypmod)") ", " \
	"t.typinput::pg_catalog.text, " ACL("t.typacl") ", " \
	VALUE("SELECT pg_catalog.string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder)" \
		" FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = t.oid") ", " \
	VALUE("SELECT pg_catalog.string_agg(k.conname || ' ' || pg_catalog.pg_get_constraintdef(k.oid)," \
		" ',' ORDER BY k.conname) FROM pg_catalog.pg_constraint AS k" \
		" WHERE k.contypid = t.oid AND k.contype <> 'n'") ", " \
	VALUE("SELECT pg_catalog.format_type(g.rngsubtype, NULL)" \
		" FROM pg_catalog.pg_range AS g WHERE g.rngtypid = t.oid")) \
" FROM pg_catalog.pg_type AS t JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace" \
" WHERE" OF_USERS("n.nspname") \
" AND" NOT_OF_EXTENSION("pg_type", "t.oid") \
" AND (t.typrelid = 0 OR EXISTS (SELECT FROM pg_catalog.pg_class AS c" \
"  WHERE c.oid = t.typrelid AND c.relkind = 'c'))" \
" AND NOT EXISTS (SELECT FROM pg_catalog.pg_type AS e WHERE e.typarray = t.oid)" \
" AND ($1::pg_catalog.oid[] IS NULL OR EXISTS (SELECT FROM pg_catalog.pg_depend AS d" \
"  WHERE d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.refobjid = t.oid" \
"  AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass" \
"  AND d.objid IN (SELECT r.oid FROM rel AS r)))" \
 \
/* what is not of relations counts only if all is cloned */ \
" UNION ALL SELECT 'function ' || pg_catalog.format('%I.%I(%s)', n.nspname, p.proname," \
"  pg_catalog.pg_get_function_identity_arguments(p.oid)), " \
	DEFINITION("p::pg_catalog.text", \
	ROLE("p.proowner") ", " ACL("p.proacl") ", " \
	VALUE("SELECT pg_catalog.concat_ws('|', pg_catalog.pg_get_function_arguments(p.oid)," \
		" pg_catalog.pg_get_function_result(p.oid), a.aggkind, a.aggtransfn, a.aggfinalfn," \
		" pg_catalog.format_type(a.aggtranstype, NULL), a.agginitval)" \
		" FROM pg_catalog.pg_aggregate AS a WHERE a.aggfnoid = p.oid") ", " \
	VALUE("CASE WHEN NOT EXISTS (SELECT FROM pg_catalog.pg_aggregate AS a" \
		" WHERE a.aggfnoid = p.oid) THEN pg_catalog.pg_get_functiondef(p.oid) END")) \
" FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace" \
" WHERE $1::pg_catalog.oid[] IS NULL AND" OF_USERS("n.nspname") \
" AND" NOT_OF_EXTENSION("pg_proc", "p.oid") \
 \
" UNION ALL SELECT 'schema ' || pg_catalog.quote_ident(n.nspname), " \
	DEFINITION("n::pg_catalog.text", ROLE("n.nspowner") ", " ACL("n.nspacl")) \
" FROM pg_catalog.pg_namespace AS n" \
" WHERE $1::pg_catalog.oid[] IS NULL AND" OF_USERS("n.nspname") \
" AND" NOT_OF_EXTENSION("pg_namespace", "n.oid") \
 \
" UNION ALL SELECT 'extension ' || pg_catalog.quote_ident(e.extname), " \
	DEFINITION("e.extversion, e.extnamespace", \
	"e.extversion, e.extnamespace::pg_catalog.regnamespace::pg_catalog.text") \
" FROM pg_catalog.pg_extension AS e" \
" WHERE $1::pg_catalog.oid[] IS NULL AND e.extname <> 'pgcopydb_ext'" \
 \
" UNION ALL SELECT 'event trigger ' || pg_catalog.quote_ident(t.evtname), " \
	DEFINITION("t::pg_catalog.text", \
	ROLE("t.evtowner") ", t.evtevent, t.evtenabled, " \
	"t.evtfoid::pg_catalog.regprocedure::pg_catalog.text, " \
	VALUE("t.evttags")) \
" FROM pg_catalog.pg_event_trigger AS t" \
" WHERE $1::pg_catalog.oid[] IS NULL AND" NOT_OF_EXTENSION("pg_event_trigger", "t.oid") \
	PUBLISHED(DEFINITION)

/* Only some objects of one that is spelled.  $5: their names. */
#define SOME(picture) \
	"SELECT * FROM (" picture ") AS s(object, definition)" \
	" WHERE s.object = ANY ($5::pg_catalog.text[])"

static const char picture_sql[] = PICTURE(RAW, FOLLOWED_THERE, PUBLISHED_THERE);

/* All five parameters, so that both sides are asked in one way. */
static const char there_sql[] =
	SOME(PICTURE(SPELLED, FOLLOWED_THERE, PUBLISHED_THERE))
" AND $3::pg_catalog.oid IS NOT NULL AND $4::pg_catalog.int8 IS NOT NULL";

static const char here_sql[] = SOME(PICTURE(SPELLED, FOLLOWED_HERE, PUBLISHED_HERE));

static const char files_sql[] =
" UNION ALL SELECT 'file of ' || r.name, " HASH("c.relfilenode")
" FROM rel AS r JOIN pg_catalog.pg_class AS c ON c.oid = r.oid WHERE c.relkind = 'r'";

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

/* The query has texts with %I: fill in each %s that is a column by hand. */
static char *
write_query(const char *sql, int version)
{
	static const char place[] = ", %s, a.attstorage";
	const char *generated = version >= VERSION_WITH_GENERATED ? "a.attgenerated" : "''";
	const char *at = strstr(sql, place);

	Assert(at != NULL && strstr(at + 1, place) == NULL);
	return psprintf("%.*s, %s%s", (int) (at - sql), sql, generated, at + strlen(", %s"));
}

static List *
read_picture(SourceSession *session, const char *sql, int nparams, const char *const *params)
{
	SourceRows *rows = pgcopy_session_query(session, sql, 2, nparams, params);
	List	   *facts = NIL;

	for (int i = 0; i < pgcopy_rows_count(rows); i++)
		facts = lappend(facts, read_fact(rows, i));
	pgcopy_rows_free(rows);
	list_sort(facts, compare_facts);
	return facts;
}

List *
pgcopy_picture_read(SourceSession *session, const PictureScope *scope)
{
	const char *params[] = {scope->only, scope->publications};
	int			version = pgcopy_session_version(session);
	char	   *sql = write_query(picture_sql, version);

	if (version < VERSION_WITH_TRUNCATE)
		sql = psprintf("%s%s", sql, files_sql);
	return read_picture(session, sql, lengthof(params), params);
}

List *
pgcopy_picture_spell(SourceSession *session, const PictureScope *scope, const char *objects)
{
	const char *params[] = {scope->only, scope->publications, "0", "0", objects};

	return read_picture(session, write_query(there_sql, pgcopy_session_version(session)),
						lengthof(params), params);
}

char *
pgcopy_picture_write_query_here(void)
{
	return write_query(here_sql, COMPAT_MAJOR_VERSION * 10000);
}
