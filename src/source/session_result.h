/*-------------------------------------------------------------------------
 *
 * session_result.h
 *	  Bare connections and results, for the files of this room only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SESSION_RESULT_H
#define PGCOPY_SESSION_RESULT_H

#include "source/session.h"

/* As pgcopy_session_open, but nothing has been asked or set yet. */
extern SourceSession *pgcopy_session_connect(const SourceConninfo *conninfo,
											 const char *application_name);

/* The whole time for connecting, ms; -1: no limit. */
extern long pgcopy_session_connect_time(const SourceConninfo *conninfo);

/*
 * Run SQL and return its result, the first failed one if there is one, never
 * NULL; the caller clears it.  Without params several statements may stand in
 * it.  Throws when the connection is lost.
 */
extern struct pg_result *pgcopy_session_result(SourceSession *session,
											   const char *sql, int nparams,
											   const char *const *params);

#endif							/* PGCOPY_SESSION_RESULT_H */
