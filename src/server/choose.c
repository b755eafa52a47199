/*-------------------------------------------------------------------------
 *
 * choose.c
 *	  Which databases of the source's server are cloned.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/syscache.h"

#include "base/finding.h"
#include "base/similar.h"
#include "select/pattern.h"
#include "server/choose.h"
#include "server/create.h"
#include "source/databases.h"
#include "source/names.h"

/* Names shown in a message. */
#define SHOWN_NAMES 10

/* Return a hint with the databases whose names are nearest to a text, or NULL. */
static const char *
hint_at_nearest(const char *text, const List *databases)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, databases)
	{
		const SourceDatabase *database = lfirst(lc);

		names = lappend(names, pstrdup(quote_identifier(database->name)));
	}
	return pgcopy_similar_hint(text, names);
}

/* Make a finding of a pattern that matches nothing. */
static List *
report_pattern(const NamePattern *pattern, const List *databases)
{
	const char *hint = hint_at_nearest(pgcopy_pattern_text(pattern), databases);
	Finding		finding = {
		.level = FINDING_ERROR,
		.sqlerrcode = ERRCODE_UNDEFINED_OBJECT,
		.message = psprintf("databases: no database of the source matches \"%s\"",
							pgcopy_pattern_text(pattern)),
		.hint = hint != NULL ? hint :
		"SELECT datname FROM pg_database on the source lists them."
	};

	return pgcopy_finding_list(&finding);
}

static bool
matches_any(const List *patterns, const SourceDatabase *database)
{
	ListCell   *lc;

	foreach(lc, patterns)
	{
		if (pgcopy_pattern_matches(lfirst(lc), NULL, database->name, true))
			return true;
	}
	return false;
}

/* Parse the patterns; throw if one matches none of the databases. */
static List *
parse_patterns(List *texts, const List *databases)
{
	List	   *patterns = NIL;
	List	   *findings = NIL;
	ListCell   *lc;

	foreach(lc, texts)
		patterns = lappend(patterns,
						   pgcopy_pattern_parse("databases", lfirst(lc), PATTERN_PLAIN));
	foreach(lc, patterns)
	{
		bool		matches = false;
		ListCell   *d;

		foreach(d, databases)
			matches = matches || pgcopy_pattern_matches(lfirst(lc), NULL,
														((SourceDatabase *) lfirst(d))->name, true);
		if (!matches)
			findings = list_concat(findings, report_pattern(lfirst(lc), databases));
	}
	pgcopy_finding_throw(findings);
	return patterns;
}

/* The tablespace of the database here, NULL for the default. */
static char *
map_tablespace(const char *tablespace, const JobOptions *options)
{
	ListCell   *lc;

	if (options->no_tablespaces)
		return NULL;
	foreach(lc, options->tablespace_map)
	{
		const OptionPair *pair = lfirst(lc);

		if (strcmp(pair->key, tablespace) == 0)
			return pair->value;
	}
	return strcmp(tablespace, "pg_default") == 0 ? NULL : pstrdup(tablespace);
}

static char *
copy_or_null(const char *text)
{
	return text == NULL ? NULL : pstrdup(text);
}

static ServerDatabase *
make_database(const SourceDatabase *source, const JobOptions *options)
{
	ServerDatabase *database = palloc0(sizeof(ServerDatabase));

	database->name = pstrdup(source->name);
	database->state = source->may_connect && !source->is_template ?
		SERVER_PENDING : SERVER_LEFT_OUT;
	database->encoding = pstrdup(source->encoding);
	database->provider = pstrdup(source->provider);
	database->collate = pstrdup(source->collate);
	database->ctype = pstrdup(source->ctype);
	database->locale = copy_or_null(source->locale);
	database->icu_rules = copy_or_null(source->icu_rules);
	database->owner = pstrdup(source->owner);
	database->tablespace = map_tablespace(source->tablespace, options);
	database->bytes = source->bytes;
	return database;
}

/* initdb makes these; nobody asks for them. */
static bool
is_initial_template(const char *name)
{
	return strcmp(name, "template0") == 0 || strcmp(name, "template1") == 0;
}

