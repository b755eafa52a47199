/*-------------------------------------------------------------------------
 *
 * control.h
 *	  Shared memory of a leader, its workers and viewers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_CONTROL_H
#define PGCOPY_CONTROL_H

#include "access/xlogdefs.h"
#include "nodes/pg_list.h"
#include "port/atomics.h"
#include "storage/dsm.h"
#include "storage/lwlock.h"
#include "storage/proc.h"

#include "base/retry.h"
#include "source/conninfo.h"

#define CONTROL_MAX_SLOTS 128
#define CONTROL_MAX_BATCH 64	/* items in one assignment */
#define CONTROL_NAME_LENGTH 64
#define CONTROL_MESSAGE_LENGTH 1024

typedef enum SlotState
{
	SLOT_FREE,					/* no worker; leader moves it on */
	SLOT_STARTING,				/* registered; worker moves it on */
	SLOT_IDLE,					/* waits for an assignment; leader moves it on */
	SLOT_BUSY,					/* works; worker moves it on */
	SLOT_REPORTED,				/* has an outcome; leader moves it on */
	SLOT_LEAVING				/* told to end; leader moves it on once it has */
} SlotState;

typedef enum Outcome
{
	OUTCOME_DONE,				/* all items of the assignment */
	OUTCOME_FAILED,				/* items[failed] failed; items[0 .. done - 1] are
								 * done, all others rolled back */
	OUTCOME_SOURCE_LOCKED,		/* items[failed]: its table cannot be locked on
								 * the source now; all rolled back */
	OUTCOME_NO_SESSION			/* the source has no room for a session;
								 * nothing was begun */
} Outcome;

/* The resources that an assignment may use. */
typedef struct BuildShare
{
	int			memory;			/* maintenance_work_mem in kB; 0: the server's */
	int			parallel_workers;	/* upper limit, beside the server's */
} BuildShare;

/*
 * A worker's slot.  The segment's lock protects state, pid, proc and snapshot.
 * The state says which side owns the other fields; they are handed over by
 * setting the state under the lock.  The worker writes the atomic ones while
 * BUSY, the leader clears them once it has heard the outcome (earlier the
 * totals would drop), and anybody reads them.
 */
typedef struct ControlSlot
{
	SlotState	state;
	int			pid;			/* written by the starting worker */
	PGPROC	   *proc;			/* likewise; has the latch that wakes it */

	/* written by the leader while IDLE, read by the worker while BUSY */
	int			nitems;
	int			items[CONTROL_MAX_BATCH];
	BuildShare	share;

	/* written by the worker while BUSY, read by the leader while REPORTED */
	Outcome		outcome;
	int			failed;			/* index into items */
	int			done;			/* how many of them are done all the same */
	int			begun;			/* from this one on they were not begun */
	int			sqlerrcode;
	RetryNeed	need;			/* of the failed item */
	int64		rows_total;
	int64		bytes_total;
	bool		wants_to_leave; /* its relation caches have grown large */
	bool		has_session;	/* keeps a session to the source open */

	/*
	 * The name of the snapshot that the worker's session holds, or "".  Written
	 * by the worker, read by any process that lost the snapshot.
	 */
	char		snapshot[CONTROL_NAME_LENGTH];

	/* live figures of the current item */
	pg_atomic_uint32 item;
	pg_atomic_uint64 rows;
	pg_atomic_uint64 bytes;
	/* of this assignment's items that are finished but not committed */
	pg_atomic_uint64 bytes_before;
} ControlSlot;

/* What the leader publishes for the views; under "lock". */
typedef struct ControlTotals
{
	int			percent;
	int			tables_done;
	int			indexes_done;
	int64		rows_done;
	int64		bytes_done;
	int64		bytes_per_second;	/* -1: not known yet */
	int64		eta_seconds;	/* -1: not known */
	char		message[CONTROL_MESSAGE_LENGTH];	/* what the job waits for, or "" */
} ControlTotals;

#define CONTROL_REPORT_LENGTH 8192

/* How far the target is behind, for the views; under "lock". */
typedef struct ControlFollow
{
	bool		is_valid;
	XLogRecPtr	source_lsn;		/* the source's position */
	XLogRecPtr	applied_lsn;	/* all before is here */
	int64		lag_bytes;
	int64		lag_ms;			/* -1: not known yet */
	int64		retained_bytes; /* WAL that the slot keeps on the source */
	char		wal_status[16]; /* of the slot: "reserved" ...; "": not known */
	int64		lost_in_seconds;	/* until the slot is lost at this rate; -1: never */
	int			tables;			/* of the subscription */
	int			tables_waiting; /* of them not in state "r" */
	int			worker_pid;		/* of the apply worker; 0: it does not run */
	bool		is_caught_up;	/* all tables are, and the lag is small */
	int64		errors;			/* of apply; -1: not counted by this server */
	char		last_error[CONTROL_MESSAGE_LENGTH]; /* of apply, or "" */
	char		changes[CONTROL_MESSAGE_LENGTH];	/* DDL on the source, or "" */
} ControlFollow;

typedef enum CutoverState
{
	CUTOVER_NONE,				/* nobody asks; caller moves it on */
	CUTOVER_ASKED,				/* leader moves it on */
	CUTOVER_RUNNING,			/* leader moves it on */
	CUTOVER_ANSWERED			/* has a result; caller moves it on, or the next one */
} CutoverState;

