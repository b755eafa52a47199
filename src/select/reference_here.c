/*-------------------------------------------------------------------------
 *
 * reference_here.c
 *	  Foreign keys of tables that exist, into which a subset is loaded.
 *
 * They are enforced while rows come, so they cannot stay NOT VALID.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"

#include "select/reference_sql.h"

/* The name of a key here from one table to another; NULL if there is none. */
static char *
find_key(Oid referencing, Oid referenced)
{
	Relation	relation = table_open(referencing, AccessShareLock);
	char	   *name = NULL;
	ListCell   *lc;

	foreach(lc, RelationGetFKeyList(relation))
	{
		const ForeignKeyCacheInfo *key = lfirst(lc);

		if (key->confrelid == referenced)
			name = get_constraint_name(key->conoid);
	}
	table_close(relation, AccessShareLock);
	return name;
}

char *
pgcopy_reference_here_find(const ReferenceGraph *graph, const ForeignKey *key)
{
	Oid			referencing =
		pgcopy_reference_graph_find(graph, key->referencing)->relation->here;
	Oid			referenced =
		pgcopy_reference_graph_find(graph, key->referenced)->relation->here;

	return OidIsValid(referencing) && OidIsValid(referenced) ?
		find_key(referencing, referenced) : NULL;
}
