/*-------------------------------------------------------------------------
 *
 * dumpsettings.h
 *	  The settings in force at each place of a dump.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_DUMPSETTINGS_H
#define PGCOPY_DUMPSETTINGS_H

#include "nodes/nodes.h"
#include "schema/dump.h"

/* What holds where a dump begins. */
extern DumpSettings *pgcopy_dumpsettings_initial(void);

/*
 * Take a statement into account.  Returns false when it is no SET.  Otherwise
 * *current is the settings from here on: the same struct when nothing has
 * changed, else a new one in "context".
 */
extern bool pgcopy_dumpsettings_track(Node *node, DumpSettings **current,
									  MemoryContext context);

#endif							/* PGCOPY_DUMPSETTINGS_H */