static bool
is_left_out(const ServerDatabase *database)
{
	return strcmp(database->state, SERVER_LEFT_OUT) == 0;
}

List *
pgcopy_choose_databases(SourceSession *session, List *texts, const JobOptions *options)
{
	List	   *all = pgcopy_databases_list(session);
	List	   *patterns = parse_patterns(texts, all);
	List	   *chosen = NIL;
	int			count = 0;
	ListCell   *lc;

	foreach(lc, all)
	{
		const SourceDatabase *source = lfirst(lc);
		ServerDatabase *database;

		if (patterns == NIL ? is_initial_template(source->name) : !matches_any(patterns, source))
			continue;
		database = make_database(source, options);
		database->no = list_length(chosen) + 1;
		count += !is_left_out(database);
		chosen = lappend(chosen, database);
	}
	if (count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("databases: there is none to clone"),
				 errdetail("Databases that are templates or do not allow connections are left out."),
				 errhint("ALTER DATABASE ... ALLOW_CONNECTIONS true, or IS_TEMPLATE false, on the source.")));
	return chosen;
}

/* Tell where a database that is here differs from the source's. */
static void
tell_difference(const ServerDatabase *database, Oid oid)
{
	HeapTuple	tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(oid));
	int			encoding;

	if (!HeapTupleIsValid(tuple))
		return;
	encoding = ((Form_pg_database) GETSTRUCT(tuple))->encoding;
	ReleaseSysCache(tuple);
	if (strcmp(pg_encoding_to_char(encoding), database->encoding) != 0)
		ereport(NOTICE,
				(errmsg("database \"%s\" is here already, in encoding %s; on the source it has %s",
						database->name, pg_encoding_to_char(encoding), database->encoding)));
}

void
pgcopy_choose_check(const List *databases)
{
	List	   *findings = NIL;
	List	   *left_out = NIL;
	ListCell   *lc;

	foreach(lc, databases)
	{
		ServerDatabase *database = lfirst(lc);
		Oid			oid;

		if (is_left_out(database))
		{
			left_out = lappend(left_out, unconstify(char *, quote_identifier(database->name)));
			continue;
		}
		oid = get_database_oid(database->name, true);
		if (OidIsValid(oid))
			tell_difference(database, oid);
		else
			findings = list_concat(findings, pgcopy_create_check(database));
	}
	pgcopy_finding_throw(findings);
	if (left_out != NIL)
		ereport(NOTICE,
				(errmsg("left out, as templates or without connections: %s",
						pgcopy_names_list(left_out, SHOWN_NAMES))));
}

static void
append_member(StringInfo json, const char *name, const char *value)
{
	appendStringInfoString(json, ", ");
	escape_json(json, name);
	appendStringInfoString(json, ": ");
	if (value == NULL)
		appendStringInfoString(json, "null");
	else
		escape_json(json, value);
}

char *
pgcopy_choose_to_json(const List *databases)
{
	StringInfoData json;
	ListCell   *lc;

	initStringInfo(&json);
	appendStringInfoChar(&json, '[');
	foreach(lc, databases)
	{
		const ServerDatabase *database = lfirst(lc);

		appendStringInfo(&json, "%s{\"no\": %d, \"bytes\": " INT64_FORMAT,
						 json.len > 1 ? ", " : "", database->no, database->bytes);
		append_member(&json, "name", database->name);
		append_member(&json, "state", database->state);
		append_member(&json, "encoding", database->encoding);
		append_member(&json, "provider", database->provider);
		append_member(&json, "collate", database->collate);
		append_member(&json, "ctype", database->ctype);
		append_member(&json, "locale", database->locale);
		append_member(&json, "icu_rules", database->icu_rules);
		append_member(&json, "owner", database->owner);
		append_member(&json, "tablespace", database->tablespace);
		append_member(&json, "message", is_left_out(database) ?
					  "a template, or without connections on the source" : NULL);
		appendStringInfoChar(&json, '}');
	}
	appendStringInfoChar(&json, ']');
	return json.data;
}
