/*-------------------------------------------------------------------------
 *
 * handover.c
 *	  Begin the stream: publication, slot, and snapshots that have a position.
 *
 * The first snapshot of a job comes with its slot: it sees what was committed
 * before the slot's start, and the slot sends the rest.  A later one, after the first
 * is lost, comes with a temporary slot.  Tables read under it begin where it ends
 * (run/subscribe.c), so snapshots may be mixed.  If the source cannot export one, as
 * under many rolled-back savepoints, they are taken by lock (handover_lock.c).
 *
 * The publication is made and committed before the slot: decoding a change that is
 * older would fail for ever.  Before either is made, this server has it in writing,
 * on disk, that they may be there.  A slot waits for all transactions that write,
 * and both servers may be one: no transaction of ours may have an xid meanwhile.
 * Notices about the source are told later.
 *
 * Sessions of this file live in the leader's memory, until the link's session has
 * imported the snapshot.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_class.h"
#include "nodes/nodes.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "base/testpoint.h"
#include "replica/subscription.h"
#include "run/following.h"
#include "source/inventory.h"
#include "stream/publication.h"
#include "stream/slot.h"

/* Attempts to make a slot that exports its snapshot. */
#define MOST_EXPORTS 3

/* Seconds that cleaning up waits for a silent source: it must not keep a job from ending. */
static const int clean_up_limit = 10;

struct Handover
{
	MemoryContext context;		/* has the sessions; a reset closes them */
	List	   *relations;		/* SourceRelation *, as chosen before the publication; of
								 * one attempt */
	List	   *findings;		/* about them, to be told; likewise */
	XLogRecPtr	slot_lsn;		/* of a slot that this attempt has made; 0: none */
	XLogRecPtr	lsn;			/* of the snapshot that was given */
	List	   *exact;			/* the tables that this holds for, OIDs; NIL: all */
	bool		is_by_lock;		/* the source could not export one */
};

/* Name a session of ours on the source. */
static char *
name_session(Leader *leader, const char *purpose)
{
	return psprintf("pgcopy job " INT64_FORMAT " %s", leader->job->id, purpose);
}

/* Open one that lives until the snapshot is released. */
static SourceSession *
open_session(Leader *leader, const char *purpose)
{
	MemoryContext caller = MemoryContextSwitchTo(leader->handover->context);
	SourceSession *session = pgcopy_session_open(pgcopy_link_conninfo(leader->link),
												 name_session(leader, purpose));

	MemoryContextSwitchTo(caller);
	return session;
}

void
pgcopy_handover_release(Leader *leader)
{
	if (leader->handover != NULL)
		MemoryContextReset(leader->handover->context);
}

/* Begin an attempt: forget what an earlier one has left. */
static void
begin_attempt(Leader *leader)
{
	if (leader->handover == NULL)
	{
		leader->handover = MemoryContextAllocZero(leader->context, sizeof(Handover));
		leader->handover->context =
			AllocSetContextCreate(leader->context, "pgcopy hand-over",
								  ALLOCSET_DEFAULT_SIZES);
	}
	pgcopy_handover_release(leader);
	leader->handover->slot_lsn = InvalidXLogRecPtr;
	leader->handover->lsn = InvalidXLogRecPtr;
	leader->handover->exact = NIL;
	leader->handover->relations = NIL;
	leader->handover->findings = NIL;
}

/* LinkQuestion: who holds up the slot, for a message; NULL if that cannot be known? */
static char *
find_holder(SourceSession *session, SourceLink *link)
{
	List	   *holders = pgcopy_slot_holders(session);
	int			more = list_length(holders) - 1;

	if (holders == NIL)
		return NULL;
	return more == 0 ? linitial(holders) :
		psprintf("%s, and %d more", (char *) linitial(holders), more);
}

/* SessionWaits: tell for whom the slot waits. */
static void
tell_wait(void *arg, int seconds)
{
	Leader	   *leader = arg;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pgcopy slot wait",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	char	   *holder = seconds > 0 ?
		pgcopy_link_ask_beside(leader->link, find_holder) : NULL;
	char	   *message = NULL;

	if (holder != NULL)
		message = psprintf("the replication slot waits until a transaction on the source ends: %s",
						   holder);
	else if (seconds > 0)
		message = psprintf("waiting for a replication slot on the source, for %d s", seconds);
	pgcopy_progress_set_message(leader->progress, message);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}

static SourceSession *
open_replication(Leader *leader)
{
	MemoryContext caller = MemoryContextSwitchTo(leader->handover->context);
	SourceSession *session = pgcopy_slot_connect(pgcopy_link_conninfo(leader->link),
												 name_session(leader, "slot"));

	MemoryContextSwitchTo(caller);
	pgcopy_session_on_wait(session, tell_wait, leader);
	return session;
}

