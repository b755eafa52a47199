/*-------------------------------------------------------------------------
 *
 * subscribe.c
 *	  Hand the copied tables over to a subscription.
 *
 * One transaction, on disk when it ends, creates the subscription, gives it the
 * tables, and enables it.  A table read under the slot's own snapshot takes all that
 * the slot sends, one read under a later snapshot what was committed after that.
 *
 * PostgreSQL skips without a word what has no row in pg_subscription_rel.  So each
 * relation that the source sends gets one, and each of the plan must be sent.  A
 * partition that the source got meanwhile takes all that is sent, since it is younger
 * than the slot, but somebody must have created it here.  Only what is copied again in
 * the cutover may be sent and is to be skipped: trees that turned out to need routing
 * (run/reroute.c), and what else is in a publication of the DBA's.  Whoever asks for a cutover
 * learns if that is not so any more.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "base/testpoint.h"
#include "catalog/notice.h"
#include "replica/applied.h"
#include "replica/subscription.h"
#include "run/follow.h"
#include "source/inventory.h"
#include "source/names.h"

/* While tables wait: time between looks, ms, and between looks at the slot. */
#define READY_LOOK_PAUSE 200
#define SLOT_CHECK_INTERVAL (10 * USECS_PER_SEC)

/* The connection of the subscription's worker, who keeps to no host; secret. */
static char *
make_conninfo(Leader *leader)
{
	SourceConninfo *conninfo = pgcopy_conninfo_resolve(leader->job->conninfo,
													   leader->args.owner);
	const char *database = pgcopy_conninfo_get(conninfo, "dbname");
	char	   *string = pgcopy_conninfo_string_make(conninfo);

	return database != NULL ?
		pgcopy_conninfo_string_add_database(string, database) : string;
}

/* PostgreSQL fails over a publication that does not exist. */
static List *
list_publications(Leader *leader, const Follow *follow)
{
	List	   *names = list_make1(follow->publication);
	ListCell   *lc;

	if (!follow->is_our_publication)
		return names;
	foreach(lc, pgcopy_follow_relations(leader->job->id))
	{
		if (((const FollowRelation *) lfirst(lc))->carry == CARRY_INSERTS)
			return lappend(names, pgcopy_follow_inserts_name(follow));
	}
	return names;
}

static Oid
create_subscription(Leader *leader, const Follow *follow)
{
	SubscriptionOrder order = {
		.name = follow->name,
		.conninfo = make_conninfo(leader),
		.publications = list_publications(leader, follow),
		.source_version = pgcopy_session_version(pgcopy_link_session(leader->link))
	};

	return pgcopy_subscription_create(&order);
}

/* List relations of the source, by their OIDs, as far as they are there. */
static List *
list_relations(SourceSession *session, List *oids)
{
	return oids == NIL ? NIL :
		pgcopy_inventory_relations(session, pgcopy_names_oids_literal(oids));
}

static void
throw_unsent(Leader *leader, List *relations)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the source's publication has lost %d tables", list_length(relations)),
			 errdetail("The first is %s.", pgcopy_inventory_quoted_name(linitial(relations))),
			 errhint("SELECT pgcopy_resume(" INT64_FORMAT ", consistent => true) reads all tables again and follows from then on.",
					 leader->job->id)));
}

static void
throw_missing(Leader *leader, const SourceRelation *relation)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the source sends changes of a table that is not here: %s",
					pgcopy_inventory_quoted_name(relation)),
			 errdetail("It is new on the source."),
			 errhint("Create it here as it is there, without rows, then SELECT pgcopy_resume(" INT64_FORMAT ").",
					 leader->job->id)));
}

/* Add the tables of the plan.  Returns their OIDs on the source. */
static List *
add_planned(Leader *leader, const Follow *follow, Oid subscription)
{
	List	   *added = NIL;
	ListCell   *lc;

	foreach(lc, pgcopy_follow_relations(leader->job->id))
	{
		const FollowRelation *relation = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (relation->relkind != RELKIND_RELATION || !pgcopy_follow_is_sent(relation->carry))
			continue;
		pgcopy_subscription_add_relation(subscription, relation->target_oid,
										 relation->lsn > follow->start_lsn ?
										 relation->lsn : InvalidXLogRecPtr);
		added = lappend_oid(added, relation->source_oid);
	}
	list_sort(added, list_oid_cmp);
	return added;
}

