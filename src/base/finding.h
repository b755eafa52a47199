/*-------------------------------------------------------------------------
 *
 * finding.h
 *	  What a check has found; the caller decides what to do about it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_FINDING_H
#define PGCOPY_FINDING_H

#include "nodes/pg_list.h"

typedef enum FindingLevel
{
	FINDING_NOTICE,				/* tell the user */
	FINDING_ERROR				/* the job cannot be done */
} FindingLevel;

/* Texts are as in ereport().  A notice is shown without its detail. */
typedef struct Finding
{
	FindingLevel level;
	int			sqlerrcode;		/* of an error */
	const char *object;			/* names; NULL: the texts have them */
	const char *message;
	const char *detail;			/* or NULL */
	const char *hint;			/* or NULL */
} Finding;

/* Make a list of one finding: a copy that shares the texts. */
extern List *pgcopy_finding_list(const Finding *finding);

/*
 * Make one error, in the current memory context, of the findings of level
 * error; NULL if there is none.  The first gives message and SQLSTATE; if there
 * are several, the detail has a line for each.
 */
extern ErrorData *pgcopy_finding_error(const List *findings);

/* Throw that error if there is one. */
extern void pgcopy_finding_throw(const List *findings);

#endif							/* PGCOPY_FINDING_H */
