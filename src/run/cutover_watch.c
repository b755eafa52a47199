/*-------------------------------------------------------------------------
 *
 * cutover_watch.c
 *	  A timer that interrupts a cutover that nobody wants, or that takes too long.
 *
 * The leader may wait for the source, for a lock here, or copy rows, each in its own
 * code.  All of that can be cancelled, so a timer of this process asks for it the way
 * statement_timeout does.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "run/cutover_watch.h"

/* Time between two looks, ms. */
#define LOOK_INTERVAL 20

static TimeoutId timer;
static bool has_timer = false;

/* Read by the timer's handler. */
static Control *volatile watched = NULL;
static volatile TimestampTz watched_deadline = 0;
static volatile sig_atomic_t fault = CUTOVER_FAULT_NONE;

/* In a signal handler. */
static void
look(void)
{
	Control    *control = watched;

	if (control == NULL)
		return;
	if (pg_atomic_read_u32(&control->cutover.is_unwanted) != 0)
		fault = CUTOVER_FAULT_UNWANTED;
	else if (watched_deadline != 0 && GetCurrentTimestamp() >= watched_deadline)
		fault = CUTOVER_FAULT_LATE;
	if (fault != CUTOVER_FAULT_NONE)
	{
		InterruptPending = true;
		QueryCancelPending = true;
		SetLatch(MyLatch);
	}
	enable_timeout_after(timer, LOOK_INTERVAL);
}

/* An exiting process unmaps the segment; the timer must not look at it then. */
static void
end_at_exit(int code, Datum arg)
{
	(void) pgcopy_cutover_watch_end();
}

void
pgcopy_cutover_watch_begin(Control *control)
{
	if (!has_timer)
	{
		timer = RegisterTimeout(USER_TIMEOUT, look);
		before_shmem_exit(end_at_exit, (Datum) 0);
	}
	has_timer = true;
	fault = CUTOVER_FAULT_NONE;
	watched_deadline = 0;
	watched = control;
	enable_timeout_after(timer, LOOK_INTERVAL);
}

void
pgcopy_cutover_watch_set_deadline(TimestampTz deadline)
{
	watched_deadline = deadline;
}

CutoverFault
pgcopy_cutover_watch_end(void)
{
	watched = NULL;
	if (has_timer)
		disable_timeout(timer, false);
	if (fault != CUTOVER_FAULT_NONE)
		QueryCancelPending = false;
	return (CutoverFault) fault;
}
