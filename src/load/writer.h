/*-------------------------------------------------------------------------
 *
 * writer.h
 *	  Rows into a local relation, in batches.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_WRITER_H
#define PGCOPY_WRITER_H

#include "executor/tuptable.h"
#include "nodes/execnodes.h"
#include "utils/relcache.h"

typedef struct RowWriter RowWriter;

typedef enum WriteMethod
{
	WRITE_FROZEN,				/* heap, nobody looks: frozen, no indexes */
	WRITE_PLAIN,				/* another access method, no indexes */
	WRITE_WITH_INDEXES,			/* ordinary inserts, constraints' triggers */
	WRITE_ROUTED,				/* ordinary inserts into the partitions */
	WRITE_ROUTED_FROZEN			/* the same, but frozen where they are heaps */
} WriteMethod;

/* Lives in the current memory context; the relation stays locked and open. */
extern RowWriter *pgcopy_writer_open(Relation relation, WriteMethod method);

/* Where the caller puts the next row's values, and for its defaults. */
extern TupleTableSlot *pgcopy_writer_slot(RowWriter *writer);
extern ExprContext *pgcopy_writer_econtext(RowWriter *writer);

/*
 * For what belongs to a row.  Reset by the writer when a batch is through.
 */
extern MemoryContext pgcopy_writer_row_context(RowWriter *writer);

/*
 * Check and take the row in the slot, as COPY would; returns whether a batch
 * has been written.  Called in the row context.
 */
extern bool pgcopy_writer_put(RowWriter *writer);

/* Write what is left and let go of everything. */
extern void pgcopy_writer_close(RowWriter *writer);

#endif							/* PGCOPY_WRITER_H */
