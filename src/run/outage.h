/*-------------------------------------------------------------------------
 *
 * outage.h
 *	  A source that is away, and how long it is waited for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_OUTAGE_H
#define PGCOPY_OUTAGE_H

#include "run/leader.h"

/*
 * The source could not be reached, or a session to it was lost: say so, and
 * when to try again.  Throws the error when it says something else, when the
 * time is over, or when the source has been away too often.  Outside a
 * transaction.
 */
extern void pgcopy_outage_note(Leader *leader, ErrorData *error);

/* The source can be reached. */
extern void pgcopy_outage_end(Leader *leader);

/* Whether it is away, and it is not yet time to try again. */
extern bool pgcopy_outage_goes_on(const Leader *leader);

/* Wait until it is. */
extern void pgcopy_outage_wait(Leader *leader);

#endif							/* PGCOPY_OUTAGE_H */
