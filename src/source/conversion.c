/*-------------------------------------------------------------------------
 *
 * conversion.c
 *	  Which definitions of the source this database's encoding cannot express.
 *
 * The source's own error has bytes, but neither pg_dump nor the source says
 * whose.  So read the names and texts of all that pg_dump may dump, and convert
 * them here, where a failure tells the object.  They come as bytea, which no
 * server converts, and are looked at row by row: nothing but the first few
 * descriptions is kept.
 *
 * A row of a catalog as text has all names, bodies, labels, options and
 * privileges of an object; only stored expressions need a function to be text.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "libpq-fe.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "source/conversion.h"
#include "source/names.h"
#include "source/session_state.h"

#define SHOWN_OBJECTS	10

/* Hexadecimal digits of one query's answer, at most. */
#define MAX_DIGITS		((int64) 2 * 1024 * 1024 * 1024)

/* Where texts of one kind are. */
typedef struct TextKind
{
	const char *what;			/* comes before the object's description */
	const char *object;			/* class, number, number of its part */
	const char *text;
	const char *from;
	int			since;			/* version of the source */
} TextKind;

#define CLASS(catalog)	"'pg_catalog." catalog "'::pg_catalog.regclass"
#define OBJECT(catalog)	CLASS(catalog) ", x.oid, 0"
#define ROW				"x::pg_catalog.text"
#define ALL(catalog)	{"", OBJECT(catalog), ROW, "pg_catalog." catalog " AS x", 0}

/* Parts of relations, but not of those that are temporary. */
#define WITH_RELATION(catalog, relation) \
"pg_catalog." catalog " AS x JOIN pg_catalog.pg_class AS c" \
" ON c.oid = " relation " AND c.relpersistence <> 't'"

#define IS_THIS_DATABASE \
"(SELECT d.oid FROM pg_catalog.pg_database AS d" \
" WHERE d.datname = pg_catalog.current_database())"

