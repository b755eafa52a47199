/*-------------------------------------------------------------------------
 *
 * trace.h
 *	  Whether a picture of the source's definitions may have become another, cheaply.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_TRACE_H
#define PGCOPY_TRACE_H

#include "source/session.h"

/* What the catalogs looked like at a moment. */
typedef struct Trace
{
	char	   *since;			/* an xid: all rows from before it were there to be seen */
	char	   *text;			/* what to compare, of no meaning else */
} Trace;

/*
 * Look at what a picture and the relations of publications (names, a text[]) are read
 * from.  To be compared with a trace of before (else NULL): if their texts are equal, no
 * transaction that wrote to these catalogs has committed between the two.  Outside a
 * transaction of the session; into the current memory context.
 */
extern Trace *pgcopy_trace_read(SourceSession *session, const char *publications,
								const Trace *before);

#endif							/* PGCOPY_TRACE_H */
