/*-------------------------------------------------------------------------
 *
 * existing_read.c
 *	  Read the definitions that this database has, of kinds of post-data.
 *
 * They are written as pg_dump writes them: by functions of the server, or put
 * together from the catalogs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "schema/existing_private.h"

typedef struct PlaceKey
{
	int			kind;
	NameData	schema;
	NameData	relation;
} PlaceKey;

typedef struct PlaceEntry
{
	PlaceKey	key;
	List	   *objects;		/* ObjectHere * */
} PlaceEntry;

#define OF_USERS \
	" AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'pgcopy')"

#define FROM_RELATION(column) \
	" JOIN pg_catalog.pg_class AS t ON t.oid = " column \
	" JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace"

#define PLACE "n.nspname, t.relname"

/* Kind, schema, relation, name, definition, is it valid?  Under an empty search_path. */
static const char *const objects_sql[] = {
	"SELECT 'i', " PLACE ", c.relname, pg_catalog.pg_get_indexdef(c.oid),"
	"  i.indisvalid OR c.relkind = 'I'"
	" FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid"
	FROM_RELATION("i.indrelid")
	" WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS k"
	"  WHERE k.conindid = c.oid AND k.contype IN ('p', 'u', 'x'))" OF_USERS,

	"SELECT 'c', " PLACE ", k.conname,"
	"  pg_catalog.format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s', " PLACE ", k.conname,"
	"   pg_catalog.pg_get_constraintdef(k.oid)), k.convalidated"
	" FROM pg_catalog.pg_constraint AS k" FROM_RELATION("k.conrelid")
	" WHERE k.contype IN ('c', 'f', 'p', 'u', 'x')" OF_USERS,

	"SELECT 'd', n.nspname, t.typname, k.conname,"
	"  pg_catalog.format('ALTER DOMAIN %I.%I ADD CONSTRAINT %I %s', n.nspname, t.typname,"
	"   k.conname, pg_catalog.pg_get_constraintdef(k.oid)), true"
	" FROM pg_catalog.pg_constraint AS k JOIN pg_catalog.pg_type AS t ON t.oid = k.contypid"
	" JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace"
	" WHERE k.contype = 'c'" OF_USERS,

	"SELECT 't', " PLACE ", g.tgname, pg_catalog.pg_get_triggerdef(g.oid, false), true"
	" FROM pg_catalog.pg_trigger AS g" FROM_RELATION("g.tgrelid")
	" WHERE NOT g.tgisinternal" OF_USERS,

	"SELECT 'r', " PLACE ", r.rulename, pg_catalog.pg_get_ruledef(r.oid), true"
	" FROM pg_catalog.pg_rewrite AS r" FROM_RELATION("r.ev_class")
	" WHERE r.rulename <> '_RETURN'" OF_USERS,

	"SELECT 'p', " PLACE ", p.polname,"
	"  pg_catalog.format('CREATE POLICY %I ON %I.%I', p.polname, " PLACE ")"
	"  || CASE WHEN p.polpermissive THEN '' ELSE ' AS RESTRICTIVE' END"
	"  || CASE p.polcmd WHEN 'r' THEN ' FOR SELECT' WHEN 'a' THEN ' FOR INSERT'"
	"   WHEN 'w' THEN ' FOR UPDATE' WHEN 'd' THEN ' FOR DELETE' ELSE '' END"
	"  || COALESCE(' TO ' || (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.rolname), ', ')"
	"   FROM pg_catalog.pg_roles AS a WHERE a.oid = ANY (p.polroles)), '')"
	"  || COALESCE(' USING (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')', '')"
	"  || COALESCE(' WITH CHECK (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')', ''),"
	"  true"
	" FROM pg_catalog.pg_policy AS p" FROM_RELATION("p.polrelid")
	" WHERE true" OF_USERS,

	"SELECT 's', " PLACE ", s.stxname, pg_catalog.pg_get_statisticsobjdef(s.oid), true"
	" FROM pg_catalog.pg_statistic_ext AS s" FROM_RELATION("s.stxrelid")
	" WHERE true" OF_USERS,

	"SELECT 'v', " PLACE ", t.relname,"
	"  pg_catalog.format('CREATE MATERIALIZED VIEW %I.%I AS %s WITH NO DATA', " PLACE ","
	"   pg_catalog.rtrim(pg_catalog.pg_get_viewdef(t.oid), ';')), true"
	" FROM pg_catalog.pg_class AS c" FROM_RELATION("c.oid")
	" WHERE c.relkind = 'm'" OF_USERS,

	"SELECT 'e', '', '', e.evtname,"
	"  pg_catalog.format('CREATE EVENT TRIGGER %I ON %I', e.evtname, e.evtevent)"
	"  || COALESCE(' WHEN TAG IN (' || (SELECT pg_catalog.string_agg(pg_catalog.quote_literal(x.tag), ', ')"
	"   FROM pg_catalog.unnest(e.evttags) AS x(tag)) || ')', '')"
	"  || ' EXECUTE FUNCTION ' || e.evtfoid::pg_catalog.regproc::pg_catalog.text || '()', true"
	" FROM pg_catalog.pg_event_trigger AS e WHERE e.evtname <> 'pgcopy_guard'",

	"SELECT 'b', '', '', p.pubname,"
	"  pg_catalog.format('CREATE PUBLICATION %I%s WITH (publish = %L%s)', p.pubname,"
	"   CASE WHEN p.puballtables THEN ' FOR ALL TABLES' END,"
	"   pg_catalog.concat_ws(', ', CASE WHEN p.pubinsert THEN 'insert' END,"
	"    CASE WHEN p.pubupdate THEN 'update' END, CASE WHEN p.pubdelete THEN 'delete' END,"
	"    CASE WHEN p.pubtruncate THEN 'truncate' END),"
	"   CASE WHEN p.pubviaroot THEN ', publish_via_partition_root = true' END), true"
	" FROM pg_catalog.pg_publication AS p",

	"SELECT 'm', '', p.pubname, pg_catalog.format('%I.%I', " PLACE "), NULL, true"
	" FROM pg_catalog.pg_publication_rel AS m"
	" JOIN pg_catalog.pg_publication AS p ON p.oid = m.prpubid" FROM_RELATION("m.prrelid"),

#ifdef PGCOPY_HAS_SCHEMAS_IN_PUBLICATIONS
	"SELECT 'm', '', p.pubname, n.nspname, NULL, true"
	" FROM pg_catalog.pg_publication_namespace AS m"
	" JOIN pg_catalog.pg_publication AS p ON p.oid = m.pnpubid"
	" JOIN pg_catalog.pg_namespace AS n ON n.oid = m.pnnspid",
#endif

	"SELECT 'u', '', '', s.subname, NULL, true"
	" FROM pg_catalog.pg_subscription AS s"
	" JOIN pg_catalog.pg_database AS d ON d.oid = s.subdbid"
	" WHERE d.datname = pg_catalog.current_database()"
};