/* Objects before what mentions them. */
static const TextKind kinds[] = {
	{"", OBJECT("pg_namespace"), ROW,
	"pg_catalog.pg_namespace AS x WHERE x.nspname !~ '^pg_(toast|temp)'", 0},
	{"", OBJECT("pg_class"),
		"pg_catalog.concat_ws(' ', x.relname, x.reloptions, x.relacl)",
	"pg_catalog.pg_class AS x WHERE x.relpersistence <> 't' AND x.relkind NOT IN ('i', 'I', 't')", 0},
	{"", CLASS("pg_class") ", x.attrelid, x.attnum",
		"pg_catalog.concat_ws(' ', x.attname, x.attoptions, x.attfdwoptions, x.attacl)",
		WITH_RELATION("pg_attribute", "x.attrelid")
	" WHERE c.relkind NOT IN ('i', 'I', 't', 'S') AND NOT x.attisdropped", 0},
	{"", OBJECT("pg_type"), ROW,
	"pg_catalog.pg_type AS x WHERE x.typrelid = 0 AND x.typcategory <> 'A'", 0},
	{"a label of ", CLASS("pg_type") ", x.enumtypid, 0", "x.enumlabel::pg_catalog.text",
	"pg_catalog.pg_enum AS x", 0},
	{"", OBJECT("pg_proc"),
		ROW " || ' ' || pg_catalog.pg_get_function_arguments(x.oid)",
	"pg_catalog.pg_proc AS x WHERE x.oid >= 16384", 0},
	{"the body of ", OBJECT("pg_proc"), "pg_catalog.pg_get_function_sqlbody(x.oid)",
	"pg_catalog.pg_proc AS x WHERE x.prosqlbody IS NOT NULL AND x.oid >= 16384", 140000},
	ALL("pg_language"), ALL("pg_operator"), ALL("pg_opclass"), ALL("pg_opfamily"),
	ALL("pg_collation"), ALL("pg_conversion"), ALL("pg_am"), ALL("pg_extension"),
	ALL("pg_event_trigger"), ALL("pg_default_acl"), ALL("pg_publication"),
	ALL("pg_ts_config"), ALL("pg_ts_dict"), ALL("pg_ts_parser"), ALL("pg_ts_template"),
	ALL("pg_foreign_data_wrapper"), ALL("pg_foreign_server"),
	{"", CLASS("pg_class") ", x.ftrelid, 0", "x.ftoptions::pg_catalog.text",
	"pg_catalog.pg_foreign_table AS x", 0},
	{"", CLASS("pg_user_mapping") ", x.umid, 0",
		"pg_catalog.concat_ws(' ', x.usename, x.umoptions)",
	"pg_catalog.pg_user_mappings AS x", 0},
	{"", OBJECT("pg_subscription"),
		"pg_catalog.concat_ws(' ', x.subname, x.subpublications)",
	"pg_catalog.pg_subscription AS x WHERE x.subdbid = " IS_THIS_DATABASE, 0},
	{"the definition of ", OBJECT("pg_class"), "pg_catalog.pg_get_viewdef(x.oid)",
	"pg_catalog.pg_class AS x WHERE x.relkind IN ('v', 'm') AND x.oid >= 16384", 0},
	{"", OBJECT("pg_attrdef"), "pg_catalog.pg_get_expr(x.adbin, x.adrelid)",
	WITH_RELATION("pg_attrdef", "x.adrelid"), 0},
	{"the partition key of ", OBJECT("pg_class"), "pg_catalog.pg_get_partkeydef(x.oid)",
	"pg_catalog.pg_class AS x WHERE x.relkind = 'p'", 0},
	{"the partition bound of ", OBJECT("pg_class"),
		"pg_catalog.pg_get_expr(x.relpartbound, x.oid)",
	"pg_catalog.pg_class AS x WHERE x.relispartition AND x.relkind NOT IN ('i', 'I')", 0},
	{"", OBJECT("pg_constraint"),
		"x.conname || ' ' || pg_catalog.pg_get_constraintdef(x.oid)",
		"pg_catalog.pg_constraint AS x LEFT JOIN pg_catalog.pg_class AS c ON c.oid = x.conrelid"
	" WHERE c.relpersistence IS DISTINCT FROM 't'", 0},
	{"", CLASS("pg_class") ", x.indexrelid, 0", "pg_catalog.pg_get_indexdef(x.indexrelid)",
		WITH_RELATION("pg_index", "x.indexrelid")
		" WHERE x.indexrelid >= 16384 AND c.relname !~ '^pg_toast_' AND NOT EXISTS"
		" (SELECT FROM pg_catalog.pg_constraint AS k WHERE k.conindid = x.indexrelid"
	" AND k.contype IN ('p', 'u', 'x'))", 0},
	{"", OBJECT("pg_statistic_ext"), "pg_catalog.pg_get_statisticsobjdef(x.oid)",
	"pg_catalog.pg_statistic_ext AS x", 0},
	{"", OBJECT("pg_trigger"), "pg_catalog.pg_get_triggerdef(x.oid)",
	WITH_RELATION("pg_trigger", "x.tgrelid") " WHERE NOT x.tgisinternal", 0},
	{"", OBJECT("pg_rewrite"), "pg_catalog.pg_get_ruledef(x.oid)",
		WITH_RELATION("pg_rewrite", "x.ev_class")
	" WHERE x.rulename <> '_RETURN' AND x.oid >= 16384", 0},
	{"", OBJECT("pg_policy"),
		"pg_catalog.concat_ws(' ', x.polname, pg_catalog.pg_get_expr(x.polqual, x.polrelid),"
		" pg_catalog.pg_get_expr(x.polwithcheck, x.polrelid))",
	"pg_catalog.pg_policy AS x", 0},
	{"", OBJECT("pg_publication_rel"), "pg_catalog.pg_get_expr(x.prqual, x.prrelid)",
	"pg_catalog.pg_publication_rel AS x", 150000},
	{"the comment on ", "x.classoid, x.objoid, x.objsubid", "x.description",
	"pg_catalog.pg_description AS x", 0},
	{"the comment on ", "x.classoid, x.objoid, 0", "x.description",
		"pg_catalog.pg_shdescription AS x WHERE x.classoid = " CLASS("pg_database")
	" AND x.objoid = " IS_THIS_DATABASE, 0},
	{"a security label of ", "x.classoid, x.objoid, x.objsubid", "x.label",
	"pg_catalog.pg_seclabel AS x", 0},
	{"a setting of ", CLASS("pg_database") ", x.setdatabase, 0", "x.setconfig::pg_catalog.text",
	"pg_catalog.pg_db_role_setting AS x WHERE x.setdatabase = " IS_THIS_DATABASE, 0},
	/* of all roles: pg_dump reads them, in use or not */
	{"", CLASS("pg_authid") ", x.oid, 0", "x.rolname::pg_catalog.text",
	"pg_catalog.pg_roles AS x", 0},
	{"", OBJECT("pg_tablespace"), "x.spcname::pg_catalog.text",
		"pg_catalog.pg_tablespace AS x WHERE EXISTS (SELECT FROM pg_catalog.pg_class AS c"
	" WHERE c.reltablespace = x.oid)", 0}
};

