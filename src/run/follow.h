/*-------------------------------------------------------------------------
 *
 * follow.h
 *	  A job that follows its source: hand-over, following, cutover, cleaning up.
 *
 * handover.c begins the stream and hands the copied tables over to it; following.c
 * keeps an eye on it; cutover.c ends it; carry.c knows what the stream does not
 * carry; settle.c removes what is left on the source.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_FOLLOW_H
#define PGCOPY_FOLLOW_H

#include "catalog/follow.h"
#include "run/leader.h"

#define pgcopy_leader_follows(leader) ((leader)->job->options.follow)

/*
 * handover.c: what a snapshot of the job must have, a position in the WAL.
 *
 * A LinkOwner's give_snapshot: make publication and slot if there are none, else a
 * temporary slot; return the name of its snapshot, which lives until the link's
 * session holds it and pgcopy_handover_release() is called.
 */
extern char *pgcopy_handover_give_snapshot(void *arg);
extern void pgcopy_handover_release(Leader *leader);

/* Store the position with the snapshot that was just kept. */
extern void pgcopy_handover_keep_position(Leader *leader);

/* Throw, before anything is made, for what stands in the way on either side. */
extern List *pgcopy_handover_check(Leader *leader, List *relations);

/*
 * Once indexes, constraints and post-data stand: hand the tables over to a
 * subscription, and let it begin.  Does nothing if that was done.
 */
extern void pgcopy_handover_subscribe(Leader *leader);

/* carry.c: choose how each relation's changes arrive, before the publication is made. */
extern List *pgcopy_carry_choose(Leader *leader, List *relations);

/* The publication's tables, by carry: List of PublicationTable *. */
extern List *pgcopy_carry_published(Leader *leader, List *relations, char carry);

/*
 * Copy again what the stream does not carry, and set sequences and large objects,
 * under a session that sees the source as it is within the fence.  Lines about what
 * was done are appended to report.
 */
extern void pgcopy_carry_again(Leader *leader, StringInfo report);

/* Before the fence: what can be done beforehand, large objects above all. */
extern void pgcopy_carry_before(Leader *leader, StringInfo report);

/* What pgcopy_carry_again() would copy: relations, bytes. */
extern void pgcopy_carry_measure(Leader *leader, int *relations, int64 *bytes);

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
extern void pgcopy_settle_pause(int64 job);

#endif							/* PGCOPY_FOLLOW_H */
