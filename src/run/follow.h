/*-------------------------------------------------------------------------
 *
 * follow.h
 *	  A job that follows its source: hand-over, following, cutover, cleaning up.
 *
 * handover.c begins the stream, subscribe.c hands the copied tables over to it;
 * following.c keeps an eye on it; cutover.c ends it; carry.c knows what the stream does not
 * carry; settle.c removes what is left on the source.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_FOLLOW_H
#define PGCOPY_FOLLOW_H

#include "base/compat.h"
#include "catalog/follow.h"
#include "run/carry.h"
#include "run/leader.h"
#include "stream/slot.h"

typedef struct Handover Handover;

#define pgcopy_leader_follows(leader) ((leader)->job->options.follow)

/*
 * handover.c: what a snapshot of the job must have, a position in the WAL.
 *
 * A LinkOwner's give_snapshot: make publication and slot if there are none, else a
 * temporary slot; return the name of its snapshot, which lives until the link's
 * session holds it and pgcopy_handover_release() is called.  Called in a transaction
 * that has written nothing; commits what must be known, in the middle of it.
 */
extern char *pgcopy_handover_give_snapshot(void *arg);
extern void pgcopy_handover_release(Leader *leader);

/*
 * handover_lock.c: take a snapshot by lock, of the published ones of these relations (of
 * those left, OIDs, unless that is NIL).  Returns its name; adds to *exact the tables that
 * its position holds for.  snapshot: has the sessions.
 */
extern char *pgcopy_handover_lock(Leader *leader, LockedSnapshot *snapshot, List *relations,
								  List *left, List **exact);

/*
 * Whether the relations that a first snapshot sees are those that are published; if
 * not, *what names a difference.  Sets how each one's changes arrive.
 */
extern bool pgcopy_handover_matches(Leader *leader, List *relations, char **what);

/* What is to be told about them: List of Finding *. */
extern List *pgcopy_handover_findings(const Leader *leader);

/* Store the position with the snapshot that was just kept. */
extern void pgcopy_handover_keep_position(Leader *leader);

/* Let the queue withhold what the job's present snapshot has no position for. */
extern void pgcopy_handover_withhold(Leader *leader);

/*
 * handover_check.c: what stands in the way of following, on either side, before
 * anything is made: List of Finding *.  In a transaction.
 */
extern List *pgcopy_handover_check(Leader *leader);

/* The relations that the slot sends: leaves, not roots: OIDs on the source, ascending. */
extern List *pgcopy_handover_sent(SourceSession *session, const Follow *follow);

/*
 * Say which tables the stream skips without a word, since they are not published any
 * more, or not of the subscription; NULL: none.  Outside a transaction; into the
 * current memory context.
 */
extern char *pgcopy_subscribe_find_skipped(Leader *leader, SourceSession *session);

/*
 * The relations that the source sends and the subscription does not know: List of
 * SourceRelation *; likewise.
 */
extern List *pgcopy_subscribe_find_unapplied(Leader *leader, SourceSession *session);

/*
 * Throw, and note it, if the slot has not all changes any more.  Opens the link for
 * it.
 */
extern void pgcopy_handover_check_slot(Leader *leader);

/* Why a slot is of no more use, NULL: it is; throw that; and note it before. */
extern const char *pgcopy_handover_find_loss(const SlotStatus *status);
extern void pgcopy_handover_throw_lost(int64 job, const char *why) pg_attribute_noreturn();
extern void pgcopy_handover_note_lost(Leader *leader, const char *why) pg_attribute_noreturn();

/*
 * handover_watch.c: call often while rows are copied and indexes built, outside a
 * transaction: look at the slot now and then, and throw if it is lost.
 */
extern void pgcopy_handover_watch(Leader *leader);

/* Say that the slot is in danger; what it keeps on the source.  "" if it is not known. */
extern void pgcopy_handover_watch_tell_danger(const Leader *leader, char *message, Size size);
extern void pgcopy_handover_watch_tell_kept(const Leader *leader, char *message, Size size);

/*
 * Drop the subscription and forget the slot: the next snapshot begins a new stream,
 * and all must be read again.
 */
extern void pgcopy_handover_start_over(Leader *leader);

/*
 * The job ends before it has a plan: remove what it has made on the source.  Logs
 * what stands in the way.
 */
extern void pgcopy_handover_abandon(Leader *leader);

/*
 * subscribe.c: once indexes, constraints and post-data stand: hand the tables over
 * to a subscription, and let it begin.  If that was done, only let it go on.  Waits
 * until all tables are as they were on the source at one moment.
 */
extern void pgcopy_subscribe_run(Leader *leader);

/*
 * following.c: follow until the target is open.  Throws when cancelled, or when the
 * slot is lost.
 */
extern void pgcopy_following_run(Leader *leader);

/*
 * cutover.c: do what is asked.  Returns whether the target is open now; fills in the
 * result in any case.  Throws only if the job must end.
 */
extern bool pgcopy_cutover_run(Leader *leader, const CutoverRequest *request,
							   CutoverResult *result);

/* Undo a cutover that a crash or an end of the leader has interrupted. */
extern void pgcopy_cutover_undo(Leader *leader);

/* Once it is open: clean up on the source, run what was left for later. */
extern void pgcopy_cutover_finish(Leader *leader);

/*
 * settle.c: remove what the job has here and on the source, in transactions of the
 * caller's own; with the fence, unless the target is open.  Throws if the source
 * cannot be reached; if forced, forgets it instead and returns the SQL to run there.
 * Called in a transaction, of a leader or of a backend.
 */
extern char *pgcopy_settle(const Job *job, bool is_forced);

/* Of that, slot and publications alone, as far as they are there. */
extern void pgcopy_settle_stream(SourceSession *session, const Follow *follow);

/*
 * The part of it that is on the source, in a transaction: slot, publications, replica
 * identities; with_fence: and the database's setting, if that is ours.
 */
extern void pgcopy_settle_source(SourceSession *session, const Follow *follow, bool with_fence);

/* What to say of a job that has stopped and keeps WAL on the source; NULL: it does not. */
extern char *pgcopy_settle_tell(const Follow *follow);

/*
 * The job stops, and can be resumed: stop its subscription, and let views say what it
 * keeps.  In a transaction.
 */
extern void pgcopy_settle_pause(const Job *job);

#endif							/* PGCOPY_FOLLOW_H */
