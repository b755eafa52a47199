/*-------------------------------------------------------------------------
 *
 * present.h
 *	  Rows that are in a table before the load.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_PRESENT_H
#define PGCOPY_PRESENT_H

#include "nodes/execnodes.h"
#include "utils/relcache.h"

typedef struct PresentRows PresentRows;

/*
 * Note the rows that the relation has, as the active snapshot sees them, in the
 * current memory context; NULL if it is empty.  Only "columns" (char *, those that
 * the source sends) are compared.
 */
extern PresentRows *pgcopy_present_open(Relation relation, List *columns);

/*
 * Whether a row equal to that of the slot is here.  Each row here counts for one
 * row of the source.
 */
extern bool pgcopy_present_take(PresentRows *present, TupleTableSlot *slot);

/*
 * Throw (23505) if a row here has the key of the slot's row and other values.  A
 * row that is equal is left to the index, which throws by itself.  target: with
 * its indexes open as for ON CONFLICT.
 */
extern void pgcopy_present_check_keys(PresentRows *present, ResultRelInfo *target,
									  EState *estate, TupleTableSlot *slot);

extern void pgcopy_present_close(PresentRows *present);

#endif							/* PGCOPY_PRESENT_H */
