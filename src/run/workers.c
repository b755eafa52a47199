/*-------------------------------------------------------------------------
 *
 * workers.c
 *	  The workers of a job, as its leader sees them.
 *
 * Worker slots of the server are short (max_worker_processes is 8 by
 * default): what cannot be started now is tried again after a pause, and the
 * job goes on with what it has.
 *
 * A worker that dies is an event like any other.  The postmaster sets our
 * latch, since we are bgw_notify_pid, and the handle says that it is gone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "run/workers.h"

/* How long to leave the postmaster alone when it had no slot for us. */
#define PAUSE_WHEN_SHORT (2 * USECS_PER_SEC)

/* Workers that may end unheard in a row before that is an error. */
#define MAX_FALSE_STARTS 5

struct Workers
{
	Control    *control;
	ProcessArgs args;
	BackgroundWorkerHandle **handles;	/* by slot; NULL: nobody */
	int			count;
	int			false_starts;
	TimestampTz not_before;		/* start nobody until then */
	bool		is_short;
};

Workers *
pgcopy_workers_create(Control *control, const ProcessArgs *args)
{
	Workers    *workers = palloc0(sizeof(Workers));

	workers->control = control;
	workers->args = *args;
	workers->handles = palloc0(sizeof(BackgroundWorkerHandle *) * control->nslots);
	return workers;
}

int
pgcopy_workers_count(const Workers *workers)
{
	return workers->count;
}

bool
pgcopy_workers_are_short(const Workers *workers)
{
	return workers->is_short;
}

static SlotState
get_state(const Workers *workers, int slot)
{
	SlotState	state;

	LWLockAcquire(&workers->control->lock, LW_SHARED);
	state = workers->control->slots[slot].state;
	LWLockRelease(&workers->control->lock);
	return state;
}

static void
set_state(Workers *workers, int slot, SlotState state)
{
	LWLockAcquire(&workers->control->lock, LW_EXCLUSIVE);
	workers->control->slots[slot].state = state;
	LWLockRelease(&workers->control->lock);
}

static void
clear_live_figures(ControlSlot *slot)
{
	pg_atomic_write_u32(&slot->item, 0);
	pg_atomic_write_u64(&slot->rows, 0);
	pg_atomic_write_u64(&slot->bytes, 0);
	pg_atomic_write_u64(&slot->bytes_before, 0);
}

static void
empty_slot(Workers *workers, int slot)
{
	ControlSlot *s = &workers->control->slots[slot];

	LWLockAcquire(&workers->control->lock, LW_EXCLUSIVE);
	s->state = SLOT_FREE;
	s->pid = 0;
	s->proc = NULL;
	s->snapshot[0] = '\0';
	LWLockRelease(&workers->control->lock);
	clear_live_figures(s);
	pfree(workers->handles[slot]);
	workers->handles[slot] = NULL;
	workers->count--;
}

/* Start one worker in a free slot; false when the server has none for us. */
static bool
start_one(Workers *workers, int slot)
{
	workers->args.slot = slot + 1;
	set_state(workers, slot, SLOT_STARTING);
	if (!pgcopy_process_start_worker(&workers->args, &workers->handles[slot]))
	{
		set_state(workers, slot, SLOT_FREE);
		workers->handles[slot] = NULL;
		return false;
	}
	workers->count++;
	return true;
}

void
pgcopy_workers_start(Workers *workers, int n)
{
	TimestampTz now = GetCurrentTimestamp();

	if (now < workers->not_before)
		return;
	for (int i = 0; i < workers->control->nslots && n > 0; i++)
	{
		if (workers->handles[i] != NULL)
			continue;
		workers->is_short = !start_one(workers, i);
		if (workers->is_short)
		{
			workers->not_before = now + PAUSE_WHEN_SHORT;
			return;
		}
		n--;
	}
}

static void
fill_event(const ControlSlot *slot, WorkerEvent *event)
{
	event->outcome = slot->outcome;
	event->nitems = slot->nitems;
	memcpy(event->items, slot->items, sizeof(int) * slot->nitems);
	event->failed = slot->failed;
	event->sqlerrcode = slot->sqlerrcode;
	event->rows = slot->rows_total;
	event->bytes = slot->bytes_total;
	event->wants_to_leave = slot->wants_to_leave;
}

