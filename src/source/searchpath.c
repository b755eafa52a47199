/*-------------------------------------------------------------------------
 *
 * searchpath.c
 *	  The search_path that sessions of the source's database have.
 *
 * ALTER DATABASE ... SET is what its users have in common.  A setting of the
 * role that clones comes after it: that role may have nothing to do with what
 * the database is used for.  reset_val has that role's, ALTER ROLE ALL, the
 * server's and the default.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/path.h"
#include "source/searchpath.h"

#define PREFIX "search_path="

static const char path_query[] =
"SELECT COALESCE("
" (SELECT pg_catalog.substr(c.setting, 13)"
" FROM pg_catalog.pg_db_role_setting AS s"
" JOIN pg_catalog.pg_database AS d ON d.oid OPERATOR(pg_catalog.=) s.setdatabase,"
" LATERAL pg_catalog.unnest(s.setconfig) AS c(setting)"
" WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()"
" AND s.setrole OPERATOR(pg_catalog.=) 0::pg_catalog.oid"
" AND pg_catalog.substr(c.setting, 1, 12) OPERATOR(pg_catalog.=) '" PREFIX "'"
" LIMIT 1),"
" (SELECT s.reset_val FROM pg_catalog.pg_settings AS s"
" WHERE s.name OPERATOR(pg_catalog.=) 'search_path'), '')";

char *
pgcopy_searchpath_ask(SourceSession *session)
{
	SourceRows *rows = pgcopy_session_query_row(session, path_query, 1, 0, NULL);
	char	   *path = pstrdup(pgcopy_rows_get(rows, 0, 0));

	pgcopy_rows_free(rows);
	if (!pgcopy_path_is_valid(path))
		path[0] = '\0';
	return path;
}
