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

#endif							/* PGCOPY_SESSION_SETTINGS_H */
