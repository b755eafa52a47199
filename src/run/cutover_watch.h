/*-------------------------------------------------------------------------
 *
 * cutover_watch.h
 *	  A timer that interrupts a cutover that nobody wants, or that takes too long.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_CUTOVER_WATCH_H
#define PGCOPY_CUTOVER_WATCH_H

#include "datatype/timestamp.h"

#include "run/control.h"

typedef enum CutoverFault
{
	CUTOVER_FAULT_NONE,
	CUTOVER_FAULT_UNWANTED,		/* the caller is gone, or has cancelled */
	CUTOVER_FAULT_LATE			/* the deadline is over */
} CutoverFault;

/*
 * Begin: from now on whatever the process does is cancelled, as by SIGINT, once the
 * caller does not want it.  Set a deadline: or once that is over; 0: none.  End:
 * returns why it has interrupted, if it has.
 */
extern void pgcopy_cutover_watch_begin(Control *control);
extern void pgcopy_cutover_watch_set_deadline(TimestampTz deadline);
extern CutoverFault pgcopy_cutover_watch_end(void);

#endif							/* PGCOPY_CUTOVER_WATCH_H */
