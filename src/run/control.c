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
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/memutils.h"

#include "run/control.h"

#define CONTROL_MAGIC 0x70676370

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
	SpinLockInit(&control->mutex);
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

Control *
pgcopy_control_peek(uint32 handle, int64 job)
{
	dsm_segment *segment;
	Control    *copy = NULL;

	if (dsm_find_mapping(handle) != NULL)
		return NULL;			/* a process of the job looks at itself */
	segment = dsm_attach(handle);
	if (segment == NULL)
		return NULL;
	if (is_control_of(segment, job))
	{
		Control    *control = dsm_segment_address(segment);
		Size		size = control_size(control->nslots);

		copy = palloc(size);
		SpinLockAcquire(&control->mutex);
		memcpy(copy, control, size);
		SpinLockRelease(&control->mutex);
	}
	dsm_detach(segment);
	return copy;
}

void
pgcopy_control_set_snapshot(Control *control, ControlSlot *slot,
							const char *name)
{
	SpinLockAcquire(&control->mutex);
	strlcpy(slot ? slot->snapshot : control->snapshot, name,
			CONTROL_NAME_LENGTH);
	SpinLockRelease(&control->mutex);
}

/* Add a name to the list unless it is empty. */
static List *
add_snapshot(List *names, Control *control, const char *shared)
{
	char	   *name = palloc(CONTROL_NAME_LENGTH);

	SpinLockAcquire(&control->mutex);
	memcpy(name, shared, CONTROL_NAME_LENGTH);
	SpinLockRelease(&control->mutex);
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

	SpinLockAcquire(&control->mutex);
	proc = slot->proc;
	SpinLockRelease(&control->mutex);
	if (proc != NULL)
		SetLatch(&proc->procLatch);
}

void
pgcopy_control_wake_leader(Control *control)
{
	SetLatch(&control->leader->procLatch);
}
