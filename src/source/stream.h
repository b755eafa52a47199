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
 * Start a COPY.  The stream belongs to the current memory context.  Before its
 * end the session takes no query, see pgcopy_session_abandon().
 */
extern CopyStream *pgcopy_stream_open(SourceSession *session, const char *sql);

/* For series.c: the same for a COPY that was asked for before. */
extern CopyStream *pgcopy_stream_join(SourceSession *session, const char *sql);

/*
 * Read the next message, which is one row (in binary the first one begins with
 * the file header).  Returns its length, -1 at the end.  The data is writable,
 * ends with a zero byte, and is valid until the next call.
 */
extern int	pgcopy_stream_next(CopyStream *stream, char **data);

/* Return how many columns the source says it sends. */
extern int	pgcopy_stream_columns(const CopyStream *stream);

/* Return how many bytes have been read. */
extern int64 pgcopy_stream_bytes(const CopyStream *stream);

/* At the end: throw unless the source says that it sent so many rows. */
extern void pgcopy_stream_check_rows(const CopyStream *stream, int64 rows);

/* Did the source end the COPY with an error?  Then drain the stream to go on. */
extern bool pgcopy_stream_has_failed(const CopyStream *stream);
extern void pgcopy_stream_drain(CopyStream *stream);

extern SourceSession *pgcopy_stream_session(const CopyStream *stream);

/* At the end: free the stream. */
extern void pgcopy_stream_close(CopyStream *stream);

#endif							/* PGCOPY_STREAM_H */
