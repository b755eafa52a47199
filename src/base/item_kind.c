/*-------------------------------------------------------------------------
 *
 * item_kind.c
 *	  The kinds of items, and what is true of each.
 *
 * Whoever treats kinds differently asks this table; only who makes an item
 * (plan/plan.c) and who does it (run/work.c) knows a kind by itself.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/item_kind.h"

static const ItemTraits traits[] = {
	[ITEM_PRE_DATA] = {"pre-data", .is_statement = true, .is_tried = true},
	[ITEM_TABLE] = {"table", RowExclusiveLock, RowExclusiveLock,
		.needs_snapshot = true, .needs_source = true, .is_batched = true,
	.is_of_table = true, .evaluates = true},
	[ITEM_LARGE_OBJECTS] = {"large objects", .needs_snapshot = true,
	.needs_source = true},
	[ITEM_INDEX] = {"index", ShareLock, ShareLock, .is_statement = true,
	.sorts = true, .is_batched = true, .is_of_table = true, .evaluates = true},
	[ITEM_CONSTRAINT] = {"constraint", AccessExclusiveLock, AccessExclusiveLock,
	.is_statement = true, .sorts = true, .is_batched = true, .is_of_table = true},
	[ITEM_ANALYZE] = {"analyze", ShareUpdateExclusiveLock, ShareUpdateExclusiveLock,
	.is_batched = true, .is_of_table = true, .evaluates = true},
	[ITEM_FOREIGN_KEY] = {"foreign key", ShareRowExclusiveLock, ShareRowExclusiveLock,
	.is_statement = true},
	[ITEM_VALIDATE] = {"validate", ShareUpdateExclusiveLock, RowShareLock,
	.is_statement = true, .sorts = true, .evaluates = true},
	[ITEM_SEQUENCE] = {"sequences", .needs_source = true},
	[ITEM_POST_DATA] = {"post-data", .is_statement = true},
	[ITEM_REFRESH] = {"refresh", .is_statement = true, .sorts = true,
	.evaluates = true},
	[ITEM_TRUNCATE] = {"truncate", .is_statement = true},
	[ITEM_FINAL] = {"final", .is_statement = true},
	[ITEM_ROLE] = {"role", .is_statement = true},
	[ITEM_DATABASE] = {"database", .is_statement = true},
};

StaticAssertDecl(lengthof(traits) == ITEM_KINDS, "each kind has its traits");

const ItemTraits *
pgcopy_item_kind_traits(ItemKind kind)
{
	Assert((int) kind < ITEM_KINDS);
	return &traits[kind];
}

ItemKind
pgcopy_item_kind_parse(const char *name)
{
	for (int i = 0; i < ITEM_KINDS; i++)
	{
		if (strcmp(traits[i].name, name) == 0)
			return (ItemKind) i;
	}
	elog(ERROR, "unknown kind of item \"%s\"", name);
}
