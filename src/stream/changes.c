/*-------------------------------------------------------------------------
 *
 * changes.c
 *	  DDL on the source that a stream does not carry: how pictures differ.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

#include "stream/changes.h"

/* How many differences are described, and how much of a name, in bytes. */
#define SHOWN_CHANGES 5
#define SHOWN_BYTES 150

/* The beginnings of facts about values, and about what is published. */
#define DATA "data of "
#define FILE_OF "file of "
#define PUBLICATION "publication "
#define PUBLICATION_OF "publication of "

static bool
begins_with(const char *text, const char *beginning)
{
	return strncmp(text, beginning, strlen(beginning)) == 0;
}

static const StreamFact *
find_fact(List *facts, const char *object)
{
	int			from = 0;
	int			to = list_length(facts);

	while (from < to)
	{
		int			middle = (from + to) / 2;
		const StreamFact *fact = list_nth(facts, middle);
		int			order = strcmp(fact->object, object);

		if (order == 0)
			return fact;
		if (order < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return NULL;
}

static bool
is_settled(List *settled, const char *object)
{
	int			from = 0;
	int			to = list_length(settled);

	while (from < to)
	{
		int			middle = (from + to) / 2;
		int			order = strcmp(list_nth(settled, middle), object);

		if (order == 0)
			return true;
		if (order < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return false;
}

/*
 * Is it a part of an object that only this picture has?  That one is told.  A name may
 * have " of " in it too: it ends where an object begins.
 */
static bool
is_part_of_told(const StreamFact *fact, List *facts, List *others)
{
	const char *of = fact->object;

	while ((of = strstr(of, " of ")) != NULL)
	{
		of += strlen(" of ");
		if (find_fact(facts, of) != NULL && find_fact(others, of) == NULL)
			return true;
	}
	return false;
}

typedef struct Description
{
	StringInfoData text;
	int			count;
} Description;

static void
describe(Description *description, const StreamFact *fact, const char *what)
{
	int			length = strlen(fact->object);

	/* there are none before the first GRANT */
	if (begins_with(fact->object, "privileges "))
		what = "were changed";
	if (description->count++ >= SHOWN_CHANGES)
		return;
	if (length > SHOWN_BYTES)
		length = pg_mbcliplen(fact->object, length, SHOWN_BYTES);
	appendStringInfo(&description->text, "%s%.*s %s", description->count > 1 ? "; " : "",
					 length, fact->object, what);
}

/* Leave out the facts about settled objects. */
static List *
drop_settled(List *facts, List *settled)
{
	List	   *kept = NIL;
	ListCell   *lc;

	if (settled == NIL)
		return facts;
	foreach(lc, facts)
	{
		if (!is_settled(settled, ((const StreamFact *) lfirst(lc))->object))
			kept = lappend(kept, lfirst(lc));
	}
	return kept;
}

/* Does another picture have this fact? */
static bool
has_fact(List *facts, const StreamFact *fact)
{
	const StreamFact *other = find_fact(facts, fact->object);

	return other != NULL && strcmp(other->definition, fact->definition) == 0;
}

/*
 * Is it about rows that are other ones now?  Changes of a table that was taken out of the
 * publication, and is still there, are lost; and a column has got new values.
 */
static bool
is_loss(const StreamFact *fact, List *after)
{
	if (begins_with(fact->object, DATA))
		return find_fact(after, fact->object) != NULL;
	if (!begins_with(fact->object, PUBLICATION))
		return false;
	return !begins_with(fact->object, PUBLICATION_OF) ||
		find_fact(after, fact->object + strlen(PUBLICATION_OF)) != NULL;
}

List *
pgcopy_changes_list(List *before, List *after)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, before)
	{
		const StreamFact *fact = lfirst(lc);

		if (!has_fact(after, fact) && !is_loss(fact, after))
			names = lappend(names, fact->object);
	}
	foreach(lc, after)
	{
		const StreamFact *fact = lfirst(lc);

		if (find_fact(before, fact->object) == NULL)
			names = lappend(names, fact->object);
	}
	return names;
}

static int
compare_names(const ListCell *a, const ListCell *b)
{
	return strcmp(lfirst(a), lfirst(b));
}

/* The rows of a table that is new are copied, whatever they are. */
static bool
is_data_of_new(const char *object, List *before, List *after)
{
	const StreamFact fact = {.object = unconstify(char *, object)};

	return (begins_with(object, DATA) || begins_with(object, FILE_OF)) &&
		is_part_of_told(&fact, after, before);
}

List *
pgcopy_changes_find_alike(List *objects, List *before, List *after, List *there, List *here)
{
	List	   *alike = NIL;
	ListCell   *lc;

	foreach(lc, objects)
	{
		const char *object = lfirst(lc);
		const StreamFact *fact = find_fact(there, object);
		bool		is_gone = fact == NULL && find_fact(after, object) == NULL &&
			find_fact(here, object) == NULL;

		if (is_gone || is_data_of_new(object, before, after) ||
			(fact != NULL && has_fact(here, fact)))
			alike = lappend(alike, lfirst(lc));
	}
	list_sort(alike, compare_names);
	return alike;
}

char *
pgcopy_changes_describe(List *before, List *after, List *settled)
{
	Description description = {.count = 0};
	int			i = 0;
	int			j = 0;

	initStringInfo(&description.text);
	before = drop_settled(before, settled);
	after = drop_settled(after, settled);
	while (i < list_length(before) || j < list_length(after))
	{
		const StreamFact *old = i < list_length(before) ? list_nth(before, i) : NULL;
		const StreamFact *new = j < list_length(after) ? list_nth(after, j) : NULL;
		int			order = old == NULL ? 1 : new == NULL ? -1 : strcmp(old->object, new->object);

		if (order < 0 && !is_part_of_told(old, before, after))
			describe(&description, old, "was dropped");
		if (order > 0 && !is_part_of_told(new, after, before))
			describe(&description, new, "was created");
		if (order == 0 && strcmp(old->definition, new->definition) != 0)
			describe(&description, new, "was changed");
		i += order <= 0;
		j += order >= 0;
	}
	if (description.count > SHOWN_CHANGES)
		appendStringInfo(&description.text, "; and %d more", description.count - SHOWN_CHANGES);
	return description.count > 0 ? description.text.data : NULL;
}