/* What pgcopy_cutover() asks for. */
typedef struct CutoverRequest
{
	bool		rehearse;
	bool		locks_only;		/* fence => 'lock' */
	bool		terminate;
	bool		ignore_changes;
	int			refresh;		/* CUTOVER_REFRESH_* */
	int64		max_pause_ms;
	int64		grace_ms;
} CutoverRequest;

#define CUTOVER_REFRESH_BEFORE	0
#define CUTOVER_REFRESH_INSIDE	1
#define CUTOVER_REFRESH_AFTER	2

typedef struct CutoverResult
{
	bool		is_open;		/* the target is open; else see sqlerrcode */
	XLogRecPtr	lsn;			/* E, or 0 */
	int64		pause_us;		/* -1: none */
	char		report[CONTROL_REPORT_LENGTH];	/* lines for people */

	/* why not; sqlerrcode 0: it was a rehearsal, which went well */
	int			sqlerrcode;
	char		message[CONTROL_MESSAGE_LENGTH];
	char		detail[CONTROL_MESSAGE_LENGTH];
	char		hint[CONTROL_MESSAGE_LENGTH];
} CutoverResult;

/* The state is under "lock" and says who owns the other fields, as in a slot. */
typedef struct ControlCutover
{
	CutoverState state;
	int			caller_pid;		/* whom the leader wakes; 0: gone */
	PGPROC	   *caller;
	pg_atomic_uint32 is_unwanted;	/* set by the caller: go back, if you still can */
	CutoverRequest request;
	CutoverResult result;
} ControlCutover;

typedef struct Control
{
	uint32		magic;
	int64		job;
	LWLock		lock;
	PGPROC	   *leader;
	int			leader_pid;
	int			nslots;

	/*
	 * The snapshot's name in the leader's session, under the lock; and its
	 * number, written while nothing is copied.
	 */
	char		snapshot[CONTROL_NAME_LENGTH];
	int			snapshot_no;

	/*
	 * The source's host that the leader last connected to, under the lock;
	 * workers go to the same one.  Zeros before the first session.
	 */
	SourceAddress source;

	/* set by the leader once no copy item is left: release the snapshot */
	pg_atomic_uint32 is_copy_over;

	/*
	 * Has somebody told the leader to stop?  Under the lock; the leader takes it
	 * back when that has ended no more than a cutover.
	 */
	bool		is_told_to_stop;

	ControlTotals totals;
	ControlFollow follow;
	ControlCutover cutover;
	ControlSlot own;			/* the leader's own work: live figures only */
	ControlSlot slots[FLEXIBLE_ARRAY_MEMBER];
} Control;

/* What a viewer sees of a slot; pid is 0 in a free one. */
typedef struct ControlViewSlot
{
	int			pid;
	int			item;			/* 0: none */
	int64		rows;
	int64		bytes;
} ControlViewSlot;

typedef struct ControlView
{
	int			nslots;
	bool		is_told_to_stop;
	ControlTotals totals;
	ControlFollow follow;
	ControlViewSlot leader;		/* its own work */
	ControlViewSlot slots[CONTROL_MAX_SLOTS];
} ControlView;

/* Leader: create the segment, mapped for the life of the process. */
extern Control *pgcopy_control_create(int64 job, int nslots, uint32 *handle);

/* Worker: map the segment for the life of the process; NULL if it is gone. */
extern Control *pgcopy_control_attach(uint32 handle, int64 job);

/*
 * Map it until dsm_detach() or the end of the transaction; NULL if it is gone, or the
 * caller is a process of the job.
 */
extern dsm_segment *pgcopy_control_map(uint32 handle, int64 job);

/*
 * Viewer: copy what views show into the current memory context; NULL if the
 * segment is gone.
 */
extern ControlView *pgcopy_control_peek(uint32 handle, int64 job);

/*
 * Note that the leader is about to be told to stop, for those who wait for the job.
 * Nothing is noted if the segment is gone.
 */
extern void pgcopy_control_note_stop(uint32 handle, int64 job);

/* Clear the live figures of a slot that works on no item. */
extern void pgcopy_control_clear_live(ControlSlot *slot);

extern SlotState pgcopy_control_get_state(Control *control,
										  const ControlSlot *slot);

/* Does a slot have an assignment: is it BUSY or REPORTED? */
extern bool pgcopy_control_has_assignment(Control *control,
										  const ControlSlot *slot);

/*
 * Publish the name under which a process holds the snapshot; "" if it holds
 * none. slot is NULL for the leader.
 */
extern void pgcopy_control_set_snapshot(Control *control, ControlSlot *slot,
										const char *name);

/* Set and get the source's address. */
extern void pgcopy_control_set_source(Control *control, const SourceAddress *address);
extern void pgcopy_control_get_source(Control *control, SourceAddress *address);

/* All published names of the snapshot, the leader's first: List of char *. */
extern List *pgcopy_control_snapshots(Control *control);

/* Wake the process of a slot, or the leader. */
extern void pgcopy_control_wake(Control *control, ControlSlot *slot);
extern void pgcopy_control_wake_leader(Control *control);

#endif							/* PGCOPY_CONTROL_H */
