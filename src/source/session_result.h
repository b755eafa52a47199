/*-------------------------------------------------------------------------
 *
 * session_result.h
 *	  A query's bare result, for the files of this room only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SESSION_RESULT_H
#define PGCOPY_SESSION_RESULT_H

#include "source/session.h"

/*
 * Run SQL and return its result, the first failed one if there is one, never
 * NULL; the caller clears it.  Without params several statements may stand in
 * it.  Throws when the connection is lost.
 */
extern struct pg_result *pgcopy_session_result(SourceSession *session,
											   const char *sql, int nparams,
											   const char *const *params);

#endif							/* PGCOPY_SESSION_RESULT_H */