/* A text as bytes: only backslashes have a meaning for byteain(). */
#define BYTES(text) \
	"pg_catalog.replace(" text ", '\\', '\\\\')::pg_catalog.bytea"

/*
 * Description and text of what is not plain ASCII; members of extensions are not
 * dumped.  %s: object, text, from.
 */
#define TEXTS_SQL \
"SELECT " BYTES("COALESCE(pg_catalog.pg_describe_object(t.class, t.object, t.part), '?')") \
", " BYTES("t.words") \
" FROM (SELECT o.* FROM (SELECT %s, (%s)::pg_catalog.text FROM %s)" \
"  AS o(class, object, part, words) OFFSET 0) AS t" \
" WHERE t.words COLLATE pg_catalog.\"C\" ~ '[^\\u0001-\\u007f]'" \
" AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS e" \
"  WHERE e.classid = t.class AND e.objid = t.object AND e.deptype = 'e')" \
" ORDER BY t.class, t.object, t.part"

typedef struct Search
{
	SourceSession *session;
	const char *sql;
	const TextKind *kind;
	Conversion	conversion;
	MemoryContext context;		/* of the names */
	MemoryContext row_context;	/* reset after each row */
	List	   *names;			/* char *: of the first objects */
	int			count;			/* of all that do not convert */
	int64		digits;			/* read by this query */
} Search;

/* Return the bytes of one column, in the current memory context. */
static char *
get_bytes(Search *search, const PGresult *row, int column, int *length)
{
	const char *value = PQgetvalue(row, 0, column);
	int			digits = PQgetlength(row, 0, column) - 2;
	char	   *bytes;

	if (PQgetisnull(row, 0, column) || digits < 0 || digits % 2 != 0 ||
		strncmp(value, "\\x", 2) != 0 ||
		strspn(value + 2, "0123456789abcdef") != digits)
		pgcopy_session_violation(search->session, search->sql,
								 "It sent something else than bytes.");
	search->digits += digits;
	if (search->digits > MAX_DIGITS)
		pgcopy_session_violation(search->session, search->sql,
								 "It sent more rows than there can be.");
	bytes = palloc_extended(digits / 2 + 1, MCXT_ALLOC_HUGE);
	*length = (int) hex_decode(value + 2, digits, bytes);
	return bytes;
}

static void
note_object(Search *search, const char *description, int length)
{
	char	   *shown = pgcopy_conversion_show(&search->conversion, description, length);
	MemoryContext caller = MemoryContextSwitchTo(search->context);

	if (search->count++ < SHOWN_OBJECTS)
		search->names = lappend(search->names, psprintf("%s%s", search->kind->what, shown));
	MemoryContextSwitchTo(caller);
}

