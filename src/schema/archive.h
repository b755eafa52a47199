/*-------------------------------------------------------------------------
 *
 * archive.h
 *	  The source's schema: an archive of pg_dump, and the text of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_ARCHIVE_H
#define PGCOPY_ARCHIVE_H

#include "lib/stringinfo.h"
#include "schema/dump.h"
#include "schema/tools.h"

/*
 * Run pg_dump.  Returns a memory file with the archive, closed with the current
 * memory context.  Warnings go to dump->warnings; errors are those of dump.h.
 */
extern int	pgcopy_archive_dump(const DumpTools *tools,
								const DumpRequest *request, SourceDump *dump);

typedef struct ArchiveSection
{
	const char *name;			/* "pre-data" or "post-data" */
	Meanwhile	meanwhile;		/* called while its text is made */
} ArchiveSection;

/* Run pg_restore on it for one section.  Returns a memory file with the text. */
extern int	pgcopy_archive_restore(const DumpTools *tools,
								   const DumpRequest *request, SourceDump *dump,
								   int archive, const ArchiveSection *section);

/*
 * warnings.c: add a tool's stderr to dump->warnings: only the warnings if it
 * also reports progress there (--verbose), else every line.
 */
extern void pgcopy_warnings_add(SourceDump *dump, const char *tool,
								bool is_verbose, const StringInfo said);

#endif							/* PGCOPY_ARCHIVE_H */