static void
fill_key(PlaceKey *key, const ObjectDefinition *object)
{
	memset(key, 0, sizeof(PlaceKey));
	key->kind = object->kind;
	strlcpy(NameStr(key->schema), object->schema, NAMEDATALEN);
	strlcpy(NameStr(key->relation), object->relation, NAMEDATALEN);
}

static char *
get_text(int row, int column)
{
	char	   *value = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);

	return value != NULL ? value : pstrdup("");
}

/* Make an object of a row; memory is the caller's. */
static ObjectHere *
read_object(int row, MemoryContext context)
{
	char	   *definition = get_text(row, 5);
	ObjectHere *here;
	MemoryContext spi_context = MemoryContextSwitchTo(context);

	here = palloc0(sizeof(ObjectHere));
	if (definition[0] != '\0')
		here->object = pgcopy_existing_parse(definition, strlen(definition));
	here->object.kind = (ObjectKind) get_text(row, 1)[0];
	here->object.schema = get_text(row, 2);
	here->object.relation = get_text(row, 3);
	here->object.name = get_text(row, 4);
	here->is_valid = get_text(row, 6)[0] == 't';
	MemoryContextSwitchTo(spi_context);
	return here;
}

static void
add_objects(HTAB *table, const char *sql, MemoryContext context)
{
	if (SPI_execute(sql, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the catalogs");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		ObjectHere *here = read_object((int) i, context);
		MemoryContext spi_context = MemoryContextSwitchTo(context);
		PlaceEntry *entry;
		PlaceKey	key;
		bool		found;

		CHECK_FOR_INTERRUPTS();
		fill_key(&key, &here->object);
		entry = hash_search(table, &key, HASH_ENTER, &found);
		if (!found)
			entry->objects = NIL;
		entry->objects = lappend(entry->objects, here);
		MemoryContextSwitchTo(spi_context);
	}
	SPI_freetuptable(SPI_tuptable);
}

static void
set_locally(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

HTAB *
pgcopy_existing_read(void)
{
	MemoryContext context = CurrentMemoryContext;
	HASHCTL		ctl = {
		.keysize = sizeof(PlaceKey),
		.entrysize = sizeof(PlaceEntry),
		.hcxt = context
	};
	HTAB	   *table = hash_create("pgcopy definitions here", 1024, &ctl,
									HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	int			nest_level = NewGUCNestLevel();

	set_locally("search_path", "");
	set_locally("standard_conforming_strings", "on");
	set_locally("quote_all_identifiers", "off");
	SPI_connect();
	for (int i = 0; i < lengthof(objects_sql); i++)
		add_objects(table, objects_sql[i], context);
	SPI_finish();
	AtEOXact_GUC(true, nest_level);
	return table;
}

List *
pgcopy_existing_read_find(HTAB *here, const ObjectDefinition *object)
{
	PlaceKey	key;
	PlaceEntry *entry;

	fill_key(&key, object);
	entry = hash_search(here, &key, HASH_FIND, NULL);
	return entry != NULL ? entry->objects : NIL;
}
