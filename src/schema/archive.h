/*-------------------------------------------------------------------------
 *
 * archive.h
 *	  The source's schema in an archive of pg_dump, and its text.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_ARCHIVE_H
#define PGCOPY_ARCHIVE_H

#include "schema/dump.h"
#include "schema/tools.h"

/*
 * Run pg_dump.  Returns a memory file with the archive, closed with the
 * current memory context.  Both note in the dump what the tool warns of.
 */
extern int	pgcopy_archive_dump(const DumpTools *tools,
								const DumpRequest *request, SourceDump *dump);

/*
 * Run pg_restore on it, for one section ("pre-data", "post-data").  Returns a
 * memory file with the text.
 */
extern int	pgcopy_archive_restore(const DumpTools *tools,
								   const DumpRequest *request, SourceDump *dump,
								   int archive, const char *section);

#endif							/* PGCOPY_ARCHIVE_H */
