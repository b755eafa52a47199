/*-------------------------------------------------------------------------
 *
 * warnings.h
 *	  What pg_dump and pg_restore say while all goes well.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_WARNINGS_H
#define PGCOPY_WARNINGS_H

#include "lib/stringinfo.h"
#include "schema/dump.h"

/*
 * Add what a tool has said on stderr to the warnings of a dump.  Of a tool that
 * tells its progress only warnings count, of any other every word.
 */
extern void pgcopy_warnings_add(SourceDump *dump, const char *tool,
								bool tells_progress, const StringInfo said);

#endif							/* PGCOPY_WARNINGS_H */
