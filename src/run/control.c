/*-------------------------------------------------------------------------
 *
 * control.c
 *	  The shared memory between a leader, its workers and whoever looks.
 *
 * One dynamic segment per running job, made by its leader and gone with it.
 * Its handle stands in pgcopy.job, so that the views find it without anything
 * in shared_preload_libraries.  A handle is a random number that another
 * segment may have by now: a magic and the job's number tell.
 *
 * Hand-out: leader fills an IDLE slot, makes it BUSY and sets the worker's
 * latch; the worker fills in the outcome, makes it REPORTED and sets the
 * leader's latch.  A worker that is gone is seen by the leader through its
 * BackgroundWorkerHandle, whatever its slot says.
 *
 * The lock is held for a few assignments, and nothing between its acquisition
 * and its release may throw: the segment is unmapped before a process that
 * exits lets go of its locks.  A process that dies of a signal takes the server
 * through crash recovery, and the segment with it.
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
 * A tranche only gives waits on the lock their name.  This is one of the
 * server's: what is not preloaded cannot share one of its own between
 * processes, and a new one for each job would use them up.
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
	init_live_figures(&control->own);
	for (int i = 0; i < nslots; i++)
		init_live_figures(&control->slots[i]);
	pg_write_barrier();
	control->magic = CONTROL_MAGIC;
	*handle = dsm_segment_handle(segment);
	return control;
}

/* Whether a mapped segment is the control of this job. */
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

/* What views show of a segment. */
static void
fill_view(Control *control, ControlView *view)
{
	LWLockAcquire(&control->lock, LW_SHARED);
	view->leader.pid = control->leader_pid;
	view->totals = control->totals;
	for (int i = 0; i < view->nslots; i++)
		view->slots[i].pid = control->slots[i].pid;
	LWLockRelease(&control->lock);

	fill_view_slot(&control->own, &view->leader);
	for (int i = 0; i < view->nslots; i++)
		fill_view_slot(&control->slots[i], &view->slots[i]);
}

ControlView *
pgcopy_control_peek(uint32 handle, int64 job)
{
	dsm_segment *segment;
	ControlView *view = NULL;

	if (dsm_find_mapping(handle) != NULL)
		return NULL;			/* a process of the job looks at itself */
	segment = dsm_attach(handle);
	if (segment == NULL)
		return NULL;
	if (is_control_of(segment, job))
	{
		Control    *control = dsm_segment_address(segment);

		view = palloc0(sizeof(ControlView));
		view->nslots = Min(control->nslots, CONTROL_MAX_SLOTS);
		fill_view(control, view);
	}
	dsm_detach(segment);
	return view;
}

void
pgcopy_control_clear_live(ControlSlot *slot)
{
	pg_atomic_write_u32(&slot->item, 0);
	pg_atomic_write_u64(&slot->rows, 0);
	pg_atomic_write_u64(&slot->bytes, 0);
	pg_atomic_write_u64(&slot->bytes_before, 0);
}

void
pgcopy_control_read_states(Control *control, SlotState *states)
{
	LWLockAcquire(&control->lock, LW_SHARED);
	for (int i = 0; i < control->nslots; i++)
		states[i] = control->slots[i].state;
	LWLockRelease(&control->lock);
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
