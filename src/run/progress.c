/*-------------------------------------------------------------------------
 *
 * progress.c
 *	  What the leader publishes about its job: counts, rate, percent, ETA.
 *
 * Percent counts the cost of items, in bytes of reading and writing: of items
 * done, plus the bytes read by each running copy, up to its cost.  It never
 * decreases, even if an item starts over, and stays below 100 until the job is
 * done.
 *
 * Rate and ETA come from a ring of samples, two per second: the rate from the
 * last five seconds, the ETA from the whole ring, which keeps it steady.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "catalog/job.h"
#include "link/link.h"
#include "run/progress.h"
#include "run/server_area.h"

#define SAMPLE_INTERVAL 500		/* ms */
#define SAMPLES 128
#define RATE_SAMPLES 10

typedef struct Sample
{
	TimestampTz at;
	int64		bytes;
	int64		cost;
} Sample;

struct Progress
{
	int64		job;
	Control    *control;
	Queue	   *queue;			/* NULL while there is no plan */
	int64		rows_done;		/* committed */
	int64		bytes_done;
	int			percent;		/* high-water mark */
	Sample		samples[SAMPLES];
	int64		nsamples;		/* taken so far */
	int64		seen_bytes[CONTROL_MAX_SLOTS];	/* of each worker */
	TimestampTz moved[CONTROL_MAX_SLOTS];	/* when those changed; 0: idle */
};

Progress *
pgcopy_progress_create(int64 job, Control *control)
{
	Progress   *progress = palloc0(sizeof(Progress));

	progress->job = job;
	progress->control = control;
	return progress;
}

void
pgcopy_progress_set_queue(Progress *progress, Queue *queue, int64 rows_done,
						  int64 bytes_done)
{
	progress->queue = queue;
	progress->rows_done = rows_done;
	progress->bytes_done = bytes_done;
}

void
pgcopy_progress_add(Progress *progress, int64 rows, int64 bytes)
{
	progress->rows_done += rows;
	progress->bytes_done += bytes;
}

void
pgcopy_progress_set_message(Progress *progress, const char *message)
{
	Control    *control = progress->control;
	int			length = message ? strlen(message) : 0;

	if (length >= CONTROL_MESSAGE_LENGTH)
		length = pg_mbcliplen(message, length, CONTROL_MESSAGE_LENGTH - 1);
	LWLockAcquire(&control->lock, LW_EXCLUSIVE);
	if (length > 0)
		memcpy(control->totals.message, message, length);
	control->totals.message[length] = '\0';
	LWLockRelease(&control->lock);
}

/* Does a worker wait on a socket or its latch, not for a lock or a disk? */
static bool
waits_for_source(Control *control, int slot)
{
	bool		is_waiting;

	LWLockAcquire(&control->lock, LW_SHARED);
	is_waiting = control->slots[slot].state == SLOT_BUSY &&
		control->slots[slot].proc != NULL &&
		control->slots[slot].proc->wait_event_info == PG_WAIT_EXTENSION;
	LWLockRelease(&control->lock);
	return is_waiting;
}

/* Note when a worker last made progress or did not wait for the source. */
static void
watch_worker(Progress *progress, int slot, int64 bytes)
{
	if (bytes == progress->seen_bytes[slot] && progress->moved[slot] != 0 &&
		waits_for_source(progress->control, slot))
		return;
	progress->seen_bytes[slot] = bytes;
	progress->moved[slot] = GetCurrentTimestamp();
}

int
pgcopy_progress_find_silent(const Progress *progress, int *seconds)
{
	TimestampTz now = GetCurrentTimestamp();

	for (int i = 0; i < progress->control->nslots; i++)
	{
		*seconds = (int) ((now - progress->moved[i]) / USECS_PER_SEC);
		if (progress->moved[i] != 0 && *seconds >= SILENCE_NOTED)
			return i + 1;
	}
	return 0;
}

/*
 * Add what a process has read but not committed.  Returns the bytes, or -1 if
 * it works on no item.
 */