/* Take a snapshot while what is published, and not read yet, is locked. */
static char *
take_by_lock(Leader *leader, int flags)
{
	Handover   *handover = leader->handover;
	LockedSnapshot snapshot = {
		.locker = open_session(leader, "lock"),
		.reader = open_session(leader, "snapshot")
	};
	List	   *left = flags & SLOT_TEMPORARY ? pgcopy_follow_list_left(leader->job->id) : NIL;
	char	   *name = pgcopy_handover_lock(leader, &snapshot, handover->relations, left,
											&handover->exact);

	handover->lsn = snapshot.lsn;
	handover->is_by_lock = true;
	return name;
}

/*
 * Make the job's slot, or a temporary one, and take a snapshot with it: return the
 * snapshot's name.  Once that has failed, do not wait for it again.
 */
static char *
take_with_slot(Leader *leader, const char *slot, int flags)
{
	Handover   *handover = leader->handover;
	SourceSession *replication;
	char	   *name = NULL;

	if (handover->is_by_lock && flags & SLOT_TEMPORARY)
		return take_by_lock(leader, flags);
	replication = open_replication(leader);
	for (int i = 0; i < MOST_EXPORTS; i++)
	{
		if (pgcopy_slot_create(replication, slot, flags | SLOT_EXPORTS, &name, &handover->lsn))
		{
			handover->slot_lsn = flags & SLOT_TEMPORARY ? InvalidXLogRecPtr : handover->lsn;
			return name;
		}
	}
	if (!(flags & SLOT_TEMPORARY))
		(void) pgcopy_slot_create(replication, slot, 0, NULL, &handover->slot_lsn);
	pgcopy_session_close(replication);
	return take_by_lock(leader, flags);
}

/* Note which relations are published, by the plan. */
static void
read_carry(Leader *leader)
{
	ListCell   *lc;

	foreach(lc, pgcopy_follow_relations(leader->job->id))
	{
		const FollowRelation *planned = lfirst(lc);
		SourceRelation *relation =
			pgcopy_inventory_find(leader->handover->relations, planned->source_oid);

		if (relation != NULL)
			relation->carry = planned->carry;
	}
}

/* Choose what is published, under the source's present catalogs. */
static void
choose(Leader *leader)
{
	Handover   *handover = leader->handover;
	ErrorData  *error;

	handover->relations = pgcopy_inventory_relations(pgcopy_link_session(leader->link),
													 pgcopy_chosen_relations(leader));
	handover->findings = pgcopy_carry_choose(leader, handover->relations);
	error = pgcopy_finding_error(handover->findings);
	if (error != NULL)
		ThrowErrorData(error);
	Assert(!TransactionIdIsValid(GetTopTransactionIdIfAny()));
}

/* OIDs, ascending. */
static List *
list_oids(const List *relations)
{
	List	   *oids = NIL;
	ListCell   *lc;

	foreach(lc, relations)
		oids = lappend_oid(oids, ((const SourceRelation *) lfirst(lc))->oid);
	list_sort(oids, list_oid_cmp);
	return oids;
}

/*
 * A publication that the DBA has made must have all that is to be carried: nothing is
 * published beside it.
 */
static void
check_publication(Leader *leader, const Follow *follow)
{
	Handover   *handover = leader->handover;
	List	   *tables =
		list_concat(pgcopy_carry_published(leader, handover->relations, CARRY_STREAM),
					pgcopy_carry_published(leader, handover->relations, CARRY_INSERTS));

	pgcopy_finding_throw(pgcopy_publication_check_tables(pgcopy_link_session(leader->link),
														 follow->publication, tables,
														 list_oids(handover->relations)));
}

static void
publish(Leader *leader, const Follow *follow)
{
	SourceSession *session = open_session(leader, "publication");
	List	   *relations = leader->handover->relations;
	List	   *inserts = pgcopy_carry_published(leader, relations, CARRY_INSERTS);

	pgcopy_publication_create(session, follow->name,
							  pgcopy_carry_published(leader, relations, CARRY_STREAM), false);
	if (inserts != NIL)
		pgcopy_publication_create(session, pgcopy_follow_inserts_name(follow), inserts, true);
	pgcopy_session_close(session);
}

/* Remove what an earlier attempt has left on the source. */
static void
remove_leftovers(Leader *leader, const Follow *follow)
{
	SourceSession *session;

	if (!follow->on_source)
		return;
	session = open_session(leader, "clean-up");
	pgcopy_settle_stream(session, follow);
	pgcopy_session_close(session);
}

