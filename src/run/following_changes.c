/*-------------------------------------------------------------------------
 *
 * following_changes.c
 *	  Has the source been changed by DDL, which the stream does not carry?
 *
 * What was cloned is written down once, as texts in pgcopy.follow, so that a later leader
 * compares with the same.  A picture of many tables is large: only its hash is kept in
 * memory, and the other is read when they differ.
 *
 * A change is settled, and shown no more, once the same was done here: what has changed
 * on the source is compared with its like here, and only that, since servers of two
 * versions may write one definition in two ways.
 *
 * What the stream skips is looked for beside, by the relations that are sent.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "catalog/query.h"
#include "run/add.h"
#include "run/following.h"
#include "stream/changes.h"

/* Time between two looks, in seconds; and how many times as long as a look it is. */
#define LOOK_INTERVAL 60
#define LOOK_SHARE 200

static List *
list_publications(const Follow *follow)
{
	return list_make2(follow->publication, pgcopy_follow_inserts_name(follow));
}

static int
compare_facts(const ListCell *a, const ListCell *b)
{
	return strcmp(((const StreamFact *) lfirst(a))->object,
				  ((const StreamFact *) lfirst(b))->object);
}

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

static char *
write_array(const List *texts)
{
	return OidOutputFunctionCall(F_ARRAY_OUT, pgcopy_query_array_arg(texts, TEXTOID));
}

/* What counts, in a transaction. */
static PictureScope
find_scope(Leader *leader)
{
	const Follow *follow = pgcopy_follow_fetch(leader->job->id);
	PictureScope scope = {
		.only = pgcopy_chosen_planned(leader),
		.publications = write_array(list_publications(follow))
	};

	return scope;
}

List *
pgcopy_following_picture(Leader *leader, SourceSession *session)
{
	MemoryContext caller = CurrentMemoryContext;
	PictureScope scope;

	pgcopy_leader_begin(leader);
	MemoryContextSwitchTo(caller);
	scope = find_scope(leader);
	pgcopy_leader_commit(leader);
	MemoryContextSwitchTo(caller);
	return pgcopy_picture_read(session, &scope);
}

Trace *
pgcopy_following_trace(Leader *leader, SourceSession *session, const Trace *before)
{
	MemoryContext caller = CurrentMemoryContext;
	char	   *publications;

	pgcopy_leader_begin(leader);
	MemoryContextSwitchTo(caller);
	publications = write_array(list_publications(pgcopy_follow_fetch(leader->job->id)));
	pgcopy_leader_commit(leader);
	MemoryContextSwitchTo(caller);
	return pgcopy_trace_read(session, publications, before);
}

void
pgcopy_following_keep_picture(Leader *leader, SourceSession *session)
{
	PictureScope scope = find_scope(leader);
	List	   *facts = pgcopy_picture_read(session, &scope);

	pgcopy_follow_set_picture(leader->job->id, list_texts(facts));
}

static void *
read_fact(int row)
{
	StreamFact *fact = palloc(sizeof(StreamFact));

	fact->object = pgcopy_query_text(row, "object");
	fact->definition = pgcopy_query_text(row, "definition");
	return fact;
}

/* The query is always the same one: plan it once. */
static CatalogQuery *
query_here(void)
{
	static CatalogQuery query = {
		NULL, 5, {TEXTOID, TEXTARRAYOID, OIDOID, INT8OID, TEXTARRAYOID}
	};

	if (query.sql == NULL)
	{
		MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);

		query.sql = pgcopy_picture_write_query_here();
		MemoryContextSwitchTo(caller);
	}
	return &query;
}

/* The facts about objects of this database, in a transaction. */
static List *
spell_here(const Follow *follow, List *objects)
{
	Datum	   *values = QUERY_ARGS((Datum) 0,
									pgcopy_query_array_arg(list_publications(follow), TEXTOID),
									ObjectIdGetDatum(follow->subscription),
									Int64GetDatum(follow->job),
									pgcopy_query_array_arg(objects, TEXTOID));
	List	   *facts = pgcopy_query_fetch(query_here(), values, read_fact);

	list_sort(facts, compare_facts);
	return facts;
}

/* Which of the differences were made here too?  In a transaction. */
static List *
find_settled(Leader *leader, SourceSession *session, List *before, List *now)
{
	List	   *objects = pgcopy_changes_list(before, now);
	PictureScope scope;
	List	   *there;
	List	   *here;

	if (objects == NIL)
		return NIL;
	scope = find_scope(leader);
	there = pgcopy_picture_spell(session, &scope, write_array(objects));
	here = spell_here(pgcopy_follow_fetch(leader->job->id), objects);
	return pgcopy_changes_find_alike(objects, before, now, there, here);
}

char *
pgcopy_following_find_changes(Leader *leader, SourceSession *session, List *picture)
{
	MemoryContext caller = CurrentMemoryContext;
	List	   *before;
	char	   *changes = NULL;

	pgcopy_leader_begin(leader);
	MemoryContextSwitchTo(caller);
	before = read_picture(leader->job->id);
	if (before != NIL)
		changes = pgcopy_changes_describe(before, picture,
										  find_settled(leader, session, before, picture));
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
				 errhint("The stream does not carry them: make the same changes here, in a session with SET default_transaction_read_only = off.")));
}

/* How the source differs now, with what the stream skips first; NULL: not at all. */
static char *
find_trouble(Following *following, List *now)
{
	Leader	   *leader = following->leader;
	List	   *unapplied = pgcopy_subscribe_find_unapplied(leader, following->session);
	char	   *reason = pgcopy_add_partitions(leader, following->session, unapplied);
	char	   *skipped = pgcopy_subscribe_find_skipped(leader, following->session);
	char	   *changes = hash_picture(now) == following->picture ? NULL :
		pgcopy_following_find_changes(leader, following->session, now);

	following->is_skipping = skipped != NULL;
	if (skipped == NULL)
		return changes;
	return psprintf("changes of some tables do not arrive, %s%s%s%s%s%s", skipped,
					reason ? " (" : "", reason ? reason : "", reason ? ")" : "",
					changes ? "; " : "", changes ? changes : "");
}

void
pgcopy_following_compare(Following *following)
{
	TimestampTz begun = GetCurrentTimestamp();
	List	   *now = pgcopy_following_picture(following->leader, following->session);
	char	   *trouble;
	TimestampTz ended;

	if (!following->has_picture)
		learn_picture(following, now);
	MemoryContextSwitchTo(following->look_context);
	trouble = find_trouble(following, now);
	if (trouble != NULL || following->follow->changes_seen != NULL)
		note_changes(following, trouble);
	MemoryContextSwitchTo(following->look_context);
	ended = GetCurrentTimestamp();
	following->next_picture =
		ended + Max(LOOK_INTERVAL * USECS_PER_SEC, (ended - begun) * LOOK_SHARE);
}
