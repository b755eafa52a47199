/*-------------------------------------------------------------------------
 *
 * preflight.h
 *	  Checks of source against target before the first statement.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_PREFLIGHT_H
#define PGCOPY_PREFLIGHT_H

#include "base/finding.h"
#include "source/session.h"

/* What is to be cloned, as far as a check depends on it. */
typedef struct PreflightRequest
{
	bool		with_owners;
	bool		with_privileges;
} PreflightRequest;

/*
 * All checks, in an open transaction: a List of Finding in the current memory
 * context, NIL when all is well.  Where the source is this same database
 * (55000), nothing else is looked at.
 */
extern List *pgcopy_preflight_run(SourceSession *session,
								  const PreflightRequest *request);

/* That check alone. */
extern List *pgcopy_preflight_check_database(SourceSession *session);

/*
 * hidden.c: definitions that the source does not show to our role.  A List of
 * Finding, notices, one for each kind of objects, in the current memory context;
 * NIL where all is seen.
 */
extern List *pgcopy_hidden_find(SourceSession *session);

#endif							/* PGCOPY_PREFLIGHT_H */
