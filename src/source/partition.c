/*-------------------------------------------------------------------------
 *
 * partition.c
 *	  Which rows may belong into another partition here.
 *
 * A row stays in its leaf only if what divides the rows says the same on both
 * sides: the hash of a hash key, the equality of a list key, the order of a
 * range key.  Rows of all other partitions are routed (load/route.c).
 *
 * Take a key apart: a domain into its base, an array, range or composite into
 * its parts, down to base types.  A key is certain only if all its parts are,
 * and a part only if we know why:
 *
 *	built-in operator classes of the types in certain_types: their hash and
 *	order are those of the value alone, and pg_upgrade relies on that
 *	text, if it is compared byte by byte, which all hash and list keys of
 *	deterministic collations are; or by the same locale of the same provider
 *	in the same version
 *	enums, but for their hash, which is that of an OID
 *
 * So expressions, types and operator classes of users and extensions, and the
 * OIDs of objects (regclass) are not certain: their functions, or the values,
 * may differ here.  Hashes of bytes depend on the byte order of the machine,
 * so both sides compute some and compare.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "executor/spi.h"
#include "utils/guc.h"
#include "utils/pg_locale.h"

#include "source/inventory.h"

/* A locale name longer than this is not looked up. */
#define MOST_LOCALE_LENGTH 100

/* "char" is hashed with a sign on some machines; text types have a collation. */
#define CERTAIN_TYPES \
	"'{bool,int2,int4,int8,oid,float4,float8,numeric,bytea,uuid,date,time,timetz," \
	"timestamp,timestamptz,interval,macaddr,macaddr8,inet,cidr,bit,varbit,pg_lsn," \
	"xid8,text,varchar,bpchar,name}'::pg_catalog.name[]"

/*
 * One row per part of a key that is not certain by itself: of which relation,
 * and what its order depends on (NULL: it is not certain).  Texts to fill in:
 * multiranges; "collation is deterministic"; its locale.  $1: does text have
 * another encoding here?  $2: do hashes differ here?
 */
static const char keys_sql[] =
"WITH RECURSIVE part AS ("
"  SELECT p.partrelid, p.partstrat, k.opclass, k.coll, a.atttypid AS type"
"  FROM pg_catalog.pg_partitioned_table AS p"
"  CROSS JOIN ROWS FROM ("
"   pg_catalog.unnest(p.partattrs::pg_catalog.int2[]),"
"   pg_catalog.unnest(p.partclass::pg_catalog.oid[]),"
"   pg_catalog.unnest(p.partcollation::pg_catalog.oid[])) AS k(attnum, opclass, coll)"
"  LEFT JOIN pg_catalog.pg_attribute AS a"
"   ON a.attrelid = p.partrelid AND a.attnum = k.attnum AND k.attnum <> 0"
" UNION"
"  SELECT part.partrelid, part.partstrat, i.opclass, i.coll, i.type"
"  FROM part"
"  JOIN pg_catalog.pg_type AS t ON t.oid = part.type"
"  CROSS JOIN LATERAL ("
"   SELECT 0::pg_catalog.oid AS opclass, part.coll, t.typbasetype AS type"
"   WHERE t.typtype = 'd'"
"   UNION ALL"
"   SELECT 0, part.coll, e.oid FROM pg_catalog.pg_type AS e"
"   WHERE e.oid = t.typelem AND e.typarray = t.oid"
"   UNION ALL"
"   SELECT 0, a.attcollation, a.atttypid FROM pg_catalog.pg_attribute AS a"
"   WHERE t.typtype = 'c' AND a.attrelid = t.typrelid"
"    AND a.attnum > 0 AND NOT a.attisdropped"
"   UNION ALL"
"   SELECT r.rngsubopc, r.rngcollation, r.rngsubtype"
"   FROM pg_catalog.pg_range AS r WHERE r.rngtypid = t.oid"
"   %s"
"  ) AS i"
" ), judged AS ("
"  SELECT part.partrelid, part.partstrat, part.coll,"
"   CASE"
"    WHEN t.oid IS NULL OR part.opclass >= 16384 OR (part.partstrat = 'h' AND $2::pg_catalog.bool)"
"    THEN false"
"    WHEN t.oid >= 16384 AND EXISTS (SELECT FROM pg_catalog.pg_opclass AS o"
"     WHERE o.opcintype = t.oid AND o.opcdefault) THEN false"
"    WHEN t.typtype IN ('d', 'c', 'r', 'm') OR e.oid IS NOT NULL THEN true"
"    WHEN t.typtype = 'e' THEN part.partstrat <> 'h'"
"    ELSE t.oid < 16384 AND t.typname = ANY (" CERTAIN_TYPES ")"
"   END AS is_certain,"
"   t.typcollation <> 0 AND t.typtype = 'b' AND e.oid IS NULL AS is_text"
"  FROM part"
"  LEFT JOIN pg_catalog.pg_type AS t ON t.oid = part.type"
"  LEFT JOIN pg_catalog.pg_type AS e ON e.oid = t.typelem AND e.typarray = t.oid"
" )"
" SELECT DISTINCT j.partrelid,"
"  CASE WHEN j.is_certain AND NOT (j.is_text AND j.partstrat <> 'l' AND $1::pg_catalog.bool)"
"  THEN COALESCE(c.collprovider, 'c') END,"
"  COALESCE(%s, 'C'),"
"  CASE WHEN c.collprovider <> 'd' THEN pg_catalog.pg_collation_actual_version(c.oid) END"
" FROM judged AS j"
" LEFT JOIN pg_catalog.pg_collation AS c ON c.oid = j.coll AND j.is_text"
" WHERE NOT j.is_certain OR (j.is_text AND"
"  (j.partstrat = 'r' OR NOT %s OR (j.partstrat = 'h' AND $1::pg_catalog.bool)))"
" ORDER BY j.partrelid";

