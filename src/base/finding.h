/*-------------------------------------------------------------------------
 *
 * finding.h
 *	  What a check has found, as a value: the caller decides what it means.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_FINDING_H
#define PGCOPY_FINDING_H

#include "nodes/pg_list.h"

typedef enum FindingLevel
{
	FINDING_NOTICE,				/* people should know */
	FINDING_ERROR				/* the job cannot be done */
} FindingLevel;

/* The texts are as in ereport(); those of a notice are shown without detail. */
typedef struct Finding
{
	FindingLevel level;
	int			sqlerrcode;		/* of an error */
	const char *object;			/* names, or NULL where the texts have them */
	const char *message;
	const char *detail;			/* or NULL */
	const char *hint;			/* or NULL */
} Finding;

/* A list of one finding: a copy, with the texts as they are. */
extern List *pgcopy_finding_list(const Finding *finding);

/*
 * The error that all findings of level error in a list amount to, in the
 * current memory context; NULL when there is none.  One is itself; of several
 * the first gives message and SQLSTATE, and the detail has a line for each.
 */
extern ErrorData *pgcopy_finding_error(const List *findings);

/* Throw that error, if there is one. */
extern void pgcopy_finding_throw(const List *findings);

#endif							/* PGCOPY_FINDING_H */
