/*-------------------------------------------------------------------------
 *
 * following_changes.c
 *	  Has the source been changed by DDL, which the stream does not carry?
 *
 * What was cloned is written down once, as texts in pgcopy.follow, so that a later leader
 * compares with the same.  A picture of many tables is large: only its hash is kept in
 * memory, and the other is read when they differ.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "run/following.h"
#include "stream/changes.h"

/* Time between two looks, in seconds; and how many times as long as a look it is. */
#define LOOK_INTERVAL 60
#define LOOK_SHARE 200

static uint64
hash_picture(const List *facts)
{
	uint64		hash = 0;
	ListCell   *lc;

	foreach(lc, facts)
	{
		const StreamFact *fact = lfirst(lc);

		hash = hash_combine64(hash, hash_bytes_extended((const unsigned char *) fact->object,
														strlen(fact->object), 0));
		hash = hash_combine64(hash, hash_bytes_extended((const unsigned char *) fact->definition,
														strlen(fact->definition), 0));
	}
	return hash;
}

static List *
list_texts(const List *facts)
{
	List	   *texts = NIL;
	ListCell   *lc;

	foreach(lc, facts)
	{
		const StreamFact *fact = lfirst(lc);

		texts = lappend(lappend(texts, fact->object), fact->definition);
	}
	return texts;
}

/* The picture that was written down, in a transaction; NIL: there is none. */
static List *
read_picture(int64 job)
{
	List	   *texts = pgcopy_follow_fetch_picture(job);
	List	   *facts = NIL;

	for (int i = 0; i + 1 < list_length(texts); i += 2)
	{
		StreamFact *fact = palloc(sizeof(StreamFact));

		fact->object = list_nth(texts, i);
		fact->definition = list_nth(texts, i + 1);
		facts = lappend(facts, fact);
	}
	return facts;
}

List *
pgcopy_following_picture(Leader *leader, SourceSession *session)
{
	MemoryContext caller = CurrentMemoryContext;
	const char *only;

	pgcopy_leader_begin(leader);
	MemoryContextSwitchTo(caller);
	only = pgcopy_chosen_planned(leader);
	pgcopy_leader_commit(leader);
	MemoryContextSwitchTo(caller);
	return pgcopy_changes_picture(session, only);
}

void
pgcopy_following_keep_picture(Leader *leader, SourceSession *session)
{
	List	   *facts = pgcopy_changes_picture(session, pgcopy_chosen_planned(leader));

	pgcopy_follow_set_picture(leader->job->id, list_texts(facts));
}

char *
pgcopy_following_find_changes(Leader *leader, List *picture)
{
	MemoryContext caller = CurrentMemoryContext;
	List	   *before;
	char	   *changes;

	pgcopy_leader_begin(leader);
	before = read_picture(leader->job->id);
	MemoryContextSwitchTo(caller);
	changes = before == NIL ? NULL : pgcopy_changes_describe(before, picture);
	pgcopy_leader_commit(leader);
	MemoryContextSwitchTo(caller);
	return changes;
}

/* Learn what was cloned; if nobody has written that down, take the source as it is now. */
static void
learn_picture(Following *following, const List *now)
{
	Leader	   *leader = following->leader;
	List	   *before;

	pgcopy_leader_begin(leader);
	before = read_picture(leader->job->id);
	if (before == NIL)
		pgcopy_follow_set_picture(leader->job->id, list_texts(now));
	following->picture = hash_picture(before != NIL ? before : now);
	following->has_picture = true;
	pgcopy_leader_commit(leader);
}

/* Keep how the source differs from what was cloned; NULL: it does not. */
static void
note_changes(Following *following, const char *changes)
{
	Leader	   *leader = following->leader;
	char	   *seen = following->follow->changes_seen;
	bool		is_new = changes != NULL && (seen == NULL || strcmp(seen, changes) != 0);

	pgcopy_leader_begin(leader);
	pgcopy_follow_set_changes(leader->job->id, changes);
	pgcopy_leader_commit(leader);
	following->follow->changes_seen =
		changes ? MemoryContextStrdup(following->context, changes) : NULL;
	if (seen != NULL)
		pfree(seen);
	if (is_new)
		ereport(LOG,
				(errmsg("job " INT64_FORMAT ": definitions on the source have changed: %s",
						leader->job->id, following->follow->changes_seen),
				 errhint("The stream does not carry them: make the same changes here.")));
}

void
pgcopy_following_compare(Following *following)
{
	TimestampTz begun = GetCurrentTimestamp();
	List	   *now = pgcopy_following_picture(following->leader, following->session);
	TimestampTz ended;

	if (!following->has_picture)
		learn_picture(following, now);
	MemoryContextSwitchTo(following->look_context);
	if (hash_picture(now) != following->picture)
		note_changes(following, pgcopy_following_find_changes(following->leader, now));
	else if (following->follow->changes_seen != NULL)
		note_changes(following, NULL);
	MemoryContextSwitchTo(following->look_context);
	ended = GetCurrentTimestamp();
	following->next_picture =
		ended + Max(LOOK_INTERVAL * USECS_PER_SEC, (ended - begun) * LOOK_SHARE);
}
