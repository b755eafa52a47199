/*-------------------------------------------------------------------------
 *
 * databases.c
 *	  The databases of the source's server.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/memutils.h"

#include "source/databases.h"

/* The columns that a version has: provider, locale of ICU or builtin, its rules. */
#define DATABASES_SQL(provider, locale, rules) \
	"SELECT d.datname, pg_catalog.pg_encoding_to_char(d.encoding), " provider ", " \
	"d.datcollate, d.datctype, " locale ", " rules ", " \
	"pg_catalog.pg_get_userbyid(d.datdba), t.spcname, d.datistemplate, " \
	"d.datallowconn AND d.datconnlimit OPERATOR(pg_catalog.<>) -2, " \
	"CASE WHEN pg_catalog.has_database_privilege(d.oid, 'CONNECT') " \
	"OR pg_catalog.pg_has_role('pg_read_all_stats', 'MEMBER') " \
	"THEN pg_catalog.pg_database_size(d.oid) ELSE 0 END AS bytes " \
	"FROM pg_catalog.pg_database AS d " \
	"JOIN pg_catalog.pg_tablespace AS t ON t.oid OPERATOR(pg_catalog.=) d.dattablespace " \
	"ORDER BY bytes DESC, d.datname::pg_catalog.text COLLATE pg_catalog.\"C\""

#define PROVIDER_SQL \
	"CASE d.datlocprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END"

#define COLUMNS 12

/* Databases to try when the string's own does not let us in. */
static const char *const usual_databases[] = {"postgres", "template1"};

/* May another database of the same server let us in? */
static bool
is_about_database(int sqlerrcode)
{
	return sqlerrcode == ERRCODE_INVALID_CATALOG_NAME ||
		sqlerrcode == ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE ||
		sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE;
}

/*
 * Open a session; returns NULL, and the error, if the database does not let us
 * in.
 */
static SourceSession *
try_database(const SourceConninfo *conninfo, const char *application_name,
			 ErrorData **error)
{
	MemoryContext caller = CurrentMemoryContext;
	SourceSession *volatile session = NULL;

	PG_TRY();
	{
		session = pgcopy_session_open(conninfo, application_name);
	}
	PG_CATCH();
	{
		if (!is_about_database(geterrcode()))
			PG_RE_THROW();
		MemoryContextSwitchTo(caller);
		*error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	return session;
}

SourceSession *
pgcopy_databases_open(const SourceConninfo *conninfo, Oid owner,
					  const char *application_name)
{
	char	   *string = pgcopy_conninfo_string_make(conninfo);
	ErrorData  *first = NULL;
	ErrorData  *error = NULL;
	SourceSession *session = try_database(conninfo, application_name, &first);

	for (int i = 0; session == NULL && i < lengthof(usual_databases); i++)
	{
		const char *other = pgcopy_conninfo_string_add_database(string, usual_databases[i]);

		session = try_database(pgcopy_conninfo_resolve(other, owner), application_name, &error);
	}
	if (session == NULL)
		ReThrowError(first);
	return session;
}

static const char *
databases_sql(int version)
{
	if (version >= 170000)
		return DATABASES_SQL(PROVIDER_SQL, "d.datlocale", "d.daticurules");
	if (version >= 160000)
		return DATABASES_SQL(PROVIDER_SQL, "d.daticulocale", "d.daticurules");
	if (version >= 150000)
		return DATABASES_SQL(PROVIDER_SQL, "d.daticulocale", "NULL::pg_catalog.text");
	return DATABASES_SQL("'libc'", "NULL::pg_catalog.text", "NULL::pg_catalog.text");
}

static SourceDatabase *
read_database(const SourceRows *rows, int i)
{
	SourceDatabase *database = palloc0(sizeof(SourceDatabase));

	database->name = pgcopy_rows_get(rows, i, 0);
	database->encoding = pgcopy_rows_get(rows, i, 1);
	database->provider = pgcopy_rows_get(rows, i, 2);
	database->collate = pgcopy_rows_get(rows, i, 3);
	database->ctype = pgcopy_rows_get(rows, i, 4);
	database->locale = pgcopy_rows_get_or_null(rows, i, 5);
	database->icu_rules = pgcopy_rows_get_or_null(rows, i, 6);
	database->owner = pgcopy_rows_get(rows, i, 7);
	database->tablespace = pgcopy_rows_get(rows, i, 8);
	database->is_template = pgcopy_rows_get_bool(rows, i, 9);
	database->may_connect = pgcopy_rows_get_bool(rows, i, 10);
	database->bytes = pgcopy_rows_get_int64(rows, i, 11);
	if (strlen(database->name) >= NAMEDATALEN || database->name[0] == '\0')
		pgcopy_rows_throw(rows, "The name of a database is empty or too long.");
	if (database->bytes < 0)
		pgcopy_rows_throw(rows, "The size of a database is negative.");
	return database;
}

List *
pgcopy_databases_list(SourceSession *session)
{
	SourceRows *rows = pgcopy_session_query(session,
											databases_sql(pgcopy_session_version(session)),
											COLUMNS, 0, NULL);
	List	   *databases = NIL;

	for (int i = 0; i < pgcopy_rows_count(rows); i++)
		databases = lappend(databases, read_database(rows, i));
	return databases;
}
