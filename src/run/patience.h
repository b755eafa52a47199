/*-------------------------------------------------------------------------
 *
 * patience.h
 *	  What people are told while the source makes the leader wait.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_PATIENCE_H
#define PGCOPY_PATIENCE_H

#include "run/leader.h"

/*
 * SessionWaits of the leader's session; arg is the Leader.  In a transaction.
 */
extern void pgcopy_patience_tell(void *arg, int seconds);

#endif							/* PGCOPY_PATIENCE_H */
