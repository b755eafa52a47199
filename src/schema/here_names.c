/*-------------------------------------------------------------------------
 *
 * here_names.c
 *	  Names of this database that look like names that are missing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "base/similar.h"
#include "schema/here_private.h"
#include "source/names.h"

/* Look for so many names only. */
#define MOST_NAMES 10

static const char tables_sql[] =
"SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)"
" FROM pg_catalog.pg_class AS c"
" JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace"
" WHERE c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p}'::pg_catalog.\"char\"[])"
" AND n.nspname OPERATOR(pg_catalog.!~) '^pg_'"
" AND n.nspname OPERATOR(pg_catalog.<>) ALL ('{information_schema,pgcopy}'::pg_catalog.name[])"
" ORDER BY 1";

List *
pgcopy_here_names_add_nearest(List *names)
{
	List	   *candidates = names == NIL ? NIL : pgcopy_names_query(tables_sql);
	ListCell   *lc;

	foreach(lc, names)
	{
		char	   *nearest = foreach_current_index(lc) < MOST_NAMES ?
			pgcopy_similar_nearest(lfirst(lc), candidates) : NULL;

		if (nearest != NULL)
			lfirst(lc) = psprintf("%s (here is %s)", (char *) lfirst(lc), nearest);
	}
	return names;
}