enum KeyColumn
{
	KEY_RELATION,
	KEY_PROVIDER,
	KEY_LOCALE,
	KEY_VERSION,
	KEY_COLUMNS
};

static const char multirange_parts[] =
"UNION ALL"
" SELECT 0, 0, r.rngtypid FROM pg_catalog.pg_range AS r WHERE r.rngmultitypid = t.oid";

/*
 * What a database's own collation and its hashes depend on.  Texts to fill in:
 * provider; locale; version; hashes.
 */
static const char facts_sql[] =
"SELECT pg_catalog.current_setting('server_encoding'), %s, %s, %s, %s"
" FROM pg_catalog.pg_database AS d"
" WHERE d.datname = pg_catalog.current_database()";

/* The name of a locale of libc, however it is spelled. */
#define SPELLED(locale) \
	"pg_catalog.lower(pg_catalog.replace(" locale "::pg_catalog.text, '-', ''))"

/* Before 15 only a collation has a version; all of libc have the same. */
static const char version_by_collation[] =
"(SELECT pg_catalog.min(pg_catalog.pg_collation_actual_version(c.oid))"
" FROM pg_catalog.pg_collation AS c"
" WHERE c.collprovider = 'c' AND " SPELLED("c.collcollate") " = " SPELLED("d.datcollate") ")";

static const char hashes[] =
"pg_catalog.format('%s %s %s %s',"
" pg_catalog.hashtextextended('the same on both sides?' COLLATE pg_catalog.\"C\", 0),"
" pg_catalog.hash_numeric_extended(1234567890.12, 0),"
" pg_catalog.hashfloat8extended(1.25, 0),"
" pg_catalog.hashint8extended(-1234567890123, 0))";

/* The answer to facts_sql; NULL: not known. */
typedef struct Facts
{
	char	   *encoding;
	char	   *provider;
	char	   *locale;
	char	   *version;
	char	   *hashes;
} Facts;

#define FACTS (sizeof(Facts) / sizeof(char *))

