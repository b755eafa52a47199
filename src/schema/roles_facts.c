/*-------------------------------------------------------------------------
 *
 * roles_facts.c
 *	  The roles of a server, from what is known of them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "schema/roles.h"

static Role *
add_role(RoleSet *set, const char *name)
{
	bool		is_known;
	Role	   *role = hash_search(set->by_name, name, HASH_ENTER, &is_known);

	if (is_known)
		return role;
	role->facts = NIL;
	role->is_kept = false;
	role->is_created = false;
	set->roles = lappend(set->roles, role);
	return role;
}

/* Names of another encoding may have grown. */
static void
note_too_long(RoleSet *set, const char *name)
{
	if (set->too_long == NIL || strcmp(llast(set->too_long), name) != 0)
		set->too_long = lappend(set->too_long, unconstify(char *, name));
}

RoleSet *
pgcopy_roles_collect(List *facts)
{
	HASHCTL		ctl = {
		.keysize = NAMEDATALEN,.entrysize = sizeof(Role),.hcxt = CurrentMemoryContext
	};
	RoleSet    *set = palloc0(sizeof(RoleSet));
	ListCell   *lc;

	set->by_name = hash_create("pgcopy roles", 256, &ctl,
							   HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	foreach(lc, facts)
	{
		RoleFact   *fact = lfirst(lc);
		Role	   *role;

		if (strlen(fact->role) >= NAMEDATALEN)
		{
			note_too_long(set, fact->role);
			continue;
		}
		role = add_role(set, fact->role);
		role->facts = lappend(role->facts, fact);
	}
	return set;
}

Role *
pgcopy_roles_find(const RoleSet *set, const char *name)
{
	if (strlen(name) >= NAMEDATALEN)
		return NULL;
	return hash_search(set->by_name, name, HASH_FIND, NULL);
}

const RoleFact *
pgcopy_roles_fact(const Role *role, const char *kind, const char *name)
{
	ListCell   *lc;

	foreach(lc, role->facts)
	{
		const RoleFact *fact = lfirst(lc);

		if (strcmp(fact->kind, kind) == 0 && strcmp(fact->name, name) == 0)
			return fact;
	}
	return NULL;
}

/* Copy a row of the answer into a memory context. */
static RoleFact *
read_fact(MemoryContext context, HeapTuple row, TupleDesc tupdesc)
{
	RoleFact   *fact = MemoryContextAllocZero(context, sizeof(RoleFact));
	const char **fields[] = {
		&fact->kind, &fact->role, &fact->name, &fact->value, &fact->options
	};

	for (int i = 0; i < lengthof(fields); i++)
		*fields[i] = MemoryContextStrdup(context, SPI_getvalue(row, tupdesc, i + 1));
	return fact;
}

/* With an empty search_path: no user's operators are called. */
RoleSet *
pgcopy_roles_here(void)
{
	MemoryContext caller = CurrentMemoryContext;
	int			nest_level = NewGUCNestLevel();
	List	   *facts = NIL;

	(void) set_config_option("search_path", "", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	SPI_connect();
	if (SPI_execute(ROLE_FACTS_SQL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the roles");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		RoleFact   *fact = read_fact(caller, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
		MemoryContext spi = MemoryContextSwitchTo(caller);

		facts = lappend(facts, fact);
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	AtEOXact_GUC(true, nest_level);
	return pgcopy_roles_collect(facts);
}