/* Add partitions that the source has got since. */
static void
add_younger(Leader *leader, Oid subscription, List *oids)
{
	ListCell   *lc;

	foreach(lc, list_relations(pgcopy_link_session(leader->link), oids))
	{
		const SourceRelation *relation = lfirst(lc);
		Oid			schema = get_namespace_oid(relation->schema, true);
		Oid			here = OidIsValid(schema) ?
			get_relname_relid(relation->name, schema) : InvalidOid;

		if (!OidIsValid(here) || get_rel_relkind(here) != RELKIND_RELATION)
			throw_missing(leader, relation);
		pgcopy_subscription_add_relation(subscription, here, InvalidXLogRecPtr);
	}
}

/*
 * List tables of the plan whose changes the stream is to carry, or is not to: OIDs on
 * the source, ascending.
 */
static List *
list_planned(Leader *leader, bool is_sent)
{
	List	   *oids = NIL;
	ListCell   *lc;

	foreach(lc, pgcopy_follow_relations(leader->job->id))
	{
		const FollowRelation *relation = lfirst(lc);

		if (relation->relkind == RELKIND_RELATION &&
			pgcopy_follow_is_sent(relation->carry) == is_sent)
			oids = lappend_oid(oids, relation->source_oid);
	}
	list_sort(oids, list_oid_cmp);
	return oids;
}

/*
 * List what the slot sends and we want: a publication that is not ours may send tables
 * whose changes arrive in another way, or not at all.
 */
static List *
list_wanted(Leader *leader, SourceSession *session, const Follow *follow)
{
	return list_difference_oid(pgcopy_handover_sent(session, follow),
							   list_planned(leader, false));
}

/* LinkAttempt. */
static LinkOutcome
try_subscribe(void *arg, char **what)
{
	Leader	   *leader = arg;
	Follow	   *follow = pgcopy_follow_fetch(leader->job->id);
	List	   *sent;
	List	   *added;
	List	   *unsent;
	Oid			subscription;

	pgcopy_link_open(leader->link);
	sent = list_wanted(leader, pgcopy_link_session(leader->link), follow);
	pgcopy_subscription_drop(follow->name); /* of an earlier stream */
	subscription = create_subscription(leader, follow);
	added = add_planned(leader, follow, subscription);
	unsent = list_relations(pgcopy_link_session(leader->link),
							list_difference_oid(added, sent));
	if (unsent != NIL)
		throw_unsent(leader, unsent);
	add_younger(leader, subscription, list_difference_oid(sent, added));
	pgcopy_subscription_enable(subscription, follow->name);
	pgcopy_follow_set_subscription(leader->job->id, subscription);
	PGCOPY_TEST_POINT("handover", "subscribed");
	ForceSyncCommit();
	return ATTEMPT_DONE;
}

/* Does the subscription apply what the source sends for a relation? */
static bool
is_known_here(const SourceRelation *relation, List *known)
{
	Oid			schema = get_namespace_oid(relation->schema, true);

	return OidIsValid(schema) &&
		list_member_oid(known, get_relname_relid(relation->name, schema));
}

static char *
name_relations(List *relations, const char *fault)
{
	StringInfoData names;
	ListCell   *lc;

	initStringInfo(&names);
	foreach(lc, relations)
		appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "",
						 pgcopy_inventory_quoted_name(lfirst(lc)));
	return names.len == 0 ? NULL : psprintf("%s: %s", fault, names.data);
}

/* Of the relations that are sent, those that the subscription does not know. */
static List *
find_unknown(SourceSession *session, const Follow *follow, List *sent)
{
	List	   *known = pgcopy_subscription_relations(follow->subscription);
	List	   *unknown = NIL;
	ListCell   *lc;

	foreach(lc, list_relations(session, sent))
	{
		if (!is_known_here(lfirst(lc), known))
			unknown = lappend(unknown, lfirst(lc));
	}
	return unknown;
}

List *
pgcopy_subscribe_find_unapplied(Leader *leader, SourceSession *session)
{
	MemoryContext caller = CurrentMemoryContext;
	const Follow *follow;
	List	   *unknown;

	pgcopy_leader_begin(leader);
	MemoryContextSwitchTo(caller);
	follow = pgcopy_follow_fetch(leader->job->id);
	unknown = find_unknown(session, follow, list_wanted(leader, session, follow));
	pgcopy_leader_commit(leader);
	MemoryContextSwitchTo(caller);
	return unknown;
}