/* Begin the stream. */
static char *
take_first(Leader *leader, const Follow *follow)
{
	remove_leftovers(leader, follow);
	pgcopy_follow_set_on_source(leader->job->id, true);
	pgcopy_leader_commit_so_far(leader);
	choose(leader);
	if (follow->is_our_publication)
		publish(leader, follow);
	else
		check_publication(leader, follow);
	PGCOPY_TEST_POINT("handover", "published");
	return take_with_slot(leader, follow->name, 0);
}

static char *
take_later(Leader *leader, const Follow *follow)
{
	leader->handover->relations =
		pgcopy_inventory_relations(pgcopy_link_session(leader->link),
								   pgcopy_chosen_relations(leader));
	read_carry(leader);
	return take_with_slot(leader, psprintf("%s_t", follow->name), SLOT_TEMPORARY);
}

char *
pgcopy_handover_give_snapshot(void *arg)
{
	Leader	   *leader = arg;
	Follow	   *follow = pgcopy_follow_fetch(leader->job->id);
	char	   *name;

	Assert(!TransactionIdIsValid(GetTopTransactionIdIfAny()));
	begin_attempt(leader);
	name = XLogRecPtrIsInvalid(follow->start_lsn) ?
		take_first(leader, follow) : take_later(leader, follow);
	pgcopy_progress_set_message(leader->progress, NULL);
	PGCOPY_TEST_POINT("handover", "slot");
	return name;
}

/* The relations that the slot sends, of both publications: OIDs, ascending. */
List *
pgcopy_handover_sent(SourceSession *session, const Follow *follow)
{
	char	   *inserts = pgcopy_follow_inserts_name(follow);
	List	   *oids = list_concat(pgcopy_publication_relations(session, follow->publication),
								   pgcopy_publication_relations(session, inserts));

	list_sort(oids, list_oid_cmp);
	return oids;
}

/* What is to be sent, or is not, by the snapshot: OIDs, ascending. */
static List *
list_sent(List *relations, bool is_sent)
{
	List	   *oids = NIL;
	ListCell   *lc;

	foreach(lc, relations)
	{
		const SourceRelation *relation = lfirst(lc);

		if (relation->relkind == RELKIND_RELATION &&
			pgcopy_follow_is_sent(relation->carry) == is_sent)
			oids = lappend_oid(oids, relation->oid);
	}
	list_sort(oids, list_oid_cmp);
	return oids;
}

bool
pgcopy_handover_matches(Leader *leader, List *relations, char **what)
{
	Follow	   *follow = pgcopy_follow_fetch(leader->job->id);
	List	   *sent;

	if (!pgcopy_carry_mark(leader, relations, what))
		return false;
	*what = "a partition is new or gone";
	sent = pgcopy_handover_sent(pgcopy_link_session(leader->link), follow);
	return equal(list_sent(relations, true),
				 list_difference_oid(sent, list_sent(relations, false)));
}

List *
pgcopy_handover_findings(const Leader *leader)
{
	return leader->handover->findings;
}

void
pgcopy_handover_keep_position(Leader *leader)
{
	const Handover *handover = leader->handover;

	if (!XLogRecPtrIsInvalid(handover->slot_lsn))
	{
		pgcopy_follow_set_start(leader->job->id, handover->slot_lsn);
		/* A first look: the server may be restored to this moment, before there is a second. */
		pgcopy_follow_set_confirmed(leader->job->id, handover->slot_lsn, (int) pgcopy_timeline());
		pgcopy_follow_set_counters(leader->job->id, pgcopy_carry_state(leader)->counters);
		pgcopy_following_keep_picture(leader, pgcopy_link_session(leader->link));
	}
	pgcopy_job_snapshot_set_lsn(leader->job->id, leader->control->snapshot_no,
								handover->lsn, handover->exact);
}

void
pgcopy_handover_withhold(Leader *leader)
{
	if (pgcopy_leader_follows(leader))
		pgcopy_queue_withhold(leader->queue,
							  pgcopy_follow_list_inexact(leader->job->id,
														 leader->control->snapshot_no));
}

/* LinkAttempt: ask how the slot is. */
typedef struct SlotQuestion
{
	Leader	   *leader;
	const char *name;
	SlotStatus	status;
} SlotQuestion;

static LinkOutcome
try_look_at_slot(void *arg, char **what)
{
	SlotQuestion *question = arg;

	pgcopy_link_open(question->leader->link);
	pgcopy_slot_look(pgcopy_link_session(question->leader->link), question->name,
					 &question->status);
	return ATTEMPT_DONE;
}

