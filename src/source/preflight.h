/*-------------------------------------------------------------------------
 *
 * preflight.h
 *	  Compare source and target before a job changes anything.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_PREFLIGHT_H
#define PGCOPY_PREFLIGHT_H

#include "base/finding.h"
#include "source/session.h"

/* Options of the job that change a check. */
typedef struct PreflightRequest
{
	bool		with_owners;
	bool		with_privileges;
} PreflightRequest;

/*
 * Run all checks.  Returns a List of Finding in the current memory context, NIL
 * if all is well.  If the source is this same database (55000), that is the only
 * finding.  Needs a transaction.
 */
extern List *pgcopy_preflight_run(SourceSession *session,
								  const PreflightRequest *request);

/* Run a local query of one text column; a List of strings. */
extern List *pgcopy_preflight_names_here(const char *sql);

/*
 * Names that a local query returns and another one, of a text column "what", on
 * the source too.
 */
extern List *pgcopy_preflight_names_shared(SourceSession *session,
										   const char *here_sql,
										   const char *there_sql);

/* Run only the check that the source is another database. */
extern List *pgcopy_preflight_check_database(SourceSession *session);

/*
 * preflight_extensions.c: compare the extensions that are here already with those
 * of the source.
 */
extern List *pgcopy_preflight_check_extensions(SourceSession *session,
											   const PreflightRequest *request);

/*
 * hidden.c: find definitions that the source hides from the job's role.  Returns
 * a List of Finding, one notice per kind of object, in the current memory context.
 */
extern List *pgcopy_hidden_find(SourceSession *session);

/*
 * standby.c: find which relations arrive without content because the source is a
 * standby, and whether it may end the snapshot.  Returns a List of Finding, all notices, in
 * the current memory context.
 */
extern List *pgcopy_standby_find(SourceSession *session, List *relations);

/*
 * properties.c: read the properties of the source database.  Returns a List of
 * DatabaseProperty (base/properties.h) in the current memory context.
 */
extern List *pgcopy_properties_read(SourceSession *session);

#endif							/* PGCOPY_PREFLIGHT_H */
