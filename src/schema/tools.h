/*-------------------------------------------------------------------------
 *
 * tools.h
 *	  Where pg_dump and pg_restore are, and what version they have.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_TOOLS_H
#define PGCOPY_TOOLS_H

typedef struct DumpTools
{
	char	   *pg_dump;
	char	   *pg_restore;
	int			major_version;
} DumpTools;

/*
 * Find both, run both with --version (once per process).  Errors: not there (58P01), of two
 * versions, or older than the source (0A000).
 */
extern DumpTools *pgcopy_tools_find(int source_version);

/* Only check: that the tools are there and not older than the source. */
extern void pgcopy_tools_check(int source_version);

#endif							/* PGCOPY_TOOLS_H */