const char *
pgcopy_handover_find_loss(const SlotStatus *status)
{
	if (!status->exists)
		return "the replication slot is gone";
	if (strcmp(status->reason, "wal_removed") == 0 ||
		(status->reason[0] == '\0' && strcmp(status->wal_status, "lost") == 0))
		return "the source has removed WAL that the replication slot needed";
	if (strcmp(status->reason, "idle_timeout") == 0)
		return "nobody read the replication slot for longer than idle_replication_slot_timeout of the source";
	if (status->reason[0] != '\0')
		return psprintf("the replication slot was invalidated: %s", status->reason);
	return NULL;
}

void
pgcopy_handover_throw_lost(int64 job, const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("job " INT64_FORMAT " cannot follow the source any more: %s", job, why),
			 errdetail("Changes of the source that have not come yet are lost."),
			 errhint("SELECT pgcopy_resume(" INT64_FORMAT ", consistent => true) reads all tables again and follows from then on.",
					 job)));
}

void
pgcopy_handover_note_lost(Leader *leader, const char *why)
{
	pgcopy_leader_begin(leader);
	pgcopy_follow_set_lost(leader->job->id, why);
	pgcopy_leader_commit(leader);
	pgcopy_handover_throw_lost(leader->job->id, why);
}

/*
 * The source goes on where it was told that all before was safe here, and says nothing if
 * this server has less.  It may, if it was restored or failed over, and so is on another
 * timeline: unless the slot is where it was when this server last saw it.
 */
static const char *
find_gap(const Follow *follow, const SlotStatus *status)
{
	if (follow->timeline == 0 || follow->timeline == pgcopy_timeline() ||
		status->confirmed_flush <= follow->confirmed)
		return NULL;
	return psprintf("this server was restored or failed over, from timeline %d to %d, and may lack what the source sent between %X/%X and %X/%X",
					follow->timeline, (int) pgcopy_timeline(),
					LSN_FORMAT_ARGS(follow->confirmed),
					LSN_FORMAT_ARGS(status->confirmed_flush));
}

void
pgcopy_handover_check_slot(Leader *leader)
{
	int64		job = leader->job->id;
	SlotQuestion question = {.leader = leader};
	Follow	   *follow;
	const char *why;

	pgcopy_leader_begin(leader);
	MemoryContextSwitchTo(leader->context);
	follow = pgcopy_follow_fetch(job);
	pgcopy_leader_commit(leader);
	question.name = follow->name;
	why = XLogRecPtrIsInvalid(follow->start_lsn) ? "it has no replication slot" : follow->lost;
	if (why == NULL)
	{
		(void) pgcopy_link_read(leader->link, try_look_at_slot, &question);
		pgcopy_link_close(leader->link);
		why = pgcopy_handover_find_loss(&question.status);
		if (why == NULL)
			why = find_gap(follow, &question.status);
	}
	if (why != NULL)
		pgcopy_handover_note_lost(leader, why);
}

void
pgcopy_handover_start_over(Leader *leader)
{
	int64		job = leader->job->id;
	Follow	   *follow;
	char	   *name;

	pgcopy_leader_begin(leader);
	follow = pgcopy_follow_fetch(job);
	name = MemoryContextStrdup(leader->context, follow->name);
	pgcopy_follow_set_subscription(job, InvalidOid);
	pgcopy_follow_set_start(job, InvalidXLogRecPtr);
	ForceSyncCommit();
	pgcopy_leader_commit(leader);

	/* only now: if that were rolled back, nobody would know how far it was */
	pgcopy_leader_begin(leader);
	pgcopy_subscription_drop(name);
	pgcopy_leader_commit(leader);
}

static void
abandon(Leader *leader)
{
	int64		job = leader->job->id;
	Follow	   *follow;
	SourceSession *session;

	pgcopy_leader_begin(leader);
	follow = pgcopy_follow_fetch(job);
	if (follow != NULL && follow->on_source && XLogRecPtrIsInvalid(follow->start_lsn))
	{
		session = pgcopy_session_open(pgcopy_conninfo_resolve(leader->job->conninfo,
															  leader->args.owner),
									  name_session(leader, "clean-up"));
		pgcopy_session_on_wait(session, pgcopy_session_give_up, (void *) &clean_up_limit);
		pgcopy_settle_source(session, follow, false);
		pgcopy_session_close(session);
	}
	pgcopy_leader_commit(leader);
}

void
pgcopy_handover_abandon(Leader *leader)
{
	pgcopy_handover_release(leader);
	PG_TRY();
	{
		abandon(leader);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(leader->context);
		EmitErrorReport();
		FlushErrorState();
		pgcopy_leader_abort(leader);
	}
	PG_END_TRY();
}
