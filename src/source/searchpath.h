/*-------------------------------------------------------------------------
 *
 * searchpath.h
 *	  The search_path that sessions of the source's database have.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SEARCHPATH_H
#define PGCOPY_SEARCHPATH_H

#include "source/session.h"

/*
 * Ask for it, into the current memory context: the database's setting, else what
 * a session of this role begins with.  "" if the source's answer is no path.
 */
extern char *pgcopy_searchpath_ask(SourceSession *session);

#endif							/* PGCOPY_SEARCHPATH_H */
