/*-------------------------------------------------------------------------
 *
 * lag.h
 *	  How far behind its source a target is, in time, and what becomes of that.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_LAG_H
#define PGCOPY_LAG_H

#include "access/xlogdefs.h"
#include "datatype/timestamp.h"

typedef struct Lag Lag;

/* Create it in the current memory context; it does not grow. */
extern Lag *pgcopy_lag_create(void);

/* The source is at this position, and safe_wal_size of the slot (-1: no limit). */
extern void pgcopy_lag_note_source(Lag *lag, TimestampTz at, XLogRecPtr source, int64 safe);

/* All before "applied" is here. */
extern void pgcopy_lag_note_applied(Lag *lag, TimestampTz at, XLogRecPtr applied);

/* Milliseconds since the source was where the target is; -1: not known. */
extern int64 pgcopy_lag_ms(const Lag *lag, TimestampTz now);

/* Bytes of WAL between the two, as far as is known of the source. */
extern int64 pgcopy_lag_bytes(const Lag *lag);

/* Seconds until the target has caught up, at the present rates; -1: not known, or never. */
extern int64 pgcopy_lag_eta(const Lag *lag);

/* Seconds until the slot is lost, if it goes on like that; -1: it does not lose ground. */
extern int64 pgcopy_lag_lost_in(const Lag *lag);

#endif							/* PGCOPY_LAG_H */
