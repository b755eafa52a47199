/*-------------------------------------------------------------------------
 *
 * series.h
 *	  Several COPYs of the source by one request.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SERIES_H
#define PGCOPY_SERIES_H

#include "nodes/pg_list.h"
#include "source/session.h"
#include "source/stream.h"

typedef struct CopySeries CopySeries;

/* One COPY, and what goes with it. */
typedef struct CopyRequest
{
	const char *lock;			/* table to lock, quoted and qualified; or NULL */
	const char *path;			/* search_path for it, or NULL */
	const char *settings;		/* query that sets more until the locks go, or NULL */
	const char *copy;			/* statement */
} CopyRequest;

/*
 * Send all requests of a List of CopyRequest * as one message.  First locks in ACCESS
 * SHARE mode, NOWAIT, the tables that are named, and releases those of the series
 * before.  Needs a transaction.  Returns NULL if a table cannot be locked now; the
 * transaction stays usable then, and no COPY was begun.
 *
 * *at is the index of the request that an error is about, or of the table that cannot
 * be locked.  The series belongs to the current memory context, and keeps the list.
 * With locks it begins the savepoint of pgcopy_snapshot_clear_error() behind them.
 */
extern CopySeries *pgcopy_series_open(SourceSession *session, List *requests, int *at);

/*
 * The same, and ask a query behind all COPYs, whose answer has so many columns and at
 * most so many rows; NULL: none.
 */
typedef struct SeriesQuery
{
	const char *sql;			/* one statement, without a semicolon */
	int			columns;
	int			rows;
} SeriesQuery;

extern CopySeries *pgcopy_series_open_with(SourceSession *session, List *requests,
										   const SeriesQuery *query, int *at);

/*
 * Once the last stream is closed: read the answer to the query, "take" getting each row
 * (NULL for NULL), which it must copy.  Returns false if the source cannot answer it: the
 * rows that have come are none, then, or not all.
 */
typedef void (*SeriesTake) (void *arg, const char *const *values);
extern bool pgcopy_series_read_query(CopySeries *series, SeriesTake take, void *arg);

/*
 * Return the stream of the next COPY, in the current memory context; close it at its
 * end.  Until the last one is closed the session takes no query, see
 * pgcopy_session_abandon().
 */
extern CopyStream *pgcopy_series_next(CopySeries *series);
extern void pgcopy_series_close_stream(CopySeries *series, CopyStream *stream);

#endif							/* PGCOPY_SERIES_H */
