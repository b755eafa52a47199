/*-------------------------------------------------------------------------
 *
 * stream.h
 *	  COPY ... TO STDOUT on a session, one message at a time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_STREAM_H
#define PGCOPY_STREAM_H

#include "source/session.h"

typedef struct CopyStream CopyStream;

/*
 * Start a COPY.  The stream goes away with the current memory context; a
 * session whose stream was not read to its end is of no more use.
 */
extern CopyStream *pgcopy_stream_open(SourceSession *session, const char *sql);

/*
 * The next message, which is one row (the first one in binary has the file
 * header in front).  Returns its length, -1 at the end.  The bytes may be
 * written on, have a zero behind them, and are good until the next call.
 */
extern int	pgcopy_stream_next(CopyStream *stream, char **data);

/* Number of columns the source says it sends. */
extern int	pgcopy_stream_columns(const CopyStream *stream);
extern int64 pgcopy_stream_bytes(const CopyStream *stream);

/* Only after the end was seen: throw unless so many rows were sent. */
extern void pgcopy_stream_check_rows(const CopyStream *stream, int64 rows);

/* The same. */
extern void pgcopy_stream_close(CopyStream *stream);

#endif							/* PGCOPY_STREAM_H */
