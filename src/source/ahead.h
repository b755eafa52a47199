/*-------------------------------------------------------------------------
 *
 * ahead.h
 *	  Ask the source ahead: all that will be asked next, in one message.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_AHEAD_H
#define PGCOPY_AHEAD_H

#include "source/session.h"

/*
 * Say that pgcopy_session_query() or pgcopy_session_query_row() will be called with
 * these arguments, before the next command of the session and without any need of
 * what other answers say.  Asks nothing yet.
 */
extern void pgcopy_ahead_foresee(SourceSession *session, const char *sql, int columns,
								 int nparams, const char *const *params);

/*
 * Ask now what was foreseen and not asked, while something else goes on.  In a
 * transaction, throws what the source says if one of the questions fails.
 */
extern void pgcopy_ahead_ask(SourceSession *session);

/* Forget what was foreseen, whether or not it was asked. */
extern void pgcopy_ahead_forget(SourceSession *session);

#endif							/* PGCOPY_AHEAD_H */
