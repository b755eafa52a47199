/*-------------------------------------------------------------------------
 *
 * hidden.h
 *	  Definitions that the source does not show to our role.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_HIDDEN_H
#define PGCOPY_HIDDEN_H

#include "nodes/pg_list.h"
#include "source/session.h"

/* Objects of one kind. */
typedef struct HiddenObjects
{
	char	   *names;			/* of the first of them */
	char	   *message;		/* with their number, and what is missing */
	const char *hint;
} HiddenObjects;

/* A List of them, in the current memory context; NIL where all is seen. */
extern List *pgcopy_hidden_find(SourceSession *session);

#endif							/* PGCOPY_HIDDEN_H */
