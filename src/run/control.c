/*-------------------------------------------------------------------------
 *
 * control.c
 *	  Shared memory of a leader, its workers and viewers.
 *
 * One dynamic segment per running job, created by its leader and gone with it.
 * Views find its handle in pgcopy.job, so nothing needs to be preloaded.  A
 * stale handle may belong to another segment: check the magic and the job's
 * number.
 *
 * Hand-out: the leader fills an IDLE slot, makes it BUSY and sets the worker's
 * latch; the worker stores the outcome, makes the slot REPORTED and sets the
 * leader's latch.  The leader learns of a worker's death from its
 * BackgroundWorkerHandle, whatever the slot says.
 *
 * Hold the lock for a few assignments only, and never throw meanwhile: an
 * exiting process unmaps the segment before it releases its locks.  A process
 * killed by a signal restarts the server, and the segment is gone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/memutils.h"

#include "run/control.h"

#define CONTROL_MAGIC 0x70676370

/*
 * The tranche only names waits on the lock.  Use one of the server's: without
 * preloading, processes cannot share one of ours, and a new one per job would
 * use them up.
 */
#define CONTROL_TRANCHE LWTRANCHE_PARALLEL_QUERY_DSA

static Size
control_size(int nslots)
{
	return add_size(offsetof(Control, slots),
					mul_size(sizeof(ControlSlot), nslots));
}

static void
init_live_figures(ControlSlot *slot)
{
	pg_atomic_init_u32(&slot->item, 0);
	pg_atomic_init_u64(&slot->rows, 0);
	pg_atomic_init_u64(&slot->bytes, 0);
	pg_atomic_init_u64(&slot->bytes_before, 0);
}

Control *
pgcopy_control_create(int64 job, int nslots, uint32 *handle)
{
	dsm_segment *segment = dsm_create(control_size(nslots), 0);
	Control    *control = dsm_segment_address(segment);

	dsm_pin_mapping(segment);
	memset(control, 0, control_size(nslots));
	LWLockInitialize(&control->lock, CONTROL_TRANCHE);
	control->job = job;
	control->leader = MyProc;
	control->leader_pid = MyProcPid;
	control->nslots = nslots;
	pg_atomic_init_u32(&control->is_copy_over, 0);
	control->totals.bytes_per_second = -1;
	control->totals.eta_seconds = -1;
	control->follow.lag_ms = -1;
	control->follow.lost_in_seconds = -1;
	control->follow.errors = -1;
	pg_atomic_init_u32(&control->cutover.is_unwanted, 0);
	init_live_figures(&control->own);
	for (int i = 0; i < nslots; i++)
		init_live_figures(&control->slots[i]);
	pg_write_barrier();
	control->magic = CONTROL_MAGIC;
	*handle = dsm_segment_handle(segment);
	return control;
}

/* Is the mapped segment the control of this job? */
static bool
is_control_of(dsm_segment *segment, int64 job)
{
	Control    *control = dsm_segment_address(segment);
	Size		length = dsm_segment_map_length(segment);

	return length >= offsetof(Control, slots) &&
		control->magic == CONTROL_MAGIC &&
		control->job == job &&
		length >= control_size(control->nslots);
}

Control *
pgcopy_control_attach(uint32 handle, int64 job)
{
	dsm_segment *segment = dsm_attach(handle);

	if (segment == NULL || !is_control_of(segment, job))
		return NULL;
	dsm_pin_mapping(segment);
	return dsm_segment_address(segment);
}

static void
fill_view_slot(ControlSlot *slot, ControlViewSlot *view)
{
	view->item = (int) pg_atomic_read_u32(&slot->item);
	view->rows = (int64) pg_atomic_read_u64(&slot->rows);
	view->bytes = (int64) pg_atomic_read_u64(&slot->bytes);
}

/* Copy what views show. */
static void
fill_view(Control *control, ControlView *view)
{
	LWLockAcquire(&control->lock, LW_SHARED);
	view->leader.pid = control->leader_pid;
	view->is_told_to_stop = control->is_told_to_stop;
	view->totals = control->totals;
	view->follow = control->follow;
	for (int i = 0; i < view->nslots; i++)
		view->slots[i].pid = control->slots[i].pid;
	LWLockRelease(&control->lock);

	fill_view_slot(&control->own, &view->leader);
	for (int i = 0; i < view->nslots; i++)
		fill_view_slot(&control->slots[i], &view->slots[i]);
}