/* RowTaker. */
static void
take_text(void *arg, const PGresult *row)
{
	Search	   *search = arg;
	MemoryContext caller = MemoryContextSwitchTo(search->row_context);
	int			length;
	char	   *text;

	if (PQnfields(row) != 2)
		pgcopy_session_violation(search->session, search->sql,
								 "It sent a wrong number of columns.");
	text = get_bytes(search, row, 1, &length);
	if (!pgcopy_conversion_arrives(&search->conversion, text, length))
	{
		text = get_bytes(search, row, 0, &length);
		note_object(search, text, length);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextReset(search->row_context);
}

/* Search one kind.  If the source refuses that, other kinds may tell enough. */
static void
search_kind(Search *search, const TextKind *kind)
{
	SourceQuery query = {0};

	if (pgcopy_session_version(search->session) < kind->since)
		return;
	query.sql = psprintf(TEXTS_SQL, kind->object, kind->text, kind->from);
	search->sql = query.sql;
	search->kind = kind;
	search->digits = 0;
	if (pgcopy_session_query_run(search->session, &query, take_text, search) != NULL)
		elog(DEBUG1, "the source refused to show texts: %s", query.sql);
}

/* Ask for the source's encoding; -1 if this server does not know it. */
static int
fetch_encoding(SourceSession *session)
{
	SourceRows *rows = pgcopy_session_query_row(session,
												"SELECT pg_catalog.current_setting('server_encoding')",
												1, 0, NULL);
	int			encoding = pg_valid_server_encoding(pgcopy_rows_get(rows, 0, 0));

	pgcopy_rows_free(rows);
	return encoding;
}

static List *
make_finding(const Search *search)
{
	const char *here = pg_encoding_to_char(search->conversion.to);
	const char *there = pg_encoding_to_char(search->conversion.from);
	Finding		finding = {.level = FINDING_ERROR};

	finding.sqlerrcode = OidIsValid(search->conversion.proc) ?
		ERRCODE_UNTRANSLATABLE_CHARACTER : ERRCODE_CHARACTER_NOT_IN_REPERTOIRE;
	finding.object = search->count > SHOWN_OBJECTS ?
		psprintf("%s and %d more", pgcopy_names_list(search->names, SHOWN_OBJECTS),
				 search->count - SHOWN_OBJECTS) :
		pgcopy_names_list(search->names, SHOWN_OBJECTS);
	finding.message = psprintf(search->count == 1 ?
							   "%d name or definition of the source does not fit into encoding \"%s\" of this database" :
							   "%d names or definitions of the source do not fit into encoding \"%s\" of this database",
							   search->count, here);
	finding.detail = psprintf("The source's encoding is %s.  In the way: %s.", there,
							  finding.object);
	finding.hint = search->conversion.from == search->conversion.to ?
		"Rename or change them on the source." :
		psprintf("Rename or change them on the source, or clone into a database in its encoding: CREATE DATABASE ... TEMPLATE template0 ENCODING '%s' LOCALE 'C'.",
				 there);
	return pgcopy_finding_list(&finding);
}

static bool
is_single_byte(int encoding)
{
	return encoding != PG_SQL_ASCII && pg_encoding_max_length(encoding) == 1;
}

bool
pgcopy_conversion_keeps_characters(SourceSession *session)
{
	int			there = fetch_encoding(session);
	int			here = GetDatabaseEncoding();

	if (there < 0 || there == here)
		return there == here;
	return there != PG_SQL_ASCII && here != PG_SQL_ASCII &&
		(is_single_byte(there) || is_single_byte(here));
}

List *
pgcopy_conversion_find(SourceSession *session)
{
	Search		search = {.session = session,.context = CurrentMemoryContext};
	int			encoding = fetch_encoding(session);

	if (encoding < 0 || GetDatabaseEncoding() == PG_SQL_ASCII)
		return NIL;
	search.conversion = pgcopy_conversion_make(encoding);
	search.row_context = AllocSetContextCreate(CurrentMemoryContext, "pgcopy text",
											   ALLOCSET_DEFAULT_SIZES);
	for (int i = 0; i < lengthof(kinds); i++)
		search_kind(&search, &kinds[i]);
	MemoryContextDelete(search.row_context);
	return search.count > 0 ? make_finding(&search) : NIL;
}
