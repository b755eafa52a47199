/*-------------------------------------------------------------------------
 *
 * advise.h
 *	  Tell which settings of this server make a job slow.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_ADVISE_H
#define PGCOPY_ADVISE_H

#include "run/leader.h"

/*
 * Look at what is to be done and note what would help, in the current
 * transaction: for pgcopy_notices and the server log.
 */
extern void pgcopy_leader_advise(Leader *leader);

#endif							/* PGCOPY_ADVISE_H */
