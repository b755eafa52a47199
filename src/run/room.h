/*-------------------------------------------------------------------------
 *
 * room.h
 *	  Whether the source has room for a session beside that of the leader.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_ROOM_H
#define PGCOPY_ROOM_H

#include "source/session.h"

/*
 * pg_dump has failed: when the source has no room for one more session, throw
 * that as the reason.  53400 where its role or database never has, 53300 where
 * others are in the way.
 */
extern void pgcopy_room_check(SourceSession *session,
							  const SourceConninfo *conninfo, int copiers);

#endif							/* PGCOPY_ROOM_H */
