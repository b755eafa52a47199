/*-------------------------------------------------------------------------
 *
 * link_snapshot.c
 *	  The snapshot of a link: taken, imported, kept, found again.
 *
 * Every session that imports the snapshot exports it again under its own name.
 * So the snapshot lives as long as any of these sessions, and a new session
 * can import it from any of them.
 *
 * A snapshot protects rows, not tables (source/snapshot.c), so the link's
 * session also holds the locks, and takes them before a new snapshot.  Look for
 * changes each time: a table may be younger than the locks, and DDL may have run
 * while nobody held them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "link/link_private.h"
#include "source/inventory.h"
#include "source/snapshot.h"

static void
set_only(SourceLink *link, const char *only)
{
	if (link->only != NULL)
		pfree(link->only);
	link->only = only != NULL ? MemoryContextStrdup(link->context, only) : NULL;
}

/* Let the owner choose, under the snapshot, what is listed and locked. */
static void
choose_relations(SourceLink *link)
{
	set_only(link, link->owner.choose != NULL ?
			 link->owner.choose(link->owner.arg, link->session) : NULL);
}

/* Return false, with *what, if the source differs from the snapshot. */
static bool
lock_relations(SourceLink *link, List **relations, char **what)
{
	*relations = pgcopy_snapshot_list(link->session, link->only);
	*what = "a table was dropped";
	if (!pgcopy_snapshot_lock_all(link->session, *relations))
		return false;
	pgcopy_snapshot_foresee_true(link->session, link->only);
	pgcopy_snapshot_foresee_same_columns(link->session, link->only);
	pgcopy_inventory_foresee_money(link->session);
	return pgcopy_snapshot_still_true(link->session, link->only, what) &&
		pgcopy_snapshot_has_same_columns(link->session, link->only, what);
}

/* Import what the owner gives, and export it again.  What it sees is locked later. */
static char *
import_given(SourceLink *link)
{
	char	   *name = pgcopy_snapshot_try_import(link->session,
												  link->owner.give_snapshot(link->owner.arg),
												  NULL);

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CONNECTION_FAILURE),
				 errmsg("the source has lost a snapshot that it had just exported")));
	return name;
}

/*
 * Does the snapshot have what was listed just before?  What was found and locked and
 * is not in it would be missing without a word.
 */
static bool
has_all(List *relations, List *listed, char **what)
{
	ListCell   *lc;

	foreach(lc, listed)
	{
		const SourceRelation *relation = lfirst(lc);

		if (pgcopy_inventory_find(relations, relation->oid) != NULL)
			continue;
		*what = psprintf("%s was dropped or replaced", pgcopy_inventory_quoted_name(relation));
		return false;
	}
	return true;
}

/* Are two lists of OIDs the same?  NULL: all. */
static bool
is_same_choice(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

char *
pgcopy_link_take_snapshot(SourceLink *link, const char *present, List **relations,
						  char **what)
{
	const char *choice = present != NULL ? pstrdup(present) : NULL;
	List	   *listed = NIL;
	char	   *name;

	if (link->owner.give_snapshot != NULL)
		name = import_given(link);
	else
	{
		listed = pgcopy_snapshot_list(link->session, choice);
		name = pgcopy_snapshot_lock_and_export(link->session, listed);
	}
	*what = "a table was dropped";
	if (name == NULL)
		return NULL;
	pgcopy_link_move(link, LINK_THERE);
	choose_relations(link);
	if (!lock_relations(link, relations, what) ||
		(is_same_choice(choice, link->only) && !has_all(*relations, listed, what)))
		return NULL;
	return name;
}

void
pgcopy_link_foresee_true(SourceLink *link)
{
	pgcopy_snapshot_foresee_true(link->session, link->only);
}

bool
pgcopy_link_still_true(SourceLink *link, char **what)
{
	return pgcopy_snapshot_still_true(link->session, link->only, what);
}

/* Lock what the imported snapshot sees and publish its name. */
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
							const char *content, const char *only)
{
	char	   *own_name = pgcopy_snapshot_try_import(link->session, name,
													  content);

	if (own_name == NULL)
		return false;
	keep_content(link, content ? content :
				 pgcopy_snapshot_content(link->session));
	set_only(link, only);
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
