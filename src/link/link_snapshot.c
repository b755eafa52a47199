/*-------------------------------------------------------------------------
 *
 * link_snapshot.c
 *	  The snapshot of a link: taken, imported, kept, found again.
 *
 * Every session that imports a snapshot exports it again, under a name of its
 * own.  So the snapshot lives as long as any session that has it, and one whose
 * session is lost takes it from another's.
 *
 * A snapshot protects rows, not tables (source/snapshot.c): the session that
 * holds it for all has the locks too.  Between the snapshot and the locks, and
 * while nobody held them, somebody may have changed a table; that is looked for
 * each time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "link/link_private.h"
#include "source/inventory.h"
#include "source/snapshot.h"

/* False when the source is not what the snapshot says, *what: where. */
static bool
lock_relations(SourceLink *link, List **relations, char **what)
{
	*relations = pgcopy_inventory_relations(link->session);
	*what = "a table was dropped";
	return pgcopy_snapshot_lock_all(link->session, *relations) &&
		pgcopy_snapshot_still_true(link->session, what);
}

char *
pgcopy_link_take_snapshot(SourceLink *link, List **relations, char **what)
{
	char	   *name = pgcopy_snapshot_export(link->session);

	pgcopy_link_move(link, LINK_THERE);
	return lock_relations(link, relations, what) ? name : NULL;
}

/* The session has imported the snapshot, and holds it under this name. */
static void
hold_snapshot(SourceLink *link, const char *name)
{
	List	   *relations;
	char	   *what;

	pgcopy_link_move(link, LINK_THERE);
	if (!lock_relations(link, &relations, &what))
		link->owner.report_changed(link->owner.arg, what);
	link->owner.set_snapshot(link->owner.arg, name);
}

static void
keep_content(SourceLink *link, const char *content)
{
	Assert(link->content == NULL);
	link->content = MemoryContextStrdup(link->context, content);
}

bool
pgcopy_link_import_snapshot(SourceLink *link, const char *name,
							const char *content)
{
	char	   *own_name = pgcopy_snapshot_try_import(link->session, name,
													  content);

	if (own_name == NULL)
		return false;
	keep_content(link, content ? content :
				 pgcopy_snapshot_content(link->session));
	hold_snapshot(link, own_name);
	return true;
}

const char *
pgcopy_link_keep_snapshot(SourceLink *link)
{
	Assert(link->state == LINK_THERE);
	keep_content(link, pgcopy_snapshot_content(link->session));
	return link->content;
}

char *
pgcopy_link_find_snapshot(SourceSession *session, List *names,
						  const char *content)
{
	ListCell   *lc;

	foreach(lc, names)
	{
		char	   *name = pgcopy_snapshot_try_import(session, lfirst(lc), content);

		if (name != NULL)
			return name;
	}
	return NULL;
}

void
pgcopy_link_snapshot_rejoin(SourceLink *link)
{
	List	   *names = link->owner.get_snapshots(link->owner.arg);
	char	   *name = pgcopy_link_find_snapshot(link->session, names,
												 link->content);

	if (name != NULL)
		hold_snapshot(link, name);
}
