/*-------------------------------------------------------------------------
 *
 * hidden.h
 *	  Definitions that the source does not show to our role.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_HIDDEN_H
#define PGCOPY_HIDDEN_H

#include "base/finding.h"
#include "source/session.h"

/*
 * A List of Finding, notices, one for each kind of objects, in the current memory
 * context; NIL where all is seen.
 */
extern List *pgcopy_hidden_find(SourceSession *session);

#endif							/* PGCOPY_HIDDEN_H */
