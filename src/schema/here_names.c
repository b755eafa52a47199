/*-------------------------------------------------------------------------
 *
 * here_names.c
 *	  Names of this database that look like names that are missing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/varlena.h"

#include "schema/here_private.h"
#include "source/names.h"

/* Look for so many names only, and for names up to so long. */
#define MOST_NAMES 10
#define LONGEST_NAME 255

static const char tables_sql[] =
"SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)"
" FROM pg_catalog.pg_class AS c"
" JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace"
" WHERE c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p}'::pg_catalog.\"char\"[])"
" AND n.nspname OPERATOR(pg_catalog.!~) '^pg_'"
" AND n.nspname OPERATOR(pg_catalog.<>) ALL ('{information_schema,pgcopy}'::pg_catalog.name[])"
" ORDER BY 1";

/* Return the nearest one, NULL if none is near. */
static char *
find_nearest(const char *name, List *candidates)
{
	int			length = (int) strlen(name);
	int			best = Min(length / 3, 5) + 1;
	char	   *nearest = NULL;
	ListCell   *lc;

	foreach(lc, length > LONGEST_NAME ? NIL : candidates)
	{
		const char *candidate = lfirst(lc);
		int			distance;

		CHECK_FOR_INTERRUPTS();
		if (strlen(candidate) > LONGEST_NAME)
			continue;
		distance = varstr_levenshtein_less_equal(name, length, candidate,
												 (int) strlen(candidate),
												 1, 1, 1, best - 1, true);
		if (distance < best)
		{
			best = distance;
			nearest = lfirst(lc);
		}
	}
	return nearest;
}

List *
pgcopy_here_names_add_nearest(List *names)
{
	List	   *candidates = names == NIL ? NIL : pgcopy_names_query(tables_sql);
	ListCell   *lc;

	foreach(lc, names)
	{
		char	   *nearest = foreach_current_index(lc) < MOST_NAMES ?
			find_nearest(lfirst(lc), candidates) : NULL;

		if (nearest != NULL)
			lfirst(lc) = psprintf("%s (here is %s)", (char *) lfirst(lc), nearest);
	}
	return names;
}
