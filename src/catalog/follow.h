/*-------------------------------------------------------------------------
 *
 * follow.h
 *	  pgcopy.follow: what a job that follows its source has made, here and there.
 *
 * Each effect on the source, and on settings of this database, is noted here and
 * committed before it is made, so that whoever goes on, cleans up or drops the job
 * knows all that may be there.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_CATALOG_FOLLOW_H
#define PGCOPY_CATALOG_FOLLOW_H

#include "access/xlogdefs.h"
#include "nodes/pg_list.h"

/* How changes of a relation arrive: pgcopy.relation.carry. */
#define CARRY_STREAM	's'
#define CARRY_INSERTS	'i'		/* by the stream, INSERT and TRUNCATE only */
#define CARRY_AGAIN		'a'		/* copied again in the cutover */
#define CARRY_NOTHING	'-'

/* Does the slot send changes of such a relation? */
#define pgcopy_follow_is_sent(carry) ((carry) == CARRY_STREAM || (carry) == CARRY_INSERTS)

/*
 * Names of slots, publications and subscriptions of jobs, as a regular expression
 * of SQL: of any job of any server.
 */
#define FOLLOW_NAME_REGEXP "^pgcopy_[0-9a-f]{12}_[0-9]+(_[if])?$"

/* The publication of those that are carried by inserts only: name || this. */
#define FOLLOW_INSERTS_SUFFIX "_i"

/* The publication that says whose fence the source has: likewise (stream/fence.h). */
#define FOLLOW_FENCE_SUFFIX "_f"

typedef struct Follow
{
	int64		job;
	char	   *name;			/* slot, subscription, our publication */
	char	   *publication;	/* the subscription's; = name if it is ours */
	bool		is_our_publication;
	bool		on_source;		/* something of ours may be there */
	XLogRecPtr	start_lsn;		/* of the slot; 0: there is none yet */
	Oid			subscription;	/* InvalidOid: not made yet */
	XLogRecPtr	confirmed;		/* all that the slot sent before this is here; 0: none yet */
	int			timeline;		/* of this server, when that was noted; 0: never */
	char	   *counters;		/* of the source, that are compared: see pgcopy.follow */
	char	   *lost;			/* why the slot is of no more use; NULL: it is */
	bool		is_guarded;		/* sessions of others may be read-only here */
	char	   *guard_before;	/* the database's setting before; NULL: none */
	bool		is_fenced;		/* and on the source */
	char	   *fence_before;
	char	   *changes_seen;	/* DDL on the source since; NULL: none */
	XLogRecPtr	cutover_lsn;	/* 0: not chosen */
	bool		is_open;		/* the cutover is done but for cleaning up */
} Follow;

/* A relation of the job, as the stream sees it. */
typedef struct FollowRelation
{
	int			no;				/* in pgcopy.relation */
	Oid			source_oid;
	Oid			target_oid;		/* InvalidOid: not created yet */
	char	   *schema;			/* on both sides: schema_map is refused */
	char	   *name;
	char		relkind;
	bool		through_root;
	char		carry;
	char		identity_before;	/* '\0': we set none */
	int64		bytes;			/* heap and TOAST, on the source */
	XLogRecPtr	lsn;			/* of the snapshot its rows are of; 0: of the slot's own */
} FollowRelation;

/* Insert the row of a new job that follows.  publication: of the options; "": ours. */
extern void pgcopy_follow_insert(int64 job, const char *publication);

/* Fetch it, into the current memory context; NULL: the job does not follow. */
extern Follow *pgcopy_follow_fetch(int64 job);

/* The same, and lock the row: nobody else changes it until the transaction ends. */
extern Follow *pgcopy_follow_lock(int64 job);

/* The name of the publication of those that are carried by inserts only. */
extern char *pgcopy_follow_inserts_name(const Follow *follow);

/* And of the one that says that the fence is ours. */
extern char *pgcopy_follow_fence_name(const Follow *follow);

/* Note, before it is made and after it is gone, that something is on the source. */
extern void pgcopy_follow_set_on_source(int64 job, bool on_source);

/* A slot has been made, and begins here; InvalidXLogRecPtr: it was dropped. */
extern void pgcopy_follow_set_start(int64 job, XLogRecPtr lsn);

/* The slot has been seen to be confirmed up to here, by this server on its timeline. */
extern void pgcopy_follow_set_confirmed(int64 job, XLogRecPtr lsn, int timeline);

/* What tells that the source's counters of updates were lost meanwhile; or NULL. */
extern void pgcopy_follow_set_counters(int64 job, const char *counters);

extern void pgcopy_follow_set_subscription(int64 job, Oid subscription);
extern void pgcopy_follow_set_lost(int64 job, const char *why);
extern void pgcopy_follow_set_changes(int64 job, const char *changes);

/* Before the setting is changed, and after it is back.  before: see Follow. */
extern void pgcopy_follow_set_guard(int64 job, bool is_set, const char *before);
extern void pgcopy_follow_set_fence(int64 job, bool is_set, const char *before);

/* Does a job have the guard set in this database? */
extern bool pgcopy_follow_is_guarded(void);

/*
 * The definitions on the source that were cloned, to compare with: List of char *,
 * objects and definitions by turns (stream/picture.h); NIL: none are kept.  A new slot
 * forgets them.
 */
extern void pgcopy_follow_set_picture(int64 job, const List *texts);
extern List *pgcopy_follow_fetch_picture(int64 job);

/* The position that the cutover waits for; InvalidXLogRecPtr: none. */
extern void pgcopy_follow_set_cutover(int64 job, XLogRecPtr lsn);

/*
 * The target is open: part of that transaction.  pause in microseconds; steps: see
 * COMMENT ON COLUMN.
 */
extern void pgcopy_follow_set_open(int64 job, int64 pause, const char *steps);

/* Were rows read that are older than what the slot sends? */
extern bool pgcopy_follow_has_old_rows(int64 job);

/*
 * The tables, by their numbers, that the stream carries and whose rows are not to be read
 * under a snapshot, since its position does not hold for them.
 */
extern List *pgcopy_follow_list_inexact(int64 job, int snapshot);

/* The tables that are not read yet, or not to their end: OIDs on the source, ascending. */
extern List *pgcopy_follow_list_left(int64 job);

/* Jobs that may have something on a source: List of int64 *. */
extern List *pgcopy_follow_unsettled(void);

/*
 * The job's tables, partitioned tables and materialized views: List of
 * FollowRelation *, in the order of their numbers.  First come, as number 0 and
 * without names, tables of the source that got a replica identity before the plan was
 * stored, if it has none of them.
 */
extern List *pgcopy_follow_relations(int64 job);

/*
 * A table of the source gets another replica identity: note, before, what
 * pg_class.relreplident was, unless that is known; and forget it when that is back.
 */
extern void pgcopy_follow_note_identity(int64 job, Oid source_oid, char identity);
extern void pgcopy_follow_forget_identity(int64 job, Oid source_oid);

#endif							/* PGCOPY_CATALOG_FOLLOW_H */
