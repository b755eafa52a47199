/*-------------------------------------------------------------------------
 *
 * workers.c
 *	  The workers of a job, as its leader sees them.
 *
 * Process slots are scarce (max_worker_processes is 8 by default).  If none is
 * free, retry after a pause and go on with the workers that exist; with none
 * at all the leader works itself (alone.c).
 *
 * A worker's death is an event.  The postmaster sets our latch, since we are
 * bgw_notify_pid, and the handle tells that it is gone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "run/workers.h"

/* Pause after no process slot was free. */
#define PAUSE_WHEN_SHORT (2 * USECS_PER_SEC)

/* The leader works itself after this long without a worker. */
#define PATIENCE_WHEN_ALONE (1 * USECS_PER_SEC)

/* Throw after this many workers in a row ended before they started. */
#define MAX_FALSE_STARTS 5

struct Workers
{
	Control    *control;
	ProcessArgs args;
	BackgroundWorkerHandle **handles;	/* by slot; NULL: no worker */
	bool	   *has_session;	/* by slot; has one or is about to open it */
	int			count;
	int			limit;			/* -1: none */
	int			false_starts;
	TimestampTz not_before;		/* start no worker until then */
	TimestampTz short_since;	/* no process slot was free; 0: the last start
								 * succeeded */
};

Workers *
pgcopy_workers_create(Control *control, const ProcessArgs *args)
{
	Workers    *workers = palloc0(sizeof(Workers));

	workers->control = control;
	workers->args = *args;
	workers->limit = -1;
	workers->handles = palloc0(sizeof(BackgroundWorkerHandle *) * control->nslots);
	workers->has_session = palloc0(sizeof(bool) * control->nslots);
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
	return workers->short_since != 0;
}

bool
pgcopy_workers_cannot_be_had(const Workers *workers)
{
	return workers->count == 0 && workers->short_since != 0 &&
		GetCurrentTimestamp() - workers->short_since >= PATIENCE_WHEN_ALONE;
}

static SlotState
get_state(const Workers *workers, int slot)
{
	return pgcopy_control_get_state(workers->control, &workers->control->slots[slot]);
}

static void
set_state(Workers *workers, int slot, SlotState state)
{
	LWLockAcquire(&workers->control->lock, LW_EXCLUSIVE);
	workers->control->slots[slot].state = state;
	LWLockRelease(&workers->control->lock);
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
	pgcopy_control_clear_live(s);
	pfree(workers->handles[slot]);
	workers->handles[slot] = NULL;
	workers->has_session[slot] = false;
	workers->count--;
}

/*
 * Start a worker in a free slot.  Returns false if the server has no process
 * slot.
 */
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
pgcopy_workers_limit(Workers *workers, int limit)
{
	workers->limit = limit;
}

void
pgcopy_workers_start(Workers *workers, int n)
{
	TimestampTz now = GetCurrentTimestamp();

	if (now < workers->not_before)
		return;
	if (workers->limit == 0 && workers->short_since == 0)
		workers->short_since = now;
	if (workers->limit >= 0)
		n = Min(n, workers->limit - workers->count);
	for (int i = 0; i < workers->control->nslots && n > 0; i++)
	{
		if (workers->handles[i] != NULL)
			continue;
		if (!start_one(workers, i))
		{
			workers->not_before = now + PAUSE_WHEN_SHORT;
			if (workers->short_since == 0)
				workers->short_since = now;
			return;
		}
		workers->short_since = 0;
		n--;
	}
}

static void
fill_event(const ControlSlot *slot, WorkerEvent *event)
{
	memset(event, 0, sizeof(*event));
	event->outcome = slot->outcome;
	event->nitems = slot->nitems;
	memcpy(event->items, slot->items, sizeof(int) * slot->nitems);
	event->failed = slot->failed;
	event->done = slot->done;
	event->begun = slot->begun;
	event->sqlerrcode = slot->sqlerrcode;
	event->need = slot->need;
	event->rows = slot->rows_total;
	event->bytes = slot->bytes_total;
}

/*
 * Free the slot of a dead worker.  Returns true if it had an assignment, with
 * an event for that.
 */
static bool
bury_worker(Workers *workers, int slot, WorkerEvent *event)
{
	ControlSlot *s = &workers->control->slots[slot];
	SlotState	state = get_state(workers, slot);

	fill_event(s, event);
	event->has_died = state == SLOT_BUSY;
	empty_slot(workers, slot);
	if (state == SLOT_STARTING && ++workers->false_starts >= MAX_FALSE_STARTS)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("workers of the job exit before they start"),
				 errhint("See the server log for the reason.")));
	if (state == SLOT_STARTING)
		workers->not_before = GetCurrentTimestamp() + PAUSE_WHEN_SHORT;
	return state == SLOT_BUSY || state == SLOT_REPORTED;
}

bool
pgcopy_workers_next_event(Workers *workers, WorkerEvent *event)
{
	for (int i = 0; i < workers->control->nslots; i++)
	{
		ControlSlot *slot = &workers->control->slots[i];
		pid_t		pid;

		if (workers->handles[i] == NULL)
			continue;
		if (get_state(workers, i) == SLOT_REPORTED)
		{
			workers->false_starts = 0;
			fill_event(slot, event);
			workers->has_session[i] = slot->has_session;
			pgcopy_control_clear_live(slot);
			set_state(workers, i, slot->wants_to_leave ? SLOT_LEAVING : SLOT_IDLE);
			if (slot->wants_to_leave)
				pgcopy_control_wake(workers->control, slot);
			return true;
		}
		if (GetBackgroundWorkerPid(workers->handles[i], &pid) == BGWH_STOPPED &&
			bury_worker(workers, i, event))
			return true;
	}
	return false;
}

/* Find an idle worker with or without a session; -1 if there is none. */
static int
find_idle(const Workers *workers, bool has_session)
{
	for (int i = 0; i < workers->control->nslots; i++)
	{
		if (workers->handles[i] != NULL &&
			workers->has_session[i] == has_session &&
			get_state(workers, i) == SLOT_IDLE)
			return i;
	}
	return -1;
}

int
pgcopy_workers_find_idle(const Workers *workers)
{
	int			slot = find_idle(workers, false);

	return slot >= 0 ? slot : find_idle(workers, true);
}

int
pgcopy_workers_find_reader(const Workers *workers, int limit)
{
	int			slot = find_idle(workers, true);

	if (slot < 0 && pgcopy_workers_count_sessions(workers) < limit)
		slot = find_idle(workers, false);
	return slot;
}

int
pgcopy_workers_count_sessions(const Workers *workers)
{
	int			count = 0;

	for (int i = 0; i < workers->control->nslots; i++)
		count += workers->has_session[i];
	return count;
}

void
pgcopy_workers_expect_session(Workers *workers, int slot)
{
	workers->has_session[slot] = true;
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

/* A worker that is starting finds its slot LEAVING and exits. */
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
