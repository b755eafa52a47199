/*-------------------------------------------------------------------------
 *
 * share.c
 *	  What an index build may use of the machine: memory and processes.
 *
 * Memory: all builds of a job share one budget, pgcopy.maintenance_work_mem,
 * or the server's maintenance_work_mem if that is not set.  A build keeps its
 * share until it ends: a sort cannot give memory back.  Each build gets an
 * equal part of the budget, for as many as index_jobs allows and as exist, but
 * no more than it can use.  A large one gets more if all others together leave
 * it.  The last one gets all that is left.
 *
 * Processes: a build gets parallel workers for the cores that the rest of the
 * job leaves idle.  If all are busy, a parallel build costs more than it
 * gains, and takes process slots from our workers.  If no other build is
 * ready, count only half of the running ones: they end soon, and a serial
 * build would leave their cores idle.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <unistd.h>

#include "miscadmin.h"
#include "utils/guc.h"

#include "base/settings.h"
#include "run/leader.h"

/* The smallest maintenance_work_mem, in kB. */
#define LEAST 1024

/* A build can use so many times what it is expected to need. */
#define TOLERANCE 2

/* The running builds. */
typedef struct MemoryInUse
{
	int			builds;			/* assignments */
	int			items;
	int64		need;			/* kB */
	int64		granted;		/* kB */
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

static MemoryInUse
count_in_use(Leader *leader)
{
	Control    *control = leader->control;
	MemoryInUse use = {0};

	for (int i = 0; i < control->nslots; i++)
	{
		/* its items and share are the leader's own */
		ControlSlot *slot = &control->slots[i];

		if (slot->share.memory == 0 || !pgcopy_control_has_assignment(control, slot))
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
	int			waiting = unfinished - use.items - nitems;
	int64		fair;
	int64		spare;

	if (need == 0)
		return 0;
	if (waiting <= 0)
		return (int) Max(left, LEAST);
	fair = pgcopy_share_budget() / Min(use.builds + 1 + waiting,
									   leader->job->options.index_jobs);
	spare = left - (unfinished_need - use.need - need);
	return (int) Max(Min(Max(Min(fair, TOLERANCE * need), Min(spare, need)), left), LEAST);
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