char *
pgcopy_subscribe_find_skipped(Leader *leader, SourceSession *session)
{
	MemoryContext caller = CurrentMemoryContext;
	const Follow *follow;
	List	   *sent;
	List	   *unsent;
	char	   *skipped;

	pgcopy_leader_begin(leader);
	MemoryContextSwitchTo(caller);
	follow = pgcopy_follow_fetch(leader->job->id);
	sent = list_wanted(leader, session, follow);
	unsent = list_difference_oid(list_planned(leader, true), sent);
	skipped = name_relations(list_relations(session, unsent), "no longer published");
	if (skipped == NULL)
		skipped = name_relations(find_unknown(session, follow, sent), "sent, but not applied here");
	pgcopy_leader_commit(leader);
	MemoryContextSwitchTo(caller);
	return skipped;
}

/* Make the subscription; the source may be away for a while. */
static void
subscribe(Leader *leader)
{
	pgcopy_link_close(leader->link);
	(void) pgcopy_link_read(leader->link, try_subscribe, leader);
	pgcopy_link_close(leader->link);
}

static void
throw_gone(Leader *leader, const Follow *follow)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the subscription \"%s\" of job " INT64_FORMAT " is gone",
					follow->name, leader->job->id),
			 errhint("SELECT pgcopy_resume(" INT64_FORMAT ", consistent => true) reads all tables again and follows from then on.",
					 leader->job->id)));
}

/* Enable it again: a job that is cancelled disables it. */
static void
go_on(Leader *leader, const Follow *follow)
{
	pgcopy_leader_begin(leader);
	if (pgcopy_subscription_find(follow->name) != follow->subscription)
		throw_gone(leader, follow);
	pgcopy_subscription_enable(follow->subscription, follow->name);
	ForceSyncCommit();
	pgcopy_leader_commit(leader);
}

static Follow *
fetch_follow(Leader *leader)
{
	Follow	   *follow;

	pgcopy_leader_begin(leader);
	MemoryContextSwitchTo(leader->context);
	follow = pgcopy_follow_fetch(leader->job->id);
	pgcopy_leader_commit(leader);
	return follow;
}

/* Without a free slot for its worker nothing comes. */
static void
await_start(Leader *leader, Oid subscription)
{
	if (pgcopy_subscription_await_start(subscription))
		return;
	pgcopy_leader_begin(leader);
	pgcopy_notice_tell(leader->job->id, NULL,
					   "the worker of the subscription has not started yet",
					   "See the server log; raise max_logical_replication_workers and max_worker_processes, which it shares with this job.");
	pgcopy_leader_commit(leader);
}

/* How many tables have not reached the position that all others have? */
static int
count_waiting(Leader *leader, Oid subscription)
{
	Applied		applied;

	pgcopy_leader_begin(leader);
	pgcopy_applied_look(subscription, &applied);
	pgcopy_leader_commit(leader);
	return applied.waiting;
}

/*
 * Wait until the stream has passed the snapshots of all tables: before, rows of two
 * tables are of two moments, and foreign keys may not hold.
 */
static void
await_one_moment(Leader *leader, Oid subscription)
{
	TimestampTz next_check = GetCurrentTimestamp() + SLOT_CHECK_INTERVAL;
	int			waiting;

	while ((waiting = count_waiting(leader, subscription)) > 0)
	{
		char		message[CONTROL_MESSAGE_LENGTH];

		snprintf(message, sizeof(message),
				 "waiting until the changes since their snapshots have come to %d tables", waiting);
		pgcopy_progress_set_message(leader->progress, message);
		pgcopy_process_wait(READY_LOOK_PAUSE);
		if (GetCurrentTimestamp() < next_check)
			continue;
		pgcopy_handover_check_slot(leader);
		next_check = GetCurrentTimestamp() + SLOT_CHECK_INTERVAL;
	}
	pgcopy_progress_set_message(leader->progress, NULL);
}

/*
 * Workers of ours go first, and come again for what is left to do: the subscription's
 * needs a slot of max_worker_processes.
 */
void
pgcopy_subscribe_run(Leader *leader)
{
	Follow	   *follow = fetch_follow(leader);

	if (follow->is_open)
		return;
	pgcopy_workers_dismiss(leader->workers);
	if (OidIsValid(follow->subscription))
		go_on(leader, follow);
	else
		subscribe(leader);
	follow = fetch_follow(leader);
	await_start(leader, follow->subscription);
	await_one_moment(leader, follow->subscription);
}