/* A worker is gone: what was it doing? */
static bool
bury_worker(Workers *workers, int slot, WorkerEvent *event)
{
	ControlSlot *s = &workers->control->slots[slot];
	SlotState	state = get_state(workers, slot);

	fill_event(s, event);
	event->slot = slot;
	event->has_died = state == SLOT_BUSY;
	empty_slot(workers, slot);
	if (state == SLOT_STARTING && ++workers->false_starts >= MAX_FALSE_STARTS)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("workers of the job end before they begin"),
				 errhint("The server log says why.")));
	if (state == SLOT_STARTING)
		workers->not_before = GetCurrentTimestamp() + PAUSE_WHEN_SHORT;
	return state == SLOT_BUSY || state == SLOT_REPORTED;
}

bool
pgcopy_workers_next_event(Workers *workers, WorkerEvent *event)
{
	for (int i = 0; i < workers->control->nslots; i++)
	{
		pid_t		pid;

		if (workers->handles[i] == NULL)
			continue;
		if (get_state(workers, i) == SLOT_REPORTED)
		{
			workers->false_starts = 0;
			memset(event, 0, sizeof(*event));
			event->slot = i;
			fill_event(&workers->control->slots[i], event);
			clear_live_figures(&workers->control->slots[i]);
			set_state(workers, i, event->wants_to_leave ? SLOT_LEAVING : SLOT_IDLE);
			if (event->wants_to_leave)
				pgcopy_control_wake(workers->control, &workers->control->slots[i]);
			return true;
		}
		if (GetBackgroundWorkerPid(workers->handles[i], &pid) == BGWH_STOPPED)
		{
			memset(event, 0, sizeof(*event));
			if (bury_worker(workers, i, event))
				return true;
		}
	}
	return false;
}

int
pgcopy_workers_find_idle(const Workers *workers)
{
	for (int i = 0; i < workers->control->nslots; i++)
	{
		if (workers->handles[i] != NULL && get_state(workers, i) == SLOT_IDLE)
			return i;
	}
	return -1;
}

void
pgcopy_workers_assign(Workers *workers, int slot, const int *items, int nitems,
					  BuildShare share)
{
	ControlSlot *s = &workers->control->slots[slot];

	Assert(nitems > 0 && nitems <= CONTROL_MAX_BATCH);
	LWLockAcquire(&workers->control->lock, LW_EXCLUSIVE);
	Assert(s->state == SLOT_IDLE);
	memcpy(s->items, items, sizeof(int) * nitems);
	s->nitems = nitems;
	s->share = share;
	s->rows_total = 0;
	s->bytes_total = 0;
	s->state = SLOT_BUSY;
	LWLockRelease(&workers->control->lock);
	pgcopy_control_wake(workers->control, s);
}

void
pgcopy_workers_wake_all(Workers *workers)
{
	for (int i = 0; i < workers->control->nslots; i++)
		pgcopy_control_wake(workers->control, &workers->control->slots[i]);
}

void
pgcopy_workers_kill(Workers *workers)
{
	for (int i = 0; i < workers->control->nslots; i++)
	{
		if (workers->handles[i] != NULL)
			TerminateBackgroundWorker(workers->handles[i]);
	}
}

static void
wait_for_all(Workers *workers)
{
	for (int i = 0; i < workers->control->nslots; i++)
	{
		if (workers->handles[i] == NULL)
			continue;
		(void) WaitForBackgroundWorkerShutdown(workers->handles[i]);
		empty_slot(workers, i);
	}
}

void
pgcopy_workers_stop(Workers *workers)
{
	pgcopy_workers_kill(workers);
	wait_for_all(workers);
}

/* A worker that starts now finds its slot LEAVING and goes. */
void
pgcopy_workers_dismiss(Workers *workers)
{
	for (int i = 0; i < workers->control->nslots; i++)
	{
		if (workers->handles[i] != NULL)
			set_state(workers, i, SLOT_LEAVING);
	}
	pgcopy_workers_wake_all(workers);
	wait_for_all(workers);
}