static int64
add_live(Progress *progress, ControlSlot *slot, int64 *rows, int64 *bytes,
		 int64 *cost)
{
	uint32		no = pg_atomic_read_u32(&slot->item);
	int64		read = pg_atomic_read_u64(&slot->bytes);
	int64		before = pg_atomic_read_u64(&slot->bytes_before);

	if (no == 0 || no > pgcopy_queue_size(progress->queue))
		return -1;
	*rows += pg_atomic_read_u64(&slot->rows);
	*bytes += read + before;
	*cost += Min(read, pgcopy_queue_item(progress->queue, no)->cost) + before;
	return read + before;
}

/* Count what has been read so far, committed or not. */
static void
count_live(Progress *progress, int64 *rows, int64 *bytes, int64 *cost)
{
	Control    *control = progress->control;
	QueueCounts *counts = pgcopy_queue_counts(progress->queue);

	*rows = progress->rows_done;
	*bytes = progress->bytes_done;
	*cost = counts->cost_done;
	(void) add_live(progress, &control->own, rows, bytes, cost);
	for (int i = 0; i < control->nslots; i++)
	{
		int64		read = add_live(progress, &control->slots[i], rows, bytes, cost);

		if (read < 0)
			progress->moved[i] = 0;
		else
			watch_worker(progress, i, read);
	}
}

static const Sample *
sample_back(const Progress *progress, int64 back)
{
	int64		oldest = Max(0, progress->nsamples - SAMPLES);

	return &progress->samples[Max(oldest, progress->nsamples - 1 - back) % SAMPLES];
}

/* Units per second between two samples; -1 if they are too close. */
static double
rate_between(const Sample *from, const Sample *to, int64 units)
{
	double		seconds = (to->at - from->at) / (double) USECS_PER_SEC;

	return seconds < 0.2 ? -1 : units / seconds;
}

static void
fill_totals(Progress *progress, ControlTotals *totals)
{
	QueueCounts *counts = pgcopy_queue_counts(progress->queue);
	const Sample *now = sample_back(progress, 0);
	const Sample *recent = sample_back(progress, RATE_SAMPLES);
	const Sample *oldest = sample_back(progress, SAMPLES - 1);
	double		cost_rate = rate_between(oldest, now, now->cost - oldest->cost);
	int64		percent = now->cost * 100 / Max(counts->cost_total, 1);

	progress->percent = Max(progress->percent, (int) Min(percent, 99));
	totals->percent = progress->percent;
	totals->tables_done = counts->tables_done;
	totals->indexes_done = counts->indexes_done;
	totals->bytes_per_second =
		(int64) rate_between(recent, now, now->bytes - recent->bytes);
	totals->eta_seconds = cost_rate <= 0 ? -1 :
		(int64) (Max(counts->cost_total - now->cost, 0) / cost_rate);
}

void
pgcopy_progress_publish(Progress *progress)
{
	Control    *control = progress->control;
	TimestampTz now = GetCurrentTimestamp();
	ControlTotals totals = {0};
	Sample	   *sample;

	if (progress->queue == NULL)
		return;
	if (progress->nsamples > 0 &&
		now - sample_back(progress, 0)->at < SAMPLE_INTERVAL * INT64CONST(1000))
		return;

	sample = &progress->samples[progress->nsamples++ % SAMPLES];
	sample->at = now;
	count_live(progress, &totals.rows_done, &sample->bytes, &sample->cost);
	totals.bytes_done = sample->bytes;
	fill_totals(progress, &totals);

	LWLockAcquire(&control->lock, LW_EXCLUSIVE);
	memcpy(totals.message, control->totals.message, CONTROL_MESSAGE_LENGTH);
	control->totals = totals;
	LWLockRelease(&control->lock);
}

void
pgcopy_progress_store(Progress *progress)
{
	QueueCounts *counts;
	JobTotals	totals;

	if (progress->queue == NULL)
		return;
	counts = pgcopy_queue_counts(progress->queue);
	totals.percent = progress->percent;
	totals.tables_done = counts->tables_done;
	totals.tables_total = counts->tables_total;
	totals.indexes_done = counts->indexes_done;
	totals.indexes_total = counts->indexes_total;
	totals.rows_done = progress->rows_done;
	totals.bytes_done = progress->bytes_done;
	totals.bytes_total = counts->bytes_total;
	pgcopy_job_set_totals(progress->job, &totals);
	pgcopy_server_area_tell_totals(&totals);
}
