/*-------------------------------------------------------------------------
 *
 * names.c
 *	  Names of objects that the source has, this database has, or both.
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
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "base/options.h"
#include "base/sqltext.h"
#include "source/ahead.h"
#include "source/names.h"

/* Make a text[], for a local query. */
static Datum
make_name_array(List *names)
{
	int			count = list_length(names);
	Datum	   *values = palloc(sizeof(Datum) * Max(count, 1));
	ListCell   *lc;

	foreach(lc, names)
		values[foreach_current_index(lc)] = CStringGetTextDatum(lfirst(lc));
	return PointerGetDatum(construct_array(values, count, TEXTOID, -1, false,
										   TYPALIGN_INT));
}

/* nparams is 0 or 1 */
static List *
query_with(const char *sql, int nparams, Datum param)
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

List *
pgcopy_names_query(const char *sql)
{
	return query_with(sql, 0, (Datum) 0);
}

char *
pgcopy_names_list(const List *names, int shown)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, names)
	{
		if (foreach_current_index(lc) == shown)
		{
			appendStringInfo(&buf, " and %d more",
							 list_length(names) - shown);
			break;
		}
		appendStringInfo(&buf, "%s%s", buf.len > 0 ? ", " : "",
						 (char *) lfirst(lc));
	}
	return buf.data;
}

/* Take the names of objects that the filter has; columns: name, classid, oid. */
static List *
take_filtered(const SourceRows *rows, const ObjectFilter *filter)
{
	List	   *names = NIL;

	for (int i = 0; i < pgcopy_rows_count(rows); i++)
	{
		const char *name = pgcopy_rows_get(rows, i, 0);

		if (pgcopy_filter_has(filter, pgcopy_rows_get_oid(rows, i, 1),
							  pgcopy_rows_get_oid(rows, i, 2)) &&
			(names == NIL || strcmp(llast(names), name) != 0))
			names = lappend(names, pstrdup(name));
	}
	return names;
}

/* What to ask for names with or without the objects that have them. */
static char *
make_missing_sql(const char *source_sql, const ObjectFilter *filter)
{
	const char *each_sql = "SELECT o.name, o.classid, o.oid FROM (%s) AS o ORDER BY o.name";
	const char *once_sql = "SELECT DISTINCT o.name FROM (%s) AS o ORDER BY o.name";

	return psprintf(filter != NULL ? each_sql : once_sql, source_sql);
}

void
pgcopy_names_foresee_missing(SourceSession *session, const char *source_sql,
							 const ObjectFilter *filter)
{
	pgcopy_ahead_foresee(session, make_missing_sql(source_sql, filter),
						 filter != NULL ? 3 : 1, 0, NULL);
}

List *
pgcopy_names_missing(SourceSession *session, const char *source_sql,
					 const ObjectFilter *filter, const char *local_sql)
{
	const char *sql = make_missing_sql(source_sql, filter);
	SourceRows *rows;
	List	   *names = NIL;

	if (filter != NULL)
	{
		rows = pgcopy_session_query(session, sql, 3, 0, NULL);
		names = take_filtered(rows, filter);
	}
	else
	{
		rows = pgcopy_session_query(session, sql, 1, 0, NULL);
		for (int i = 0; i < pgcopy_rows_count(rows); i++)
			names = lappend(names, pstrdup(pgcopy_rows_get(rows, i, 0)));
	}
	pgcopy_rows_free(rows);
	return names != NIL ? query_with(local_sql, 1, make_name_array(names)) : NIL;
}

char *
pgcopy_names_array_literal(List *names)
{
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	appendStringInfoChar(&text, '{');
	foreach(lc, names)
	{
		appendStringInfoString(&text, text.len > 1 ? ",\"" : "\"");
		for (const char *c = lfirst(lc); *c != '\0'; c++)
		{
			if (*c == '"' || *c == '\\')
				appendStringInfoChar(&text, '\\');
			appendStringInfoChar(&text, *c);
		}
		appendStringInfoChar(&text, '"');
	}
	appendStringInfoChar(&text, '}');
	return text.data;
}

char *
pgcopy_names_oids_literal(const List *oids)
{
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	foreach(lc, oids)
		appendStringInfo(&text, "%c%u", text.len == 0 ? '{' : ',', lfirst_oid(lc));
	appendStringInfoString(&text, oids == NIL ? "{}" : "}");
	return text.data;
}

List *
pgcopy_names_shared(SourceSession *session, const ObjectFilter *filter, List *here,
					NamesQuery *there)
{
	static const char shared_sql[] =
		"SELECT s.what, s.classid, s.oid FROM (%s) AS s"
		" WHERE s.what IN (SELECT pg_catalog.unnest($1::pg_catalog.text[])) %s"
		" ORDER BY s.what COLLATE pg_catalog.\"C\"";
	List	   *shared;
	SourceRows *rows;

	if (here == NIL)
		return NIL;
	there->params[0] = pgcopy_names_array_literal(here);
	rows = pgcopy_session_query(session, psprintf(shared_sql, there->sql, there->more),
								3, there->more[0] == '\0' ? 1 : 3, there->params);
	shared = take_filtered(rows, filter);
	pgcopy_rows_free(rows);
	return shared;
}

/* Targets to keys, and to a name that nothing has: keys that are no target. */
static List *
reverse_map(const List *map)
{
	List	   *reversed = pgcopy_sqltext_reverse(map);
	ListCell   *lc;

	foreach(lc, map)
	{
		const OptionPair *pair = lfirst(lc);
		OptionPair *moved;

		if (pgcopy_sqltext_mapped(reversed, pair->key) != NULL)
			continue;
		moved = palloc0(sizeof(OptionPair));
		moved->key = pair->key;
		moved->value = "";
		reversed = lappend(reversed, moved);
	}
	return reversed;
}

/* A schema that is a target may be here, and one that is a key becomes another. */
static bool
is_schema_of_map(const List *reversed, const char *what)
{
	static const char schema[] = "schema ";
	const char *at = what + strlen(schema);
	SqlToken	token;

	return strncmp(what, schema, strlen(schema)) == 0 &&
		pgcopy_sqltext_next(&at, what + strlen(what), &token) &&
		(token.kind == SQL_WORD || token.kind == SQL_QUOTED) &&
		pgcopy_sqltext_mapped(reversed, pgcopy_sqltext_name(&token)) != NULL;
}

List *
pgcopy_names_map(List *names, const List *map)
{
	List	   *mapped = NIL;
	ListCell   *lc;

	if (map == NIL)
		return names;
	foreach(lc, names)
		mapped = lappend(mapped, pgcopy_sqltext_rename(map, lfirst(lc)));
	return mapped;
}

List *
pgcopy_names_map_back(List *names, const List *map)
{
	List	   *reversed = reverse_map(map);
	List	   *kept = NIL;
	ListCell   *lc;

	if (map == NIL)
		return names;
	foreach(lc, names)
	{
		if (!is_schema_of_map(reversed, lfirst(lc)))
			kept = lappend(kept, lfirst(lc));
	}
	return pgcopy_names_map(kept, reversed);
}
