/*-------------------------------------------------------------------------
 *
 * dumpsettings.h
 *	  The settings in force at each statement of a dump.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_DUMPSETTINGS_H
#define PGCOPY_DUMPSETTINGS_H

#include "nodes/nodes.h"
#include "schema/dump.h"

/* The settings in force where a dump begins. */
extern DumpSettings *pgcopy_dumpsettings_initial(void);

/*
 * Follow a SET; returns false if the statement is none.  *current becomes a new
 * struct, in "context", if a setting changes.
 */
extern bool pgcopy_dumpsettings_track(Node *node, DumpSettings **current,
									  MemoryContext context);

#endif							/* PGCOPY_DUMPSETTINGS_H */
