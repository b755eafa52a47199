/*-------------------------------------------------------------------------
 *
 * writer.h
 *	  Write rows into a local relation, in batches.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_WRITER_H
#define PGCOPY_WRITER_H

#include "executor/tuptable.h"
#include "nodes/execnodes.h"
#include "utils/relcache.h"

#include "load/present.h"

typedef struct RowWriter RowWriter;

typedef enum WriteMethod
{
	WRITE_FROZEN,				/* heap without indexes; see heap/README.md */
	WRITE_PLAIN,				/* other access method, without indexes */
	WRITE_WITH_INDEXES,			/* ordinary inserts; constraint triggers fire */
	WRITE_ROUTED,				/* the same, into partitions */
	WRITE_ROUTED_FROZEN,		/* partitions that are heaps: frozen */
	WRITE_LIVE,					/* ordinary inserts; all triggers fire */
	WRITE_LIVE_ROUTED			/* the same, into partitions */
} WriteMethod;

/*
 * Create a writer in the current memory context.  The caller keeps the relation
 * locked and open.
 */
extern RowWriter *pgcopy_writer_open(Relation relation, WriteMethod method);

/*
 * Compare each row to insert with these, which the relation has already.  With
 * WRITE_WITH_INDEXES only.
 */
extern void pgcopy_writer_beside(RowWriter *writer, PresentRows *present);

/* Clear and return the slot for the next row's values. */
extern TupleTableSlot *pgcopy_writer_slot(RowWriter *writer);

/* Return the context for evaluating defaults. */
extern ExprContext *pgcopy_writer_econtext(RowWriter *writer);

/* Return the memory for values of rows; reset whenever a batch is written. */
extern MemoryContext pgcopy_writer_row_context(RowWriter *writer);

/*
 * Check and take the row in the slot, as COPY would; return whether a batch was
 * written.  Must be called in the row context.
 */
extern bool pgcopy_writer_put(RowWriter *writer);

/* Skip the row in the slot.  Resets the row context. */
extern void pgcopy_writer_skip(RowWriter *writer);

/*
 * Which rows can the current error be about?  Set how far they are before the row
 * that was put last: one row, or a whole batch.  False: any row.
 */
extern bool pgcopy_writer_suspects(const RowWriter *writer, int *oldest,
								   int *newest);

/* Write the remaining rows and free everything. */
extern void pgcopy_writer_close(RowWriter *writer);

#endif							/* PGCOPY_WRITER_H */
