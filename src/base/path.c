/*-------------------------------------------------------------------------
 *
 * path.c
 *	  A search_path that somebody else has written.
 *
 * Statements of the dump and values of the source name what is in pg_catalog
 * without a schema.  So pg_catalog stays first whatever a path says, and the
 * temporary schema last.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/varlena.h"

#include "base/path.h"

/* Split a path into names; returns false if it is none. */
static bool
split(const char *path, List **names)
{
	return SplitIdentifierString(pstrdup(path), ',', names);
}

bool
pgcopy_path_is_valid(const char *path)
{
	List	   *names;

	return split(path, &names);
}

char *
pgcopy_path_make_safe(const char *path)
{
	StringInfoData safe;
	List	   *names;
	ListCell   *lc;

	if (!split(path, &names))
		return NULL;
	initStringInfo(&safe);
	appendStringInfoString(&safe, "pg_catalog");
	foreach(lc, names)
	{
		const char *name = lfirst(lc);

		if (strcmp(name, "pg_catalog") != 0 && strcmp(name, "pg_temp") != 0)
			appendStringInfo(&safe, ", %s", quote_identifier(name));
	}
	appendStringInfoString(&safe, ", pg_temp");
	return safe.data;
}
