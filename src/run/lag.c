/*-------------------------------------------------------------------------
 *
 * lag.c
 *	  How far behind its source a target is, in time, and what becomes of that.
 *
 * Bytes of WAL say little to people.  So remember when the source was where: the lag is
 * the time since it was where the target is now, between two samples by their distance.
 * All times are of this machine's clock, so clocks need not agree; and a source where
 * nothing happens stays where it is, so the lag of an idle one is right.
 *
 * Samples that the target has passed are not needed.  If it falls far behind, the array
 * is full one day, and every second sample goes.
 *
 * Rates are those of the last two minutes, of samples of their own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "run/lag.h"

#define SAMPLES 512

/* Looks that rates are taken from, and the time they must cover, in seconds. */
#define LOOKS 60
#define SHORTEST_RATE 5.0

typedef struct Sample
{
	TimestampTz at;
	XLogRecPtr	source;
} Sample;

typedef struct Look
{
	TimestampTz at;
	XLogRecPtr	source;
	XLogRecPtr	applied;
	int64		safe;			/* -1: no limit */
} Look;

struct Lag
{
	int			nsamples;		/* the oldest first */
	Sample		samples[SAMPLES];
	XLogRecPtr	applied;
	int64		nlooks;			/* so far */
	Look		looks[LOOKS];	/* a ring */
};

Lag *
pgcopy_lag_create(void)
{
	return palloc0(sizeof(Lag));
}

/* Drop every second sample, but not the last one. */
static void
thin_out(Lag *lag)
{
	int			n = 0;

	for (int i = 0; i < lag->nsamples; i++)
	{
		if (i % 2 == 0 || i == lag->nsamples - 1)
			lag->samples[n++] = lag->samples[i];
	}
	lag->nsamples = n;
}

/* Add a sample; of a time when nothing happened keep its two ends. */
static void
add_sample(Lag *lag, TimestampTz at, XLogRecPtr source)
{
	Sample	   *last = lag->samples + lag->nsamples - 1;

	if (lag->nsamples > 0 && source < last->source)
		lag->nsamples = 0;		/* another server took over, or it was restored */
	if (lag->nsamples > 1 && last->source == source && last[-1].source == source)
	{
		last->at = at;
		return;
	}
	if (lag->nsamples == SAMPLES)
		thin_out(lag);
	lag->samples[lag->nsamples].at = at;
	lag->samples[lag->nsamples].source = source;
	lag->nsamples++;
}

void
pgcopy_lag_note_source(Lag *lag, TimestampTz at, XLogRecPtr source, int64 safe)
{
	Look	   *look = &lag->looks[lag->nlooks++ % LOOKS];

	add_sample(lag, at, source);
	look->at = at;
	look->source = source;
	look->applied = lag->applied;
	look->safe = safe;
}

void
pgcopy_lag_note_applied(Lag *lag, TimestampTz at, XLogRecPtr applied)
{
	int			passed = 0;

	lag->applied = Max(lag->applied, applied);
	while (passed + 1 < lag->nsamples &&
		   lag->samples[passed + 1].source <= lag->applied)
		passed++;
	lag->nsamples -= passed;
	memmove(lag->samples, lag->samples + passed, sizeof(Sample) * lag->nsamples);
}

int64
pgcopy_lag_ms(const Lag *lag, TimestampTz now)
{
	const Sample *before = &lag->samples[0];
	const Sample *after = &lag->samples[1];
	TimestampTz at;

	if (lag->nsamples == 0 || lag->applied < before->source)
		return -1;
	at = before->at;
	if (lag->nsamples > 1)
		at += (TimestampTz) ((double) (lag->applied - before->source) /
							 (after->source - before->source) * (after->at - before->at));
	return Max((now - at) / 1000, 0);
}

int64
pgcopy_lag_bytes(const Lag *lag)
{
	const Sample *last = lag->samples + lag->nsamples - 1;

	if (lag->nsamples == 0 || last->source <= lag->applied)
		return 0;
	return (int64) (last->source - lag->applied);
}

/* The newest and the oldest look; returns the seconds between them. */
static double
span(const Lag *lag, const Look **oldest, const Look **newest)
{
	if (lag->nlooks == 0)
		return 0;
	*newest = &lag->looks[(lag->nlooks - 1) % LOOKS];
	*oldest = &lag->looks[lag->nlooks > LOOKS ? lag->nlooks % LOOKS : 0];
	return ((*newest)->at - (*oldest)->at) / (double) USECS_PER_SEC;
}

int64
pgcopy_lag_eta(const Lag *lag)
{
	const Look *oldest;
	const Look *newest;
	double		seconds = span(lag, &oldest, &newest);
	double		gained;

	if (seconds < SHORTEST_RATE || oldest->applied == InvalidXLogRecPtr)
		return -1;
	gained = ((double) (newest->applied - oldest->applied) -
			  (double) (newest->source - oldest->source)) / seconds;
	return gained <= 0 ? -1 : (int64) (pgcopy_lag_bytes(lag) / gained);
}

/* The least room that the slot had in the looks from one on, up to another. */
static int64
least_safe(const Lag *lag, int64 from, int64 to)
{
	int64		least = PG_INT64_MAX;

	for (int64 i = from; i < to; i++)
		least = Min(least, lag->looks[i % LOOKS].safe);
	return least;
}

/*
 * A slot that keeps pace goes on in steps, so its room goes up and down: compare the
 * lowest points of the older and of the newer half.
 */
int64
pgcopy_lag_lost_in(const Lag *lag)
{
	const Look *oldest;
	const Look *newest;
	double		seconds = span(lag, &oldest, &newest) / 2;
	int64		first = Max(0, lag->nlooks - LOOKS);
	int64		middle = (first + lag->nlooks) / 2;
	int64		lost;

	if (seconds < SHORTEST_RATE / 2 || newest->safe < 0)
		return -1;
	lost = least_safe(lag, first, middle) - least_safe(lag, middle, lag->nlooks);
	return lost <= 0 ? -1 : (int64) (newest->safe / (lost / seconds));
}
