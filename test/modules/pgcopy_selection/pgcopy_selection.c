/*-------------------------------------------------------------------------
 *
 * pgcopy_selection.c
 *	  The selection of objects without a job.
 *
 * The rooms select/, source/ and base/ are compiled in here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "base/finding.h"
#include "select/selection.h"

PG_MODULE_MAGIC;

PGDLLEXPORT PG_FUNCTION_INFO_V1(pgcopy_selection_text);

/* Every object of a user but TOAST and the triggers of foreign keys. */
static const char objects_sql[] =
"SELECT o.classid, o.objid, pg_catalog.concat_ws(' ', i.type, i.identity)"
" FROM (SELECT d.classid, d.objid FROM pg_catalog.pg_depend AS d WHERE d.objid >= 16384"
"  UNION SELECT d.refclassid, d.refobjid FROM pg_catalog.pg_depend AS d WHERE d.refobjid >= 16384"
"  UNION SELECT 'pg_catalog.pg_publication'::pg_catalog.regclass, p.oid FROM pg_catalog.pg_publication AS p"
"  UNION SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass, n.oid"
"   FROM pg_catalog.pg_namespace AS n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
"  UNION SELECT 'pg_catalog.pg_subscription'::pg_catalog.regclass, s.oid"
"   FROM pg_catalog.pg_subscription AS s"
" ) AS o CROSS JOIN LATERAL pg_catalog.pg_identify_object(o.classid, o.objid, 0) AS i"
" WHERE NOT (o.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND EXISTS ("
"  SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = o.objid AND c.relnamespace = 'pg_toast'::pg_catalog.regnamespace))"
" AND NOT (o.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass AND EXISTS ("
"  SELECT FROM pg_catalog.pg_trigger AS t WHERE t.oid = o.objid AND t.tgisinternal))"
" ORDER BY 3, 1, 2";

static void
append_line(StringInfo text, const char *what, Oid class_oid, Oid oid, const char *object)
{
	char	   *line = psprintf("%s\t%u\t%u\t%s", what, class_oid, oid, object);

	for (char *c = line; *c != '\0'; c++)
	{
		if (*c == '\n')
			*c = ' ';
	}
	appendStringInfo(text, "%s\n", line);
}

static char **
get_texts(Datum datum, int *n)
{
	Datum	   *elements;
	char	  **texts;

	deconstruct_array(DatumGetArrayTypeP(datum), TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, NULL, n);
	texts = palloc(sizeof(char *) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
		texts[i] = TextDatumGetCString(elements[i]);
	return texts;
}

static void
append_objects(StringInfo text, SourceSession *session, const Selection *selection)
{
	SourceRows *rows = pgcopy_session_query(session, objects_sql, 3, 0, NULL);

	for (int i = 0; i < pgcopy_rows_count(rows); i++)
	{
		Oid			class_oid = pgcopy_rows_get_oid(rows, i, 0);
		Oid			oid = pgcopy_rows_get_oid(rows, i, 1);
		const char *object = pgcopy_rows_get(rows, i, 2);

		append_line(text, pgcopy_selection_has(selection, class_oid, oid) ? "kept" : "left",
					class_oid, oid, object);
		if (class_oid == RelationRelationId && pgcopy_selection_has_rows(selection, oid))
			append_line(text, "rows", class_oid, oid, object);
		if (pgcopy_selection_foreign_key_is_unvalidated(selection, oid))
			append_line(text, "unvalidated", class_oid, oid, object);
	}
}

static void
append_selection(StringInfo text, const Selection *selection)
{
	ListCell   *lc;

	foreach(lc, pgcopy_selection_dump_relations(selection))
	{
		const SelectedRelation *relation = lfirst(lc);

		append_line(text, relation->is_kept ? "dumped" : "not dumped", RelationRelationId,
					relation->oid, quote_qualified_identifier(relation->schema, relation->name));
	}
	foreach(lc, pgcopy_selection_notices(selection))
	{
		const Finding *finding = lfirst(lc);

		append_line(text, "notice", 0, 0, finding->message);
		append_line(text, "notice of", 0, 0, finding->object);
	}
	append_line(text, "relations", 0, 0, pgcopy_selection_relations(selection));
	append_line(text, "large objects", 0, 0,
				pgcopy_selection_has_large_objects(selection) ? "t" : "f");
}

Datum
pgcopy_selection_text(PG_FUNCTION_ARGS)
{
	JobOptions	options;
	StringInfoData lines;
	SourceSession *session;
	Selection  *selection;
	instr_time	start;
	instr_time	end;
	int			n;
	int			m;
	char	  **names = get_texts(PG_GETARG_DATUM(1), &n);
	char	  **values = get_texts(PG_GETARG_DATUM(2), &m);

	pgcopy_options_set_defaults(&options);
	for (int i = 0; i < Min(n, m); i++)
		pgcopy_options_restore(&options, names[i], values[i]);
	session = pgcopy_session_open(pgcopy_conninfo_resolve(text_to_cstring(PG_GETARG_TEXT_PP(0)),
														  GetUserId()), "pgcopy_selection");
	pgcopy_session_exec(session, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
	INSTR_TIME_SET_CURRENT(start);
	selection = pgcopy_selection_make(session, &options);
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	initStringInfo(&lines);
	append_objects(&lines, session, selection);
	append_selection(&lines, selection);
	append_line(&lines, "ms", 0, 0, psprintf("%d", (int) INSTR_TIME_GET_MILLISEC(end)));
	pgcopy_session_close(session);
	PG_RETURN_TEXT_P(cstring_to_text(lines.data));
}