static bool
is_equal(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/* The statement for a server of this version. */
static char *
make_facts_sql(int version)
{
	const char *provider = "'c'";
	const char *locale = SPELLED("d.datcollate");
	const char *its_version = version_by_collation;

	if (version >= 150000)
	{
		provider = "d.datlocprovider";
		its_version = "pg_catalog.pg_database_collation_actual_version(d.oid)";
	}
	if (version >= 170000)
		locale = "CASE d.datlocprovider WHEN 'c' THEN " SPELLED("d.datcollate")
			" ELSE pg_catalog.concat_ws(' ', d.datlocale, d.daticurules) END";
	else if (version >= 160000)
		locale = "CASE d.datlocprovider WHEN 'c' THEN " SPELLED("d.datcollate")
			" ELSE pg_catalog.concat_ws(' ', d.daticulocale, d.daticurules) END";
	else if (version >= 150000)
		locale = "CASE d.datlocprovider WHEN 'c' THEN " SPELLED("d.datcollate")
			" ELSE d.daticulocale END";
	return psprintf(facts_sql, provider, locale, its_version,
					version >= 110000 ? hashes : "NULL");
}

static void
read_source_facts(SourceSession *session, Facts *facts)
{
	char	   *sql = make_facts_sql(pgcopy_session_version(session));
	SourceRows *rows = pgcopy_session_query_row(session, sql, FACTS, 0, NULL);
	char	  **fields = (char **) facts;

	for (int i = 0; i < FACTS; i++)
	{
		const char *value = pgcopy_rows_get_or_null(rows, 0, i);

		fields[i] = value ? pstrdup(value) : NULL;
	}
	pgcopy_rows_free(rows);
}

/* Ask the same of this database. */
static void
read_local_facts(Facts *facts)
{
	MemoryContext caller = CurrentMemoryContext;
	int			version = atoi(GetConfigOption("server_version_num", false, false));
	int			nest_level = NewGUCNestLevel();
	char	  **fields = (char **) facts;

	(void) set_config_option("search_path", "", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	SPI_connect();
	if (SPI_execute(make_facts_sql(version), true, 0) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "could not read the database's collation");
	for (int i = 0; i < FACTS; i++)
	{
		char	   *value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1);

		fields[i] = value ? MemoryContextStrdup(caller, value) : NULL;
	}
	SPI_finish();
	AtEOXact_GUC(true, nest_level);
}

/* Does a locale compare byte by byte, here and everywhere? */
static bool
compares_bytes(char provider, const char *locale)
{
	if (provider == 'b')
		return true;
	return provider == COLLPROVIDER_LIBC &&
		(pg_strcasecmp(locale, "C") == 0 || pg_strcasecmp(locale, "POSIX") == 0);
}

/* Do both databases' own collations sort alike? */
static bool
have_same_default(const Facts *source, const Facts *local)
{
	if (source->provider == NULL || source->locale == NULL ||
		local->provider == NULL || local->locale == NULL)
		return false;
	if (compares_bytes(source->provider[0], source->locale) &&
		compares_bytes(local->provider[0], local->locale))
		return true;
	return is_equal(source->provider, local->provider) &&
		is_equal(source->locale, local->locale) &&
		is_equal(source->version, local->version);
}

/* Is the part's order the same here?  Its collation need not exist yet. */
static bool
has_same_order(const SourceRows *rows, int row, bool same_default)
{
	const char *locale = pgcopy_rows_get(rows, row, KEY_LOCALE);
	char		provider;

	if (pgcopy_rows_is_null(rows, row, KEY_PROVIDER))
		return false;
	provider = pgcopy_rows_get_char(rows, row, KEY_PROVIDER, "cdib");
	if (provider == COLLPROVIDER_DEFAULT)
		return same_default;
	if (compares_bytes(provider, locale))
		return true;
	return !pgcopy_rows_is_null(rows, row, KEY_VERSION) &&
		strlen(locale) <= MOST_LOCALE_LENGTH &&
		is_equal(pgcopy_rows_get(rows, row, KEY_VERSION),
				 get_collation_actual_version(provider, locale));
}

static char *
make_keys_sql(int version)
{
	const char *locale = "c.collcollate::pg_catalog.text";

	if (version >= 170000)
		locale = "c.colllocale, c.collcollate";
	else if (version >= 150000)
		locale = "c.colliculocale, c.collcollate";
	return psprintf(keys_sql, version >= 140000 ? multirange_parts : "", locale,
					version >= 120000 ? "c.collisdeterministic" : "true");
}

/* Mark the partitioned relations whose keys are not certain. */
static void
mark_partitioned(SourceSession *session, List *relations)
{
	Facts		source;
	Facts		local;
	const char *params[2];
	SourceRows *rows;
	bool		same_default;

	read_source_facts(session, &source);
	read_local_facts(&local);
	same_default = have_same_default(&source, &local);
	params[0] = is_equal(source.encoding, local.encoding) ? "f" : "t";
	params[1] = is_equal(source.hashes, local.hashes) ? "f" : "t";
	rows = pgcopy_session_query(session, make_keys_sql(pgcopy_session_version(session)),
								KEY_COLUMNS, lengthof(params), params);
	for (int i = 0; i < pgcopy_rows_count(rows); i++)
	{
		Oid			oid = pgcopy_rows_get_oid(rows, i, KEY_RELATION);
		SourceRelation *relation = pgcopy_inventory_find(relations, oid);

		if (relation != NULL && !has_same_order(rows, i, same_default))
			relation->through_root = true;
	}
	pgcopy_rows_free(rows);
}

/* Is anything above a leaf marked? */
static bool
is_below_marked(List *relations, const SourceRelation *leaf)
{
	const SourceRelation *relation = leaf;

	/* a path of parents has no end if the source lies */
	for (int i = 0; i < list_length(relations) && OidIsValid(relation->parent); i++)
	{
		relation = pgcopy_inventory_find(relations, relation->parent);
		if (relation == NULL)	/* of an extension */
			return false;
		if (relation->through_root)
			return true;
	}
	return false;
}

void
pgcopy_partition_mark(SourceSession *session, List *relations)
{
	ListCell   *lc;
	bool		has_any = false;

	foreach(lc, relations)
		has_any |= ((SourceRelation *) lfirst(lc))->relkind == RELKIND_PARTITIONED_TABLE;
	if (!has_any)
		return;
	mark_partitioned(session, relations);
	foreach(lc, relations)
	{
		SourceRelation *relation = lfirst(lc);

		if (relation->has_data_of_its_own && relation->is_partition)
			relation->through_root = is_below_marked(relations, relation);
	}
}
