/*-------------------------------------------------------------------------
 *
 * control.h
 *	  The shared memory between a leader, its workers and whoever looks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_CONTROL_H
#define PGCOPY_CONTROL_H

#include "nodes/pg_list.h"
#include "port/atomics.h"
#include "storage/dsm.h"
#include "storage/lwlock.h"
#include "storage/proc.h"

#include "source/conninfo.h"

#define CONTROL_MAX_SLOTS 128
#define CONTROL_MAX_BATCH 64	/* items in one assignment */
#define CONTROL_NAME_LENGTH 64
#define CONTROL_MESSAGE_LENGTH 256

typedef enum SlotState
{
	SLOT_FREE,					/* nobody; leader moves it on */
	SLOT_STARTING,				/* registered; worker moves it on */
	SLOT_IDLE,					/* waits for an assignment; leader moves it on */
	SLOT_BUSY,					/* works; worker moves it on */
	SLOT_REPORTED,				/* outcome is there; leader moves it on */
	SLOT_LEAVING				/* told to end; leader moves it on when it has */
} SlotState;

typedef enum Outcome
{
	OUTCOME_DONE,				/* all items of the assignment */
	OUTCOME_FAILED,				/* items[failed] failed, all rolled back */
	OUTCOME_SOURCE_LOCKED,		/* items[failed]: somebody waits for a lock on
								 * it behind the leader; all rolled back */
	OUTCOME_NO_SESSION			/* the source has no room for one; nothing was
								 * begun */
} Outcome;

/* What an assignment may take of the machine. */
typedef struct BuildShare
{
	int			memory;			/* maintenance_work_mem in kB; 0: the server's */
	int			parallel_workers;	/* at most, if the server allows as many */
} BuildShare;

/*
 * One worker's slot.  "lock" of the segment protects all fields but the
 * atomic ones: those are written by the worker while BUSY, set to zero by the
 * leader when it has heard the outcome (not before: the figures would drop),
 * and read by anybody.
 */
typedef struct ControlSlot
{
	SlotState	state;
	int			pid;			/* written by the worker at its start */
	PGPROC	   *proc;			/* the same; whose latch wakes it */

	/* written by the leader while IDLE, read by the worker while BUSY */
	int			nitems;
	int			items[CONTROL_MAX_BATCH];
	BuildShare	share;

	/* written by the worker while BUSY, read by the leader while REPORTED */
	Outcome		outcome;
	int			failed;			/* index into items */
	int			sqlerrcode;
	int64		rows_total;
	int64		bytes_total;
	bool		wants_to_leave; /* has seen enough relations */
	bool		has_session;	/* has one to the source open, and keeps it */

	/*
	 * The name of the snapshot that its session holds, or "".  Written by the
	 * worker, read by whoever needs the snapshot when another holder is lost.
	 */
	char		snapshot[CONTROL_NAME_LENGTH];

	/* live, of the item it is at */
	pg_atomic_uint32 item;
	pg_atomic_uint64 rows;
	pg_atomic_uint64 bytes;
	/* of the items of this assignment that are through, but not committed */
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
	char		message[CONTROL_MESSAGE_LENGTH];	/* what it waits for, or "" */
} ControlTotals;

typedef struct Control
{
	uint32		magic;
	int64		job;
	LWLock		lock;
	PGPROC	   *leader;
	int			leader_pid;
	int			nslots;

	/*
	 * The name under which the leader holds it, under "lock"; and its number,
	 * written before the first hand-out.
	 */
	char		snapshot[CONTROL_NAME_LENGTH];
	int			snapshot_no;

	/*
	 * Which host of the source the leader was last connected to, under "lock":
	 * all others of the job go there too.  Zeros while it was to none, as in a
	 * resume that has no rows to read.
	 */
	SourceAddress source;

	/* set by the leader: no copy item is left, let go of the snapshot */
	pg_atomic_uint32 is_copy_over;

	ControlTotals totals;
	ControlSlot own;			/* the leader's own work: live figures alone */
	ControlSlot slots[FLEXIBLE_ARRAY_MEMBER];
} Control;

/* What a viewer sees of a slot; pid is 0 where nobody is. */
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
	ControlTotals totals;
	ControlViewSlot leader;		/* its own work */
	ControlViewSlot slots[CONTROL_MAX_SLOTS];
} ControlView;

/* The leader's: make the segment, mapped for the life of the process. */
extern Control *pgcopy_control_create(int64 job, int nslots, uint32 *handle);

/* A worker's: map it for the life of the process; NULL when it is gone. */
extern Control *pgcopy_control_attach(uint32 handle, int64 job);

/*
 * A viewer's: a copy of what views show in the current memory context, or
 * NULL.
 */
extern ControlView *pgcopy_control_peek(uint32 handle, int64 job);

/* Nobody is at an item of this slot any more. */
extern void pgcopy_control_clear_live(ControlSlot *slot);

/* The states of all slots at one moment. */
extern void pgcopy_control_read_states(Control *control, SlotState *states);

/*
 * Say under which name a process holds the snapshot, "" when not any more.
 * slot: NULL for the leader.
 */
extern void pgcopy_control_set_snapshot(Control *control, ControlSlot *slot,
										const char *name);

/* Say, or learn, where the source is. */
extern void pgcopy_control_set_source(Control *control, const SourceAddress *address);
extern void pgcopy_control_get_source(Control *control, SourceAddress *address);

/* All names of it, the leader's first; a List of char *. */
extern List *pgcopy_control_snapshots(Control *control);

/* Wake the process of a slot, or the leader. */
extern void pgcopy_control_wake(Control *control, ControlSlot *slot);
extern void pgcopy_control_wake_leader(Control *control);

#endif							/* PGCOPY_CONTROL_H */
