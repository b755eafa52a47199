/*-------------------------------------------------------------------------
 *
 * share.c
 *	  What one index build may take of the machine: memory and processes.
 *
 * Memory: there is one budget for all builds of a job, which is
 * pgcopy.maintenance_work_mem, or the server's maintenance_work_mem where that
 * is not set.  What a build was given is its own until it ends: memory cannot
 * be taken back from a sort.  So each gets an equal share of what is left,
 * counting those that may still come beside it: as many as index_jobs allows
 * and as there are.  A large one gets more where the others are too small to
 * use theirs.  The last build gets all that is left: all of it when it runs
 * alone, for its parallel workers too.
 *
 * Processes: a build gets parallel workers for the cores that nothing else of
 * the job will use beside it.  Where all are busy, a parallel build costs more
 * than it gains, and takes process slots that workers of ours may wait for.
 * But what runs ends, and a build that is serial stays so: the last one would
 * leave the other cores idle.  So it counts only half of those that run.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <unistd.h>

#include "miscadmin.h"
#include "utils/guc.h"

#include "base/settings.h"
#include "run/share.h"

/* The least that the server takes, in kB. */
#define LEAST 1024

/* What the builds that run have, and what they are. */
typedef struct MemoryInUse
{
	int			builds;			/* assignments */
	int			items;
	int64		need;
	int64		granted;
} MemoryInUse;

int64
pgcopy_share_budget(void)
{
	return pgcopy_setting_maintenance_work_mem > 0 ?
		pgcopy_setting_maintenance_work_mem : maintenance_work_mem;
}

static int64
sum_needs(Leader *leader, const int *items, int nitems)
{
	int64		need = 0;

	for (int i = 0; i < nitems; i++)
		need += pgcopy_queue_memory_need(pgcopy_queue_item(leader->queue, items[i]));
	return need;
}

/* What a slot is doing; all else in it that is read here is the leader's own. */
static bool
is_at_work(Control *control, const ControlSlot *slot)
{
	SlotState	state;

	LWLockAcquire(&control->lock, LW_SHARED);
	state = slot->state;
	LWLockRelease(&control->lock);
	return state == SLOT_BUSY || state == SLOT_REPORTED;
}

static MemoryInUse
count_in_use(Leader *leader)
{
	Control    *control = leader->control;
	MemoryInUse use = {0};

	for (int i = 0; i < control->nslots; i++)
	{
		ControlSlot *slot = &control->slots[i];

		if (slot->share.memory == 0 || !is_at_work(control, slot))
			continue;
		use.builds++;
		use.items += slot->nitems;
		use.need += sum_needs(leader, slot->items, slot->nitems);
		use.granted += slot->share.memory;
	}
	return use;
}

static int
share_memory(Leader *leader, const int *items, int nitems)
{
	int64		need = sum_needs(leader, items, nitems);
	int64		unfinished_need;
	int			unfinished = pgcopy_queue_unfinished_builds(leader->queue,
															&unfinished_need);
	MemoryInUse use = count_in_use(leader);
	int64		left = pgcopy_share_budget() - use.granted;
	int			others = Min(unfinished - use.items - nitems,
							 leader->job->options.index_jobs - use.builds - 1);
	int64		fair;
	int64		spare;

	if (need == 0)
		return 0;
	others = Max(others, 0);
	fair = left / (others + 1);
	spare = left - (unfinished_need - use.need - need);
	return (int) Max(Max(fair, Min(spare, need)), LEAST);
}

static int
share_processes(Leader *leader, int running)
{
	int			cores = sysconf(_SC_NPROCESSORS_ONLN);
	int			copies = Min(leader->job->options.table_jobs,
							 pgcopy_queue_unfinished_copies(leader->queue));
	int			ready = pgcopy_queue_ready(leader->queue, LINE_BUILD);
	int			room = leader->job->options.index_jobs - 1 - running;
	int			others = ready == 0 ? running / 2 : running + Min(ready, room);

	return Max(cores - 1 - copies - others, 0);
}

BuildShare
pgcopy_share(Leader *leader, int running, const int *items, int nitems)
{
	BuildShare	share = {
		.memory = share_memory(leader, items, nitems),
		.parallel_workers = share_processes(leader, running)
	};

	return share;
}

void
pgcopy_share_take_all_memory(void)
{
	char		value[32];

	if (pgcopy_setting_maintenance_work_mem == 0)
		return;
	snprintf(value, sizeof(value), "%dkB", pgcopy_setting_maintenance_work_mem);
	SetConfigOption("maintenance_work_mem", value, PGC_USERSET, PGC_S_SESSION);
}
