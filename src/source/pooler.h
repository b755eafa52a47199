/*-------------------------------------------------------------------------
 *
 * pooler.h
 *	  Whether a connection to the source is a session.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_POOLER_H
#define PGCOPY_POOLER_H

#include "source/session.h"

/*
 * Throw unless one process of the source serves this connection, and no other,
 * until it is closed (0A000).  Changes nothing on the source; call it before
 * anything else does.  Returns the number of that process.
 */
extern int	pgcopy_pooler_check(SourceSession *session,
								const SourceConninfo *conninfo,
								const char *application_name);

/* Throw that there is no such process; "detail" says what shows it. */
extern void pgcopy_pooler_refuse(const char *detail) pg_attribute_noreturn();

#endif							/* PGCOPY_POOLER_H */
