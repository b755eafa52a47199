/*-------------------------------------------------------------------------
 *
 * tools.h
 *	  Find pg_dump and pg_restore and their version.
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
 * Find both and run them with --version, once per process while the files stay
 * the same.  Throws 58P01 if they are not there, 0A000 if their versions differ
 * or are older than the source, 38000 if one does not tell its version.
 */
extern DumpTools *pgcopy_tools_find(int source_version);

/* Throw the same errors. */
extern void pgcopy_tools_check(int source_version);

#endif							/* PGCOPY_TOOLS_H */
