/*-------------------------------------------------------------------------
 *
 * reader.h
 *	  Rows off a copy stream, as values in the order of a local relation.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_READER_H
#define PGCOPY_READER_H

#include "nodes/execnodes.h"
#include "load/table.h"
#include "source/stream.h"

typedef struct RowReader RowReader;

/*
 * Lives in the current memory context.  "econtext" serves the defaults of
 * columns that the source does not have.
 */
extern RowReader *pgcopy_reader_open(Relation relation, const LoadTable *table,
									 CopyStream *stream, ExprContext *econtext);

/*
 * The next row into values[] and nulls[], of the relation's width; what is
 * not in place is allocated in the current memory context and good only until
 * the next call.  Returns false at the end.
 */
extern bool pgcopy_reader_next(RowReader *reader, Datum *values, bool *nulls);
extern int64 pgcopy_reader_row(const RowReader *reader);

/* The column being read, NULL between rows: for the error context. */
extern const char *pgcopy_reader_column(const RowReader *reader);
extern void pgcopy_reader_close(RowReader *reader);

#endif							/* PGCOPY_READER_H */
