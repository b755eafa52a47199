/*-------------------------------------------------------------------------
 *
 * choose.h
 *	  Which databases of the source's server are cloned.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_CHOOSE_H
#define PGCOPY_CHOOSE_H

#include "base/options.h"
#include "catalog/server.h"
#include "source/session.h"

/*
 * Read the databases of the source, and choose those that match one of the
 * patterns (char *; NIL: all).  Returns a List of ServerDatabase, the largest first,
 * with those that cannot be cloned as left out, in the current memory context.
 * Throws for a pattern that is not valid or matches nothing, and if nothing is
 * left to clone.
 */
extern List *pgcopy_choose_databases(SourceSession *session, List *patterns,
									 const JobOptions *options);

/*
 * Throw if this server lacks what a database needs that is not here; tell by
 * NOTICE what is left out, and where a database that is here differs.
 */
extern void pgcopy_choose_check(const List *databases);

/* As pgcopy_server_insert() takes them. */
extern char *pgcopy_choose_to_json(const List *databases);

#endif							/* PGCOPY_CHOOSE_H */
