/*-------------------------------------------------------------------------
 *
 * session_settings.h
 *	  What a session to the source is told before anything else.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SESSION_SETTINGS_H
#define PGCOPY_SESSION_SETTINGS_H

#include "source/session.h"

extern void pgcopy_session_settle(SourceSession *session,
								  const SourceConninfo *conninfo);

/*
 * Set again, for the transaction that has just begun, what decides what is read,
 * and throw when it does not run in the session's own process.  Takes the
 * transaction's snapshot.
 */
extern void pgcopy_session_settle_transaction(SourceSession *session);

#endif							/* PGCOPY_SESSION_SETTINGS_H */
