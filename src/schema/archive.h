/*-------------------------------------------------------------------------
 *
 * archive.h
 *	  The source's schema in an archive of pg_dump, and its text.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_ARCHIVE_H
#define PGCOPY_ARCHIVE_H

#include "lib/stringinfo.h"
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

/*
 * warnings.c: add what a tool has said on stderr to the warnings of a dump.  Of
 * a tool that tells its progress only warnings count, of any other every word.
 */
extern void pgcopy_warnings_add(SourceDump *dump, const char *tool,
								bool tells_progress, const StringInfo said);

#endif							/* PGCOPY_ARCHIVE_H */