dsm_segment *
pgcopy_control_map(uint32 handle, int64 job)
{
	dsm_segment *segment;

	if (dsm_find_mapping(handle) != NULL)
		return NULL;
	segment = dsm_attach(handle);
	if (segment != NULL && !is_control_of(segment, job))
	{
		dsm_detach(segment);
		return NULL;
	}
	return segment;
}

ControlView *
pgcopy_control_peek(uint32 handle, int64 job)
{
	dsm_segment *segment = pgcopy_control_map(handle, job);
	Control    *control;
	ControlView *view;

	if (segment == NULL)
		return NULL;
	control = dsm_segment_address(segment);
	view = palloc0(sizeof(ControlView));
	view->nslots = Min(control->nslots, CONTROL_MAX_SLOTS);
	fill_view(control, view);
	dsm_detach(segment);
	return view;
}

void
pgcopy_control_note_stop(uint32 handle, int64 job)
{
	dsm_segment *segment = pgcopy_control_map(handle, job);
	Control    *control;

	if (segment == NULL)
		return;
	control = dsm_segment_address(segment);
	LWLockAcquire(&control->lock, LW_EXCLUSIVE);
	control->is_told_to_stop = true;
	LWLockRelease(&control->lock);
	dsm_detach(segment);
}

void
pgcopy_control_clear_live(ControlSlot *slot)
{
	pg_atomic_write_u32(&slot->item, 0);
	pg_atomic_write_u64(&slot->rows, 0);
	pg_atomic_write_u64(&slot->bytes, 0);
	pg_atomic_write_u64(&slot->bytes_before, 0);
}

SlotState
pgcopy_control_get_state(Control *control, const ControlSlot *slot)
{
	SlotState	state;

	LWLockAcquire(&control->lock, LW_SHARED);
	state = slot->state;
	LWLockRelease(&control->lock);
	return state;
}

bool
pgcopy_control_has_assignment(Control *control, const ControlSlot *slot)
{
	SlotState	state = pgcopy_control_get_state(control, slot);

	return state == SLOT_BUSY || state == SLOT_REPORTED;
}

void
pgcopy_control_set_snapshot(Control *control, ControlSlot *slot,
							const char *name)
{
	LWLockAcquire(&control->lock, LW_EXCLUSIVE);
	strlcpy(slot ? slot->snapshot : control->snapshot, name,
			CONTROL_NAME_LENGTH);
	LWLockRelease(&control->lock);
}

void
pgcopy_control_set_source(Control *control, const SourceAddress *address)
{
	LWLockAcquire(&control->lock, LW_EXCLUSIVE);
	control->source = *address;
	LWLockRelease(&control->lock);
}

void
pgcopy_control_get_source(Control *control, SourceAddress *address)
{
	LWLockAcquire(&control->lock, LW_SHARED);
	*address = control->source;
	LWLockRelease(&control->lock);
}

/* Add a name to the list unless it is empty. */
static List *
add_snapshot(List *names, Control *control, const char *shared)
{
	char	   *name = palloc(CONTROL_NAME_LENGTH);

	LWLockAcquire(&control->lock, LW_SHARED);
	memcpy(name, shared, CONTROL_NAME_LENGTH);
	LWLockRelease(&control->lock);
	return name[0] == '\0' ? names : lappend(names, name);
}

List *
pgcopy_control_snapshots(Control *control)
{
	List	   *names = add_snapshot(NIL, control, control->snapshot);

	for (int i = 0; i < control->nslots; i++)
		names = add_snapshot(names, control, control->slots[i].snapshot);
	return names;
}

void
pgcopy_control_wake(Control *control, ControlSlot *slot)
{
	PGPROC	   *proc;

	LWLockAcquire(&control->lock, LW_SHARED);
	proc = slot->proc;
	LWLockRelease(&control->lock);
	if (proc != NULL)
		SetLatch(&proc->procLatch);
}

void
pgcopy_control_wake_leader(Control *control)
{
	SetLatch(&control->leader->procLatch);
}
