/*-------------------------------------------------------------------------
 *
 * reader.h
 *	  Read rows from a copy stream, as values in the order of a local relation.
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
 * Create a reader in the current memory context.  "econtext" is for defaults of
 * columns that the source does not have.
 */
extern RowReader *pgcopy_reader_open(Relation relation, const LoadTable *table,
									 CopyStream *stream, ExprContext *econtext);

/*
 * Read the next row into values[] and nulls[], which have the relation's width;
 * return false at the end.  Values are allocated in the current memory context
 * or point into the stream's buffer, which the next call reuses.
 */
extern bool pgcopy_reader_next(RowReader *reader, Datum *values, bool *nulls);

/* Return the row's number and the column being read (or NULL). */
extern int64 pgcopy_reader_row(const RowReader *reader);
extern const char *pgcopy_reader_column(const RowReader *reader);

extern void pgcopy_reader_close(RowReader *reader);

#endif							/* PGCOPY_READER_H */
